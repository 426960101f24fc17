"""A signed agreement can be built from a completed envelope and from nothing else (N5, Y1, I2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.authority import NotCovered, SignedAgreement
from rules.envelope import EnvelopeReading
from tests.rules.examples import CLIENT, COUNTERSIGNER, MSP, ROWS, TERMS, agreement, order, reading, signer

NOT_COMPLETED = [
    "created",
    "sent",
    "delivered",
    "signed",
    "declined",
    "voided",
    "deleted",
    "processing",
    "correct",
    "timedout",
    "template",
    "",
    "Completed",
    " completed",
]

UNSIGNED: dict[str, EnvelopeReading] = {
    **{f"status '{status}'": reading(status=status) for status in NOT_COMPLETED},
    "without a completion time": reading(completed_at=None),
    "without signers": reading(signers=()),
    "signed by us alone": reading(signers=(COUNTERSIGNER,)),
    "in another role": reading(signers=(signer(role="Client Signer"), COUNTERSIGNER)),
    "customer delivered": reading(signers=(signer(status="delivered"), COUNTERSIGNER)),
    "customer signed, not completed": reading(signers=(signer(status="signed"), COUNTERSIGNER)),
    "customer declined": reading(signers=(signer(status="declined"), COUNTERSIGNER)),
    "customer without a signing time": reading(signers=(signer(signed_at=None), COUNTERSIGNER)),
    "second customer's signer outstanding": reading(
        signers=(signer(), signer(email="bo@contoso.example", status="sent", signed_at=None), COUNTERSIGNER)
    ),
    "without fields": reading(fields={}),
    "without a term": reading(fields={**TERMS.fields(ROWS), "Term": ""}),
    "with rows that can't be read": reading(fields={**TERMS.fields(ROWS), "Seats2": "a dozen"}),
    "with no row": reading(fields={k: v for k, v in TERMS.fields(ROWS).items() if not k[-1].isdigit()}),
}


@pytest.mark.parametrize("unsigned", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_it_cannot_be_built_from_anything_unsigned(unsigned: EnvelopeReading) -> None:
    """The refusal names the envelope's or the signer's state, and the clause."""
    with pytest.raises(ValidationError, match=r"N4|N5"):
        agreement(reading=unsigned)


@pytest.mark.parametrize("unsigned", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_smuggled_past_its_own_check_it_covers_nothing(unsigned: EnvelopeReading) -> None:
    """A copy or a bare construction skips pydantic's check: the authority looks again before it says yes."""
    copied = agreement().model_copy(update={"reading": unsigned})
    bare = SignedAgreement.model_construct(reading=unsigned, client_role=CLIENT, may_sign=agreement().may_sign)
    for smuggled in (copied, bare):
        with pytest.raises(NotCovered, match=r"N4|N5"):
            smuggled.assert_covers(order())


statuses = st.sampled_from(["sent", "delivered", "signed", "completed", "declined", "autoresponded"])


@given(
    st.sampled_from([*NOT_COMPLETED, "completed", "completed", "completed"]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([CLIENT, MSP, "Carbon copy"]), statuses, st.booleans()), max_size=4),
)
def test_it_is_built_exactly_when_the_customer_has_signed(
    status: str, timed: bool, signers: list[tuple[str, str, bool]]
) -> None:
    """Completed, with its time, by every signer of the customer and at least one."""
    one = reading(
        status=status,
        completed_at=reading().completed_at if timed else None,
        signers=tuple(
            signer(role=role, status=state, signed_at=signer().signed_at if signed else None)
            for role, state, signed in signers
        ),
    )
    clients = [(state, signed) for role, state, signed in signers if role == CLIENT]
    legal = status == "completed" and timed and bool(clients) and all(one == ("completed", True) for one in clients)
    try:
        agreement(reading=one)
    except ValidationError:
        assert not legal
    else:
        assert legal


def test_it_says_nothing_of_its_own() -> None:
    """Paper, signers and id are DocuSign's reading; nothing said beside it is believed."""
    one = agreement(paper="another", signers=("someone@else.example",), authority_id="other")
    assert one.authority_id == "docusign:e-1"
    assert one.signers == ("ada@contoso.example",)
    assert one.paper.reference == TERMS.reference


def test_a_stored_one_is_checked_when_it_is_loaded() -> None:
    """Persisted and read back it is the same; tampered with, it isn't one any more."""
    stored = agreement().model_dump(mode="json")
    assert SignedAgreement.model_validate(stored) == agreement()
    stored["reading"]["status"] = "sent"
    with pytest.raises(ValidationError):
        SignedAgreement.model_validate(stored)


def test_it_is_frozen() -> None:
    """Nobody moves it to another envelope."""
    one = agreement()
    with pytest.raises(ValidationError):
        one.reading = reading(envelope_id="e-2")  # type: ignore[misc]
    with pytest.raises(ValidationError):
        one.reading.status = "completed"  # type: ignore[misc]
