"""What has become of an envelope: one event for every reading, or none while it is out (docusign.md §5)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.envelope import customer_signed, event_of, in_force, is_dead, signed_by_customer
from rules.events import Declined, Expired, Signed, SignerBounced, Voided
from tests.rules.examples import CLIENT, COUNTERSIGNER, MSP, NOW, reading, signer

OUT = ["created", "sent", "delivered", "signed", "processing", "correct", "template", "", "Completed", "COMPLETED"]


def test_completed_is_signed_at_docusigns_own_time() -> None:
    """The only state that counts as a signed agreement (N5)."""
    assert event_of(reading()) == Signed(envelope_id="e-1", at=NOW - timedelta(hours=1))


@pytest.mark.parametrize("status", OUT)
def test_an_envelope_that_is_still_out_is_no_event(status: str) -> None:
    """Nothing but the end of it wakes anybody, however near it is."""
    pending = reading(status=status, completed_at=None, signers=(signer(status="delivered", signed_at=None),))
    assert event_of(pending) is None


def test_completed_without_its_time_is_not_signed() -> None:
    """A reading that contradicts itself is looked at again, not believed."""
    assert event_of(reading(completed_at=None)) is None


def test_a_completion_time_does_not_make_it_completed() -> None:
    """The status decides, a left-over time doesn't."""
    assert event_of(reading(status="delivered")) is None


def test_a_declined_envelope_names_who_and_why() -> None:
    """The signer who declined, not the one who signed."""
    declined = reading(
        status="declined",
        completed_at=None,
        signers=(signer(), signer(email="bo@contoso.example", status="declined", declined_reason="Too dear")),
    )
    assert event_of(declined) == Declined(envelope_id="e-1", by="bo@contoso.example", reason="Too dear")


def test_a_declined_envelope_without_a_decliner_is_declined_still() -> None:
    """Who it was may be missing; that it is over isn't."""
    assert event_of(reading(status="declined", completed_at=None, signers=())) == Declined(envelope_id="e-1")


@pytest.mark.parametrize("reason", ["Envelope has expired.", "envelope has expired", "Envelope has expired"])
def test_a_void_with_docusigns_own_reason_is_an_expiry(reason: str) -> None:
    """There is no status 'expired' (docusign.md §4.4)."""
    assert event_of(reading(status="voided", completed_at=None, voided_reason=reason)) == Expired(envelope_id="e-1")


@pytest.mark.parametrize("reason", ["Wrong price", "", "The offer has expired", "expired"])
def test_any_other_void_is_somebodys_doing(reason: str) -> None:
    """With the reason that was given, if any."""
    voided = reading(status="voided", completed_at=None, voided_reason=reason)
    assert event_of(voided) == Voided(envelope_id="e-1", reason=reason)


def test_a_deleted_envelope_counts_as_voided() -> None:
    """Somebody took it away; the reason says so."""
    deleted = reading(status="deleted", completed_at=None)
    assert event_of(deleted) == Voided(envelope_id="e-1", reason="deleted in DocuSign")


@pytest.mark.parametrize("status", ["sent", "delivered"])
@pytest.mark.parametrize("role", [CLIENT, COUNTERSIGNER.role])
def test_a_bounced_signer_is_noticed_while_the_envelope_is_out(status: str, role: str) -> None:
    """A bounce leaves the envelope 'sent', so the signers are looked at, ours too."""
    bounced = signer(role=role, status="autoresponded", signed_at=None, bounced_reason="550 no such user")
    found = event_of(reading(status=status, completed_at=None, signers=(signer(), bounced)))
    assert found == SignerBounced(envelope_id="e-1", signer="ada@contoso.example", reason="550 no such user")


@pytest.mark.parametrize(("status", "kind"), [("voided", Voided), ("declined", Declined), ("completed", Signed)])
def test_the_end_of_an_envelope_outweighs_a_bounce(status: str, kind: type) -> None:
    """Once it is over, that is what is told."""
    bounced = signer(status="autoresponded", signed_at=None)
    assert isinstance(event_of(reading(status=status, signers=(bounced,))), kind)


@given(
    st.sampled_from([*OUT, "completed", "declined", "voided", "deleted"]),
    st.booleans(),
    st.lists(st.sampled_from(["sent", "delivered", "completed", "declined", "autoresponded"]), max_size=3),
)
def test_signed_means_completed_and_nothing_else_does(status: str, timed: bool, signers: list[str]) -> None:
    """No combination of signers makes an envelope signed, only DocuSign's 'completed' with its time."""
    found = event_of(
        reading(
            status=status,
            completed_at=NOW if timed else None,
            signers=tuple(signer(status=one, signed_at=None) for one in signers),
        )
    )
    assert isinstance(found, Signed) == (status == "completed" and timed)


signing = st.sampled_from(["created", "sent", "delivered", "signed", "completed", "declined", "autoresponded"])


@given(
    st.sampled_from([*OUT, "declined", "voided", "deleted"]),
    st.lists(st.tuples(st.sampled_from([CLIENT, MSP, "Carbon copy"]), signing), max_size=4),
)
def test_the_customer_has_signed_once_all_of_theirs_have(status: str, signers: list[tuple[str, str]]) -> None:
    """B7: ours may be outstanding, theirs not, and there must be one; whatever became of the envelope since."""
    one = reading(
        status=status,
        completed_at=None,
        signers=tuple(signer(role=role, status=state, signed_at=None) for role, state in signers),
    )
    theirs = [state for role, state in signers if role == CLIENT]
    assert customer_signed(one, CLIENT) == (bool(theirs) and set(theirs) == {"completed"})


editions = st.lists(
    st.tuples(st.sampled_from(["CS-1", "CS-2", ""]), st.integers(1, 3), st.sampled_from([*OUT, "completed", "voided"])),
    max_size=5,
)


@given(editions)
def test_only_a_dead_envelope_with_a_later_edition_says_nothing_any_more(made: list[tuple[str, int, str]]) -> None:
    """B7, Y4: replaced is what is dead, and has a later edition of its own reference; nothing else drops out."""
    readings = tuple(
        reading(reference=reference, edition=edition, status=status, completed_at=None)
        for reference, edition, status in made
    )
    kept = in_force(readings)
    gone = [one for one in readings if one not in kept]
    assert kept == tuple(one for one in readings if one in kept), "in the order in which they were read"
    assert all(one.status == "voided" and one.reference for one in gone)
    for one in readings:
        later = any(other.reference == one.reference and other.edition > one.edition for other in readings)
        assert (one in gone) == (one.status == "voided" and bool(one.reference) and later)
    assert bool(kept) == bool(readings), "the last edition always speaks"


def test_the_customers_signature_counts_until_another_edition_is_in_its_place() -> None:
    """B7: voided or declined by ours it still counts, alone or the latest; replaced it doesn't, nor for another's."""
    theirs = (signer(status="completed"), signer(role=MSP, status="sent", signed_at=None))
    signed = reading(status="voided", completed_at=None, signers=theirs)
    unsigned = (signer(status="delivered", signed_at=None),)
    second = reading(status="sent", completed_at=None, edition=2, signers=unsigned)
    assert signed_by_customer((signed,), CLIENT)
    assert not signed_by_customer((signed, second), CLIENT)
    assert signed_by_customer((signed, second.model_copy(update={"reference": "CS-0002"})), CLIENT)
    assert signed_by_customer((signed, second.model_copy(update={"signers": theirs, "status": "declined"})), CLIENT)
    assert signed_by_customer((signed.model_copy(update={"status": "sent"}), second), CLIENT), "it can be completed yet"
    assert not signed_by_customer((), CLIENT)


@given(st.booleans(), st.lists(signing, max_size=3))
def test_a_completed_envelope_is_never_unsigned(timed: bool, signers: list[str]) -> None:
    """B7: even one that contradicts itself is no reason to end anything; it is still none to order (N5)."""
    one = reading(completed_at=NOW if timed else None, signers=tuple(signer(status=state) for state in signers))
    assert customer_signed(one, CLIENT)
    assert one.is_completed == timed


@given(st.sampled_from([*OUT, "completed", "timedout", "declined", "voided", "deleted", "Voided"]), st.text(max_size=9))
def test_dead_is_what_nobody_can_sign_any_more(status: str, reason: str) -> None:
    """Declined, voided or deleted; expired is voided, whatever the reason says."""
    assert is_dead(reading(status=status, voided_reason=reason)) == (status in ("declined", "voided", "deleted"))


@pytest.mark.parametrize("status", ["declined", "voided", "deleted"])
def test_an_envelope_that_is_dead_has_an_event_that_says_so(status: str) -> None:
    """Whoever waits for it is woken."""
    found = event_of(reading(status=status, completed_at=None))
    assert is_dead(reading(status=status))
    assert isinstance(found, Declined | Voided | Expired)
