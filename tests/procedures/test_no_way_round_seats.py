"""No seat is added but on a word that says exactly so, of this very customer, used for nothing else (I1, S1, S3)."""

from typing import Any

from prefect import flow

from rules.seats import Acknowledged, HeldSeats, SeatRequest
from tasks.later_words import Heard
from tasks.office import office, open_office
from tasks.seats import SeatBasis, write_seats
from tests.procedures.attacks import forge, memory
from tests.procedures.bridges import reference
from tests.procedures.harness import Bench, plain
from tests.procedures.ledger import Ledger, Meant
from tests.procedures.people import assert_done, launch
from tests.procedures.requests import ADA, TOM
from tests.procedures.seats import FABRIKAM, annual_more, answer_question, asked, changes, confirm, held, more, puts
from tests.procedures.test_seats_races import basis_for, read_note

STANDARD = "Microsoft 365 Business Standard"
OTHER_NUMBERS = ("another customer's, with our numbers", "the numbers of another total")
"""Of the forgeries: those that speak of other seats than Pax8 shows."""


async def try_to_add(attempts: list[tuple[SeatRequest, SeatBasis]]) -> list[str]:
    """Call the step that writes, once for each attempt; what became of each."""

    @flow(name="attack")
    async def attack() -> list[str]:
        outcomes = []
        async with open_office():
            for number, (request, basis) in enumerate(attempts, start=1):
                try:
                    outcomes.append((await write_seats(request, basis, 1, number)).kind)
                except Exception as no:
                    outcomes.append(f"{type(no).__name__}: {no}")
        return outcomes

    return await attack()


def holds(bench: Bench) -> None:
    """The sandbox's ledger, asked from outside."""
    assert Ledger(bench.sandbox, Meant()).all_wrong() == []


async def test_only_a_word_that_says_exactly_so_adds_seats(bench: Bench) -> None:
    """Each forged basis is refused, nothing is sent; the true one, last, adds them once, and then never again."""
    run = await launch(bench, more())
    request = SeatRequest.model_validate((await memory(run))["checked-seats"])
    true = await basis_for(bench, request, 3)
    reading, choice = true.reading, true.choice
    assert reading is not None
    fabrikam = held(bench, FABRIKAM, STANDARD)["id"]
    wrote = {"ticketNumber": "T20261118.0012", "title": "Licences", "description": "From 12 to 15 Premium"}
    rita = bench.sandbox.post("autotask/notes", {**wrote, "email": "rita@contoso.example"})["itemId"]
    tom = bench.sandbox.post("autotask/notes", {**wrote, "resource": TOM})["itemId"]
    bare = bench.sandbox.post("autotask/notes", {**wrote, "email": ADA, "description": "15 Premium"})["itemId"]
    old = bench.sandbox.post("autotask/notes", {**wrote, "email": ADA})["itemId"]
    long_ago = "2026-10-01T12:00:00Z"
    bench.sandbox.change("autotask.ticketnotes", old, createDateTime=long_ago, lastActivityDate=long_ago)

    async def in_place(note: int) -> SeatBasis:
        """The same, resting on another note, as if it had been read."""
        said = await read_note(request, note)
        read = reading.model_copy(
            update={"written_id": said.authority_id, "text_digest": said.text_digest, "at": said.read_at}
        )
        evidence = {"evidence": f"note:{note}", "authority_id": said.authority_id, "reading": read}
        return true.model_copy(update=evidence)

    def of(offered: HeldSeats, **changed: Any) -> SeatBasis:
        """The same word, held against something else."""
        offer = true.offer.model_copy(update={"choices": (offered,), **changed})
        named = {"subscription_id": offered.subscription_id, "before": offered.seats, "after": offer.after(offered)}
        return true.model_copy(update={"offer": offer, "choice": offered, "reading": reading.model_copy(update=named)})

    forged = {
        "another customer's subscription": of(choice.model_copy(update={"subscription_id": fabrikam, "seats": 8})),
        "another customer's, with our numbers": of(choice.model_copy(update={"subscription_id": fabrikam})),
        "more than was said": of(choice, added=30),
        "the numbers of another total": of(choice.model_copy(update={"seats": 11}), added=4),
        "nobody read it": true.model_copy(update={"reading": None}),
        "another text was read": true.model_copy(
            update={"reading": reading.model_copy(update={"text_digest": "0" * 64})}
        ),
        "another message": true.model_copy(update={"authority_id": "written:" + "0" * 32}),
        "a message that isn't there": true.model_copy(update={"evidence": "note:1"}),
        "a receptionist's": await in_place(rita),
        "one of ours": await in_place(tom),
        "a bare number": await in_place(bare),
        "older than thirty days": await in_place(old),
    }
    outcomes = await try_to_add([(request, one) for one in forged.values()])
    for name, outcome in zip(forged, outcomes, strict=True):
        if name in OTHER_NUMBERS:
            assert outcome == "changed", (name, outcome)
        else:
            assert outcome.startswith(("NotCovered", "NoSuchEvidence")), (name, outcome)
    assert not puts(bench)

    foreign = request.customer.model_copy(update={"itglue_id": request.customer.itglue_id + 1})
    another = [
        (request.model_copy(update={"customer": foreign}), true),
        (request.model_copy(update={"ticket_number": "T20261119.0004"}), true),
    ]
    assert all("NotCovered" in one for one in await try_to_add(another))
    assert not puts(bench)

    [unread] = await try_to_add([(request, true)])
    assert unread.startswith("WrittenAgain"), "the bare number came later, and nobody has read it"
    assert not puts(bench)
    later = await read_note(request, bare)
    true = true.model_copy(update={"heard": Heard(read=(later.read_as,))})
    assert await try_to_add([(request, true)]) == ["written"]
    assert changes(bench) == [(12, 15)]
    bench.sandbox.change("pax8.subscriptions", choice.subscription_id, quantity=12)  # as if it had never been
    other = request.model_copy(update={"reference": "CS-OTHER"})
    assert (await try_to_add([(other, true)]))[0].startswith("AuthorityUsed")
    assert len(puts(bench)) == 1
    holds(bench)


async def test_nothing_annual_without_the_total_typed(bench: Bench) -> None:
    """S3: no acknowledgement, one of another total, or of another subscription: nothing is sent."""
    run = await launch(bench, annual_more())
    request = SeatRequest.model_validate((await memory(run))["checked-seats"])
    said = {"ticketNumber": "T20261119.0004", "title": "Licences", "email": "frida@fabrikam.example"}
    note = bench.sandbox.post("autotask/notes", {**said, "description": "8 → 10 please"})["itemId"]
    await bench.answer(run, action="look again", decided_by=TOM)
    written = await read_note(request, note)
    true = await basis_for(bench, request, 2, note=note)
    async with open_office():
        at = office().clock.now()
    typed = Acknowledged(by=TOM, at=at, subscription_id=true.subscription_id, total=10)
    for acknowledged in (
        None,
        typed.model_copy(update={"total": 2}),
        typed.model_copy(update={"subscription_id": "s"}),
    ):
        [outcome] = await try_to_add([(request, true.model_copy(update={"acknowledged": acknowledged}))])
        assert outcome.startswith("NotCovered") and "S3" in outcome, outcome
    assert not puts(bench)
    assert written.sender == "frida@fabrikam.example"
    assert await try_to_add([(request, true.model_copy(update={"acknowledged": typed}))]) == ["written"]
    holds(bench)


async def test_a_forged_memory_adds_nothing_that_was_not_confirmed(bench: Bench) -> None:
    """Another number in the run's memory while the customer is asked; and a sentence that nobody mailed."""
    run = await asked(bench)
    request = (await memory(run))["checked-seats"]
    await forge(run, "checked-seats", {**request, "added": 30})
    await answer_question(bench, run)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-seats-1", "the customer's word says something else: it is read"
    assert not puts(bench)

    sentence = f"I confirm {await reference(bench, run)}: 12 → 42 × {request['product_name']}"
    bench.sandbox.advance(seconds=60)
    mail = {"from": ADA, "subject": "Licences", "body": sentence}
    bench.sandbox.post("mails", mail)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-seats-1"
    await answer_question(bench, run, text=sentence)
    await bench.reconcile()
    assert (await bench.state(run)).name == "Not added", "the mail that went out asked for 12 → 15"
    assert not puts(bench)
    holds(bench)


async def test_a_sentence_in_the_contacts_name_adds_nothing_by_itself(bench: Bench) -> None:
    """Anybody can write her address into a mail: a person, who is warned, reads it first (B3)."""
    run = await asked(bench)
    await answer_question(bench, run, sentence=True, authenticated=False)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-seats-1"
    assert f"could not verify that this came from {ADA}" in plain(await bench.form(run))
    assert not puts(bench)
    await answer_question(bench, run, text="That was not me. No more seats, please.")
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-seats-1"
    assert not puts(bench)
    holds(bench)


async def test_the_plain_road_holds_before_the_ledger(bench: Bench) -> None:
    """What was confirmed by the sentence is what the ledger finds covered."""
    run = await asked(bench)
    assert_done(await confirm(bench, run))
    assert changes(bench) == [(12, 15)]
    holds(bench)
