"""The customer's written word: what counts by itself, what a named person reads, and what comes instead (B, Y3)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from rules.calendar import day_in_words
from tests.procedures.bridges import answer_terms, confirm, give_prices, listed, offered, reference, the_bridge
from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    WEBHOOK,
    assert_done,
    assert_ended_as,
    launch,
    mails,
    notes,
    ordered,
    settings,
)
from tests.procedures.requests import ADA, FRIDA, MATTHEW, ROBERTA, SAM, TOM, bridge

VISIO = ("Visio Plan 1", 3, "Monthly")
TICKET, NUMBER = 700175, "T20261118.0012"
BEN = "ben@contoso.example"


def fabrikam_bridge(**changed: Any) -> dict[str, Any]:
    """Fabrikam Inc can't wait for two Power BI Pro."""
    return bridge(
        customer="Fabrikam Inc",
        ticket="T20261119.0004",
        confirmer=FRIDA,
        product="Power BI Pro",
        seats=2,
        quote_line="Power BI Pro",
        **changed,
    )


async def read_as(bench: Bench, run: UUID, action: str, **more: str) -> Any:
    """Tom reads the newest message that is listed, and says what it means."""
    newest = (await listed(bench, run))[-1]
    return await bench.answer(run, **{"action": action, "decided_by": TOM, "evidence": newest, **more})


async def written(bench: Bench, run: UUID, round_: int = 1, **answer: Any) -> None:
    """The customer writes, and reconcile finds it."""
    await answer_terms(bench, run, round_, **answer)
    await bench.reconcile()


def sentence(ref: str, seats: int = 3) -> str:
    return f"I confirm {ref}: {seats} × Visio Plan 1"


async def test_the_offered_sentence_counts_by_itself(bench: Bench) -> None:
    """As HTML, with non-breaking blanks and a full stop, above our quoted mail, hours late and delivered twice."""
    run = await offered(bench)
    ref = await reference(bench, run)
    odd = sentence(ref).replace(" ", "\N{NO-BREAK SPACE}", 2).replace("confirm", "Confirm") + "."
    await answer_terms(bench, run, html=f"<p>&nbsp;</p><div>{odd}<br></div><p>Best,<br>Ada</p>", delay=7200, times=2)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-1"
    assert not ordered(bench)
    bench.sandbox.advance(hours=3)
    await bench.reconcile()
    assert await bench.waits_for(run) == "agreement-1"
    assert ordered(bench) == [VISIO]
    lying = [one for one in bench.sandbox.get("mails", direction="received")["mails"] if one["from"] == ADA]
    assert len(lying) == 2
    assert sorted("ALLGGIT/Contoso Ltd" in one["folder"] for one in lying) == [False, True]
    assert "On the word of: ada@contoso.example" in notes(bench, TICKET)["confirmed 1"]
    dates = (await the_bridge(bench, run)).dates
    [told] = mails(bench, ADA, "your licences are ordered")
    assert day_in_words(dates.term_end) in told.text
    await bench.reconcile()
    await bench.answer(run, action="look again", decided_by=TOM)
    assert ordered(bench) == [VISIO]


async def test_a_mail_in_the_contacts_name_is_read_by_a_person_who_is_warned(bench: Bench) -> None:
    """Anybody can write Ada's address and the sentence. Her own, with the same words, counts by itself."""
    run = await offered(bench)
    await answer_terms(bench, run, sentence=True, authenticated=False)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-1"
    assert not ordered(bench)
    assert len(await listed(bench, run)) == 1
    warned = f"could not verify that this came from {ADA}: anybody may have written it"
    assert warned in plain(await bench.form(run))
    assert mails(bench, TOM, "please read it")
    await read_as(bench, run, "asks")
    assert await listed(bench, run) == []
    await confirm(bench, run)
    assert ordered(bench) == [VISIO]
    assert f"On the word of: {ADA}" in notes(bench, TICKET)["confirmed 1"]


async def test_everything_else_is_read_by_a_named_person(bench: Bench) -> None:
    """An ok, a no above our quoted terms, other seats, the sentence in the quotation only: none orders anything.

    Then asked, then four wanted: new terms and a new agreement for four, a note confirms them, four are ordered.
    """
    run = await offered(bench)
    first, ref = await bench.envelope(run), await reference(bench, run)
    texts = ["ok", "no", "ok but 4", f"Yes, see below.\n\n> {sentence(ref)}", f"I confirm {ref}: 4 × Visio Plan 1"]
    for text in texts:
        await answer_terms(bench, run, text=text)
    await answer_terms(bench, run, sentence=True, new_conversation=True)
    await answer_terms(bench, run, html="<p>Thank you!</p>", unique_body="")
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-1"
    assert len(await listed(bench, run)) == len(texts) + 2
    form = plain(await bench.form(run))
    assert all(text.splitlines()[0] in form for text in texts)
    [asked] = mails(bench, TOM, "please read it")
    assert "say what it means" in asked.text
    await bench.answer(run, action="confirms as sent", decided_by=TOM)
    assert "choose the message that you have read" in await bench.form(run)
    await bench.answer(run, action="confirms as sent", decided_by=ADA, evidence=(await listed(bench, run))[0])
    assert not ordered(bench)
    await read_as(bench, run, "asks")
    assert len(await listed(bench, run)) == len(texts) + 1 and not ordered(bench)
    await read_as(bench, run, "wants other seats", seats="Visio Plan 1 = many")
    assert "is not a number of seats" in plain(await bench.form(run))
    async with settings(release="sent directly"):
        await read_as(bench, run, "wants other seats", seats="Visio Plan 1 = 4")
    assert await bench.waits_for(run) == "confirmation-2"
    second = next(tag for tag in (await bench.run(run)).tags if tag.startswith("envelope:") and first not in tag)
    papers = {one["envelopeId"]: one for one in bench.sandbox.records("docusign.envelopes")}
    assert papers[first]["status"] == "voided"
    assert papers[second.removeprefix("envelope:")]["status"] == "sent"
    terms = mails(bench, ADA, "please confirm the terms")
    assert [sentence(ref, 4) in one.text for one in terms] == [False, True]

    await answer_terms(bench, run, 1, sentence=True)  # to the old terms: for three
    await bench.reconcile()
    assert not ordered(bench)
    bench.sandbox.post(
        "autotask/notes", {"ticketNumber": NUMBER, "email": BEN, "title": "Re: terms", "description": "Four it is."}
    )
    await bench.answer(run, action="look again", decided_by=TOM)
    assert not ordered(bench)
    assert "note:" in (await listed(bench, run))[-1] and "Four it is" in plain(await bench.form(run))
    await read_as(bench, run, "confirms as sent")
    assert ordered(bench) == [("Visio Plan 1", 4, "Monthly")]
    assert "as read in full by tom@northgate.example" in notes(bench, TICKET)["confirmed 2"]
    assert "You chose 'confirms as sent'" in mails(bench, TOM, "You chose 'confirms")[0].text
    assert await bench.waits_for(run) == "agreement-2"


async def test_an_attached_message_counts_if_it_is_the_customers_own(bench: Bench) -> None:
    """Somebody else's and one dated after its attaching can't be chosen; the customer's own is read and counts."""
    run = await offered(bench)
    bench.sandbox.advance(seconds=90)
    later = (bench.sandbox.now() + timedelta(hours=3)).isoformat()
    for told in (
        {"from": "Mallory <mallory@evil.example>", "text": "ok, three"},
        {"from": f"Rita <{'rita@contoso.example'}>", "text": "ok from the desk"},
        {"from": f"Ada Byte <{ADA}>", "text": "ok, from the future", "date": later},
    ):
        bench.sandbox.post("autotask/attachments", {"ticketNumber": NUMBER, "resource": TOM, "eml": told})
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await listed(bench, run) == []
    assert "mallory@evil.example is no authorised contact" in plain(await bench.form(run))
    own = {"from": f"Ada Byte <{ADA}>", "text": "Yes please, three of Visio.", "message_id": "<own@contoso.example>"}
    bench.sandbox.post("autotask/attachments", {"ticketNumber": NUMBER, "resource": TOM, "eml": own})
    await bench.answer(run, action="look again", decided_by=TOM)
    assert len(await listed(bench, run)) == 1
    assert not ordered(bench)
    await read_as(bench, run, "confirms as sent")
    assert ordered(bench) == [VISIO]
    assert await bench.waits_for(run) == "agreement-1"


async def test_the_mail_itself_counts_although_it_was_attached_too(bench: Bench) -> None:
    """Ada's reply lies in the mailbox and as an .eml on the ticket: one message, and it needs no reading."""
    run = await offered(bench)
    await answer_terms(bench, run)
    [reply] = [one for one in bench.sandbox.get("mails", direction="received")["mails"] if one["from"] == ADA]
    bench.sandbox.post("autotask/attachments", {"ticketNumber": NUMBER, "resource": TOM, "mail": reply["id"]})
    earlier = (bench.sandbox.now() - timedelta(seconds=30)).isoformat()
    forged = {"from": ADA, "text": "no", "date": earlier, "message_id": reply["internet_message_id"]}
    bench.sandbox.post("autotask/attachments", {"ticketNumber": NUMBER, "resource": TOM, "eml": forged})
    await bench.reconcile()
    assert ordered(bench) == [VISIO]


async def test_a_no_ends_it_and_a_later_message_is_read_before_an_earlier_yes_counts(bench: Bench) -> None:
    """Ada confirms and thinks better of it before anybody looked: nothing is ordered until that was read; a no ends."""
    run = await offered(bench)
    await answer_terms(bench, run)
    await answer_terms(bench, run, text="Stop, please don't order anything.")
    await bench.reconcile()
    assert not ordered(bench)
    state = await read_as(bench, run, "says no")
    assert_ended_as(state, "Refused by the customer")
    assert not ordered(bench)
    assert bench.sandbox.get(f"records/docusign.envelopes/{await bench.envelope(run)}")["status"] == "voided"
    assert mails(bench, TOM, "nothing was ordered")

    again = await offered(bench)
    await answer_terms(bench, again)
    await answer_terms(bench, again, text="By the way, when does it come?")
    await bench.reconcile()
    assert not ordered(bench)
    await read_as(bench, again, "asks")
    assert ordered(bench) == [VISIO]


async def test_no_answer_is_reminded_and_closed(bench: Bench) -> None:
    """Reminded after a business day; two days after the day needed it is closed, and all are told (B5)."""
    day = bench.sandbox.today() + timedelta(days=4)
    run = await offered(bench, needed_by=day.isoformat())
    await bench.reconcile()
    assert len(mails(bench, ADA, "please confirm the terms")) == 1
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert [one.subject.startswith("Reminder:") for one in mails(bench, ADA, "please confirm the terms")] == [
        False,
        True,
    ]
    bench.sandbox.advance(days=4)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-1", "the second day after is not over yet"
    bench.sandbox.advance(days=1)
    await bench.reconcile()
    assert_ended_as(await bench.state(run), "No confirmation")
    [told] = mails(bench, ADA, "nothing was ordered")
    assert TOM in told.cc
    ours = mails(bench, TOM, "no confirmation")
    assert len(ours) == 1 and ROBERTA in ours[0].cc
    assert bench.sandbox.get(f"records/docusign.envelopes/{await bench.envelope(run)}")["status"] == "voided"
    assert not ordered(bench)


async def test_the_sentence_in_answer_to_the_reminder_counts_too(bench: Bench) -> None:
    """The reminder holds the same terms and the same sentence."""
    run = await offered(bench, needed_by=(bench.sandbox.today() + timedelta(days=9)).isoformat())
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    bench.sandbox.advance(seconds=60)
    bench.sandbox.post(f"mails/{await reference(bench, run)}%2Fterms-1-again/answer", {"sentence": True})
    await bench.reconcile()
    assert ordered(bench) == [VISIO]


async def test_a_reply_that_is_too_old_at_ordering_gets_new_terms(bench: Bench) -> None:
    """Our cost rose, pricing takes four business days: Ada's word is too old by then, and new terms go out (B5)."""
    run = await offered(bench, needed_by=(bench.sandbox.today() + timedelta(days=20)).isoformat())
    product = next(one for one in bench.sandbox.records("pax8.products") if one["name"].startswith("Visio Plan 1 ["))
    prices = [{**price, "buy": str(float(price["buy"]) + 0.37)} for price in product["prices"]]
    bench.sandbox.change("pax8.products", product["id"], prices=prices)
    await written(bench, run, sentence=True)
    waits = await bench.waits_for(run)
    assert waits.startswith("bridge-cost-risen"), waits
    bench.sandbox.advance(days=7)
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert (await bench.waits_for(run)).startswith("bridge-cost-risen")  # another day: looked at again
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert await bench.waits_for(run) == "confirmation-2"
    assert not ordered(bench)
    await answer_terms(bench, run, 1, sentence=True)  # to the old terms
    await bench.reconcile()
    assert not ordered(bench)
    await written(bench, run, 2, sentence=True)
    assert (await bench.waits_for(run)).startswith("bridge-2-cost-risen")  # the order of the new terms is checked too


async def test_contracts_goes_its_own_way_meanwhile(bench: Bench) -> None:
    """Released by the wrong one, corrected, released, taken back, released: out after ten minutes; then refused."""
    async with settings(objection_minutes=10):
        await play_release(bench)


async def play_release(bench: Bench) -> None:
    run = await launch(bench, bridge())
    assert await bench.waits_for(run) == "confirmation-1"
    envelope = await bench.envelope(run)

    def status() -> str:
        return str(bench.sandbox.get(f"records/docusign.envelopes/{envelope}")["status"])

    [asked] = mails(bench, ROBERTA, "please release")
    assert "The drawing office starts on Wednesday" in asked.text
    await bench.answer(run, action="release the agreement", decided_by=TOM)
    assert "may not decide about the agreement" in await bench.form(run)
    await bench.answer(run, action="correct the draft", decided_by=ROBERTA, prices="Visio Plan 1 = 5.50")
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    await bench.answer(run, action="take back the release", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert status() == "created"
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    await bench.reconcile()
    assert status() == "created"
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert status() == "sent"
    tabs = [t for s in bench.sandbox.get(f"records/docusign.envelopes/{envelope}")["signers"] for t in s["tabs"]]
    assert "5.50" in [tab["value"] for tab in tabs if tab["tabLabel"] == "UnitPrice1"]
    await bench.answer(run, action="take back the release", decided_by=ROBERTA)
    assert "is out already" in await bench.form(run)
    state = await bench.answer(run, action="refuse the draft", decided_by=ROBERTA, note="Not with this customer")
    assert_ended_as(state, "Refused")
    assert status() == "voided"
    assert not ordered(bench)


async def test_signed_before_the_bridge_is_ordered_no_bridge_is_needed(bench: Bench) -> None:
    """B1: completed while the word is awaited it goes on as N; also if DocuSign's call is lost and both have come."""
    run = await offered(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    assert ordered(bench) == [VISIO]
    assert not await bench.runs("signature-deadline")
    assert not [one for one in bench.sandbox.records("autotask.tickets") if ":bridge" in str(one.get("externalID"))]

    bench.sandbox.post("connect", {"mode": "lost"})
    async with settings(release="sent directly"):
        other = await launch(bench, fabrikam_bridge(term="1-Year", annual_reason="Frida asked for it."))
        await bench.answer(
            other,
            action="confirm prices",
            decided_by=MATTHEW,
            monthly_prices="Power BI Pro = 12.00",
            annual_prices="Power BI Pro = 10.00",
        )
        if await bench.waits_for(other) == "objection-pricing":
            bench.sandbox.advance(seconds=700)
            await bench.answer(other, action="look again", decided_by=TOM)
    assert await bench.waits_for(other) == "confirmation-1"
    await bench.answer(other, action="look again", decided_by=TOM)  # DocuSign has just been looked at
    bench.sandbox.post(f"envelopes/{await bench.envelope(other)}/sign", {})
    await answer_terms(bench, other)
    state = await bench.answer(other, action="look again", decided_by=TOM)
    assert ordered(bench)[1:] == [("Power BI Pro", 2, "1-Year")], f"{state.name}: {state.message}"


async def test_what_refuses_the_launch(bench: Bench) -> None:
    """No Monthly term, no reason, no day, a past one, a start date, no right, the wrong senior, there already."""
    today = bench.sandbox.today()
    refused = {
        "B1: why_now": {"why_now": " "},
        "in the past": {"needed_by": (today - timedelta(days=1)).isoformat()},
        "rita@contoso.example) may not confirm": {"confirmer": "rita@contoso.example"},
        "mallory@evil.example is not a contact": {"confirmer": "mallory@evil.example"},
        "is not active in Autotask": {"confirmer": "gil@contoso.example"},
        "ben@contoso.example) may not sign": {"confirmer": BEN},
        f"{TOM} is not another senior colleague": {"senior": TOM},
        "sam@northgate.example is not another senior": {"requester": SAM, "senior": SAM},
        "subscribes to": {
            "product": "Microsoft 365 Business Premium",
            "quote_line": "Microsoft 365 Business Premium",
            "term": "1-Year",
            "annual_reason": "Ada asked.",
        },
    }
    runs = {}
    for why, changed in refused.items():
        runs[why] = await bench.start(**bridge(**changed))
        await bench.play(runs[why])
    told = {why: f"{(s := await bench.state(run)).name}: {s.message}" for why, run in runs.items()}
    assert not {why: text for why, text in told.items() if not text.startswith("Refused")}
    assert not mails(bench) and not bench.sandbox.records("docusign.envelopes") and not ordered(bench)


async def test_a_month_too_short_is_refused_and_annual_has_its_own_terms(bench: Bench) -> None:
    """Closed days leave nothing to bridge; annual asks pricing for both prices, and Y3 (a) to (f) are mailed."""
    today = bench.sandbox.today()
    closed = "\n".join((today + timedelta(days=n)).isoformat() for n in range(0, 35))
    async with settings(closed_days=closed):
        short = await launch(bench, bridge())
    state = await bench.state(short)
    assert state.name == "Refused" and "nothing is left to bridge" in str(state.message)
    assert not mails(bench)
    run = await offered(bench, term="1-Year", annual_reason="Ada asked for it.")
    assert await bench.waits_for(run) == "pricing"
    form = await bench.form(run)
    assert "our cost" in form and "1-Year" in form and "Monthly" in form
    await bench.answer(run, action="confirm prices", decided_by=MATTHEW, monthly_prices="Visio Plan 1 = 6.00")
    assert "annual_prices: no price for Visio Plan 1" in plain(await bench.form(run))
    await give_prices(bench, run)
    [terms] = mails(bench, ADA, "please confirm the terms")
    for part in "abcdef":
        assert f"({part}) " in terms.text
    assert "6.00 USD per seat and month on the monthly term" in terms.text
    assert "5.00 USD per seat and month" in terms.text
    assert terms.cc == (TOM,)
    assert "The terms of Y3" in notes(bench, TICKET)["terms sent 1"]
