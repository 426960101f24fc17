"""What a customer's written word is worth by itself: the offered sentence in a reply, or a person reads it (B3, B5)."""

from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.bridge import OfferedLine, TermsOffer, bridge_reference
from rules.people import AuthorisedContact
from rules.written import Verdict, Written, WrittenKind, judge
from tests.rules import strategies
from tests.rules.examples import ADA, MAILED, TERMS, offer, written

SENTENCE = "I confirm CS-0001: 3 × Visio Plan 1, 12 × Power BI Pro"
BO = AuthorisedContact(name="Bo Byte", email="bo@contoso.example", may_confirm=False, may_sign=True)

offers = strategies.terms().map(offer)


def verdict(one: Written, of: TermsOffer | None = None, may_confirm: tuple[AuthorisedContact, ...] = (ADA,)) -> Verdict:
    """The verdict; a yes has no reason, a no has one sentence with its clause."""
    found, why = judge(one, of or offer(), may_confirm)
    if found is Verdict.CONFIRMS:
        assert why == ""
    else:
        assert why.endswith(".")
        assert "(B3)" in why or "(B5)" in why
    return found


def test_the_bridge_has_a_reference_of_its_own() -> None:
    """Beside that of the agreement: two orders of one request are never taken for one another."""
    assert bridge_reference("CS-0001") == "CS-0001/bridge"


def test_the_sentence_names_the_reference_and_what_is_bought() -> None:
    """The customer reads what is confirmed; it is what a reply has to say."""
    assert offer().sentence == SENTENCE
    assert offer().what == "3 × Visio Plan 1, 12 × Power BI Pro"


@given(offers)
def test_the_offered_sentence_in_a_reply_confirms(of: TermsOffer) -> None:
    """Whatever is offered: nobody has to read what says exactly what we asked for."""
    assert verdict(written(of), of) is Verdict.CONFIRMS


blanks = st.text(" \t\xa0", min_size=1, max_size=4)
blank_lines = st.lists(st.text(" \t\xa0", max_size=3), max_size=3).map(
    lambda lines: "".join(f"{one}\n" for one in lines)
)


@given(
    offers,
    st.sampled_from([str, str.lower, str.upper, str.swapcase]),
    st.sampled_from(["", "."]),
    blanks,
    blank_lines,
    st.sampled_from(["\n", "\r\n"]),
    st.text(max_size=40),
)
def test_case_blanks_and_a_full_stop_make_no_difference(
    of: TermsOffer, letters: Any, stop: str, blank: str, above: str, end: str, below: str
) -> None:
    """As mail programs and people change it; what stands under it is the greeting."""
    assume(letters(of.sentence).casefold() == of.sentence.casefold())
    line = blank.join(letters(of.sentence).split())
    text = f"{above}{blank}{line}{stop}{blank}{end}{below}"
    assert verdict(written(of, own_text=text), of) is Verdict.CONFIRMS


OTHER_WORDS = {
    "ok": "ok",
    "no": "no",
    "ok but four": "ok but 4",
    "the sentence and more": f"{SENTENCE}, but start on Monday",
    "a no before the sentence": f"No. {SENTENCE}",
    "a greeting before the sentence": f"Hi Tom,\n{SENTENCE}",
    "the sentence in quotes": f'"{SENTENCE}"',
    "the sentence quoted": f"> {SENTENCE}",
    "the sentence not confirmed": SENTENCE.replace("I confirm", "I don't confirm"),
    "two full stops": f"{SENTENCE}..",
    "a question": f"{SENTENCE}?",
    "other seats": SENTENCE.replace("3 ×", "4 ×"),
    "ten times the seats": SENTENCE.replace("3 ×", "30 ×"),
    "a product fewer": SENTENCE.partition(",")[0],
    "another product": SENTENCE.replace("Plan 1", "Plan 2"),
    "another reference": SENTENCE.replace("CS-0001", "CS-0002"),
    "the bridge's own reference": SENTENCE.replace("CS-0001", bridge_reference("CS-0001")),
    "an x for the cross": SENTENCE.replace("×", "x"),
    "the lines turned round": "I confirm CS-0001: 12 × Power BI Pro, 3 × Visio Plan 1",
    "over two lines": SENTENCE.replace(", ", ",\n"),
    "nothing": "",
    "blanks": " \xa0\n\t\n",
}


@pytest.mark.parametrize("text", OTHER_WORDS.values(), ids=OTHER_WORDS.keys())
def test_anything_else_needs_a_person_to_read_it(text: str) -> None:
    """Even where it looks like a yes; the quoted part never counts."""
    assert verdict(written(own_text=text)) is Verdict.NEEDS_READING


@given(offers, st.text(max_size=60))
def test_no_other_text_confirms_by_itself(of: TermsOffer, text: str) -> None:
    """Arbitrary words, with the sentence quoted beneath."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    assume(" ".join(first.split()).casefold().rstrip(".") != of.sentence.casefold().rstrip("."))
    said = written(of, own_text=text, whole_text=f"{text}\n> {of.sentence}")
    assert verdict(said, of) is Verdict.NEEDS_READING


@given(offers, offers)
def test_the_sentence_of_other_terms_needs_a_person(one: TermsOffer, other: TermsOffer) -> None:
    """Equal sentences alone answer each other's terms."""
    same = one.sentence.casefold() == other.sentence.casefold()
    assert (verdict(written(one), other) is Verdict.CONFIRMS) == same


@given(st.integers(0, 1), st.data())
def test_one_seat_more_or_fewer_than_offered_needs_a_person(row: int, data: st.DataObject) -> None:
    """The number is the point of it."""
    lines = list(offer().lines)
    seats = data.draw(strategies.seats.filter(lambda seats: seats != lines[row].seats))
    lines[row] = lines[row].model_copy(update={"seats": seats})
    assert verdict(written(offer(lines=tuple(lines)))) is Verdict.NEEDS_READING


@pytest.mark.parametrize("kind", [WrittenKind.NOTE, WrittenKind.ATTACHED])
def test_a_note_and_an_attached_message_are_always_read(kind: WrittenKind) -> None:
    """No thread shows what they answer."""
    assert verdict(written(kind=kind)) is Verdict.NEEDS_READING


@pytest.mark.parametrize(
    ("theirs", "ours"), [("conversation-2", "conversation-1"), ("", "conversation-1"), ("conversation-1", ""), ("", "")]
)
def test_a_mail_of_another_thread_is_read(theirs: str, ours: str) -> None:
    """The sentence may answer an earlier round, whose prices were others; two unknown threads aren't the same."""
    assert verdict(written(conversation_id=theirs), offer(conversation_id=ours)) is Verdict.NEEDS_READING


def test_the_sentence_from_an_address_that_anybody_may_have_written_is_read() -> None:
    """`From` is what the writer says it is; only where the receiving server vouches for the domain it counts alone."""
    forged = written(authenticated=False)
    assert verdict(forged) is Verdict.NEEDS_READING
    assert ADA.email in judge(forged, offer(), (ADA,))[1]


NO_EVIDENCE: dict[str, dict[str, Any]] = {
    "an automatic reply": {"automatic": True},
    "written by one of ours": {"from_us": True},
    "written by a stranger": {"sender": "eve@evil.example"},
    "written by a look-alike": {"sender": "ada@contoso.example.evil.example"},
    "written by nobody known": {"sender": ""},
    "a name in place of the address": {"sender": "Ada Byte"},
    "older than the terms": {"received_at": MAILED - timedelta(seconds=1)},
    "of the terms' very moment": {"received_at": MAILED},
}


@pytest.mark.parametrize("changes", NO_EVIDENCE.values(), ids=NO_EVIDENCE.keys())
@pytest.mark.parametrize("text", [SENTENCE, "ok"])
@pytest.mark.parametrize("kind", WrittenKind)
def test_some_words_are_no_evidence_whatever_they_say(changes: dict[str, Any], text: str, kind: WrittenKind) -> None:
    """Nobody is even asked to read them."""
    assert verdict(written(kind=kind, own_text=text, **changes)) is Verdict.IS_NO_EVIDENCE


@pytest.mark.parametrize(
    "may_confirm",
    [(), (BO,), (ADA.model_copy(update={"may_confirm": False}),), (ADA, ADA.model_copy(update={"may_confirm": False}))],
    ids=["nobody may", "another may", "may sign only", "named twice, once without the right"],
)
def test_who_may_not_confirm_gives_no_evidence(may_confirm: tuple[AuthorisedContact, ...]) -> None:
    """To sign is another right; where two entries disagree, the stricter one counts."""
    assert verdict(written(), may_confirm=may_confirm) is Verdict.IS_NO_EVIDENCE


def test_the_senders_address_is_compared_as_mail_does() -> None:
    """Case doesn't count."""
    assert verdict(written(sender="ADA@Contoso.example ")) is Verdict.CONFIRMS


@given(
    st.booleans(),
    st.booleans(),
    st.sampled_from([ADA.email, BO.email, "eve@evil.example", ""]),
    st.integers(-3, 3),
    st.sampled_from(list(WrittenKind)),
    st.sampled_from(["conversation-1", "conversation-2", ""]),
    st.sampled_from([SENTENCE, f"{SENTENCE}.", "ok", ""]),
    st.booleans(),
)
def test_every_verdict_has_exactly_its_reasons(
    automatic: bool,
    from_us: bool,
    sender: str,
    seconds: int,
    kind: WrittenKind,
    thread: str,
    text: str,
    proven: bool,
) -> None:
    """Who and when first; then who vouches for it, thread and words; whatever is left is read by a person."""
    one = written(
        automatic=automatic,
        from_us=from_us,
        sender=sender,
        received_at=MAILED + timedelta(seconds=seconds),
        kind=kind,
        conversation_id=thread,
        own_text=text,
        authenticated=proven,
    )
    evidence = not automatic and not from_us and sender == ADA.email and seconds > 0
    unaided = proven and kind is WrittenKind.MAIL and thread == "conversation-1" and text.startswith(SENTENCE)
    expected = (Verdict.CONFIRMS if unaided else Verdict.NEEDS_READING) if evidence else Verdict.IS_NO_EVIDENCE
    assert verdict(one, may_confirm=(ADA, BO)) is expected


@given(st.text(min_size=1), st.text(min_size=1))
def test_one_message_is_one_authority_wherever_it_lies(one: str, other: str) -> None:
    """The id is the message's own, whatever folder, text or moment of reading; case makes no second one."""
    first = written(stable_id=one)
    again = written(stable_id=one, source_id="AAMk-2", own_text="other", filed=False, read_at=MAILED)
    assert first.authority_id == again.authority_id
    assert (written(stable_id=other).authority_id == first.authority_id) == (one.casefold() == other.casefold())
    assert written(stable_id="<A@B>").authority_id == written(stable_id="<a@b>").authority_id


def test_the_id_is_one_word_that_fits_a_notes_title() -> None:
    """It stands in the title of the marker."""
    digest = sha256(b"note:401").hexdigest()
    assert written(stable_id="note:401").authority_id == f"written:{digest[:32]}"


@given(st.text(), st.text())
def test_the_digest_is_that_of_the_whole_text(one: str, other: str) -> None:
    """A changed letter is another text, in the quoted part too."""
    assert written(whole_text=one).text_digest == sha256(one.encode()).hexdigest()
    assert (written(whole_text=one).text_digest == written(whole_text=other).text_digest) == (one == other)


@given(
    blank_lines, st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4), blanks, st.text(max_size=9)
)
def test_the_first_line_is_the_first_that_is_not_blank(above: str, words: list[str], blank: str, below: str) -> None:
    """Its blanks collapsed, non-breaking ones too."""
    assert written(own_text=f"{above}{blank}{blank.join(words)}{blank}\n{below}").first_line == " ".join(words)


def test_terms_without_a_line_cannot_be_offered() -> None:
    """Nor with no seats, or a price below nothing."""
    line = dict(offer().lines[0])
    with pytest.raises(ValueError, match="at least 1 item"):
        offer(lines=())
    for wrong in ({"seats": 0}, {"seats": -3}, {"unit_price": Decimal("-0.01")}, {"product_id": ""}):
        with pytest.raises(ValueError, match=r"greater than|at least 1 character"):
            OfferedLine.model_validate({**line, **wrong})


def test_stored_terms_and_words_load_as_they_were() -> None:
    """A run that waits keeps them for days."""
    assert TermsOffer.model_validate_json(offer(TERMS).model_dump_json()) == offer(TERMS)
    assert Written.model_validate_json(written().model_dump_json()) == written()
