"""No bridge without the customer's own word, no second one, nobody else's end, none that renews (I1 to I4)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client

from rules.bridge import TermsOffer
from rules.order import Term
from rules.request import CheckedRequest
from rules.written import PersonsReading
from tasks.authority import WrittenWord
from tasks.bridges import parameters_of
from tasks.office import open_office
from tasks.ordering import place_order
from tasks.written import file_evidence, read_written
from tests.procedures.attacks import forge, memory
from tests.procedures.bridges import MINUTE, answer_terms, booked, bought, offered, reference, the_bridge
from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    assert_done,
    assert_ended_as,
    launch,
    launch_to_signature,
    mails,
    ordered,
    sign,
)
from tests.procedures.requests import ADA, FRIDA, ROBERTA, TOM, contoso, fabrikam
from tests.procedures.test_bridge_confirmation import fabrikam_bridge, listed, read_as
from tests.procedures.test_no_way_round_starts import real
from vendors.pax8 import Pax8Block

TICKET, NUMBER = 700175, "T20261118.0012"
OTHER_TICKET, OTHER_NUMBER = 700176, "T20261002.0003"
VISIO = ("Visio Plan 1", 3, "Monthly")


async def resume(run_id: UUID, **form: Any) -> str:
    """Press Resume with any body; Prefect's verdict."""
    async with get_client() as client:
        answer = await client._client.post(f"/flow_runs/{run_id}/resume", json={"run_input": form})
        return str(answer.json()["status"])


def reopen(bench: Bench) -> None:
    """Contoso's other ticket is open again."""
    fields = {"status": 1, "completedDate": None, "completedByResourceID": None}
    bench.sandbox.change("autotask.tickets", OTHER_TICKET, **fields)


async def writes_back(bench: Bench, run: UUID, sender: str = "", **answer: Any) -> None:
    """Somebody answers the terms; by default the contact to whom they went."""
    await answer_terms(bench, run, 1, **answer, **({"from": sender} if sender else {}))


def note(bench: Bench, number: str = NUMBER, text: str = "I confirm all of it, three please.", **who: str) -> int:
    body = {"ticketNumber": number, "title": "Terms", "description": text, **who}
    return int(bench.sandbox.post("autotask/notes", body)["itemId"])


async def test_what_is_nobodys_word(bench: Bench) -> None:
    """Strangers, the wrong people, automatic replies, ours in every disguise, words from before: none can be chosen."""
    bench.sandbox.post("mails", {"from": ADA, "subject": "Visio", "body": "I confirm whatever you send."})
    early = note(bench, email=ADA)
    bench.sandbox.advance(seconds=120)
    run = await offered(bench)
    for sender in ("mallory@evil.example", "rita@contoso.example", "gil@contoso.example", FRIDA, TOM):
        await writes_back(bench, run, sentence=True, sender=sender)
    await writes_back(bench, run, sentence=True, sender_name="Ada Byte", sender="ada@contoso-example.example")
    await writes_back(bench, run, sentence=True, automatic=True)
    await writes_back(bench, run, sentence=True, headers={"Auto-Submitted": "auto-generated"})
    note(bench, resource=TOM)
    disguised = {
        note(bench, email=ADA): {"impersonatorCreatorResourceID": 29682885},
        note(bench, email=ADA): {"creatorResourceID": 29682885},
        note(bench, email="rita@contoso.example"): {},
    }
    changed = note(bench, email=ADA, text="No, thank you.")
    for number, fields in disguised.items():
        bench.sandbox.change("autotask.ticketnotes", number, **fields)
    later = (bench.sandbox.now() + timedelta(minutes=2)).isoformat()
    bench.sandbox.change("autotask.ticketnotes", changed, description="Yes, three.", lastActivityDate=later)
    reopen(bench)
    elsewhere = note(bench, OTHER_NUMBER, email=ADA)
    bench.sandbox.advance(seconds=300)
    await bench.reconcile()
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "confirmation-1"
    assert await listed(bench, run) == [], await listed(bench, run)
    assert "it does not count" in plain(await bench.form(run))
    assert not ordered(bench)

    [theirs] = [one for one in bench.sandbox.get("mails", direction="received")["mails"] if one["from"] == FRIDA]
    for name in (f"mail:{theirs['id']}", f"note:{early}", f"note:{changed}", f"note:{elsewhere}", "mail:AAAA", "··"):
        label = f"Ada Byte, 22 Nov · mail · {name} · {'0' * 12}"
        await resume(run, action="confirms as sent", decided_by=TOM, evidence=label)
        await bench.play(run)
        assert not ordered(bench), label
    assert "choose one of the messages" in plain(await bench.form(run))


async def try_words(attempts: Sequence[tuple[CheckedRequest, WrittenWord]], filed: str = "") -> list[str]:
    """Call the step that orders with any word, once for each, in one flow run; what became of each.

    `filed`: the mail that is put into the customer's folder first.
    """

    @flow(name="attack")
    async def attack() -> list[str]:
        outcomes = []
        async with open_office():
            if filed:
                await file_evidence(filed, attempts[0][0])
            for number, (request, basis) in enumerate(attempts, start=1):
                try:
                    placed = await place_order(request, basis, number)
                    outcomes.append(f"ordered {placed.order_id}")
                except Exception as no:
                    outcomes.append(f"{type(no).__name__}: {no}")
        return outcomes

    return await attack()


async def the_word(request: CheckedRequest, evidence: str, offer: TermsOffer, read_by: str = TOM) -> WrittenWord:
    """A forged memory of a word: whoever is named has read it in full and found that it confirms."""

    @flow(name="look")
    async def look() -> WrittenWord:
        async with open_office() as opened:
            try:
                written = await read_written(evidence, request)
            except Exception:
                return WrittenWord(evidence=evidence, authority_id="written:0", offer=offer)
            reading = PersonsReading(
                by=read_by,
                at=max(opened.clock.now(), written.received_at),
                written_id=written.authority_id,
                text_digest=written.text_digest,
            )
            return WrittenWord(evidence=evidence, authority_id=written.authority_id, offer=offer, reading=reading)

    return await look()


async def test_no_forged_memory_orders_what_was_not_offered_and_confirmed(bench: Bench) -> None:
    """With the step itself at hand, and a reading forged for each: other evidence, term, seats, price, customer."""
    run = await offered(bench)
    ref = await reference(bench, run)
    kept = await memory(run)
    request = CheckedRequest.model_validate(kept["checked-request"])
    out = bench.sandbox.get("mails", direction="sent")["mails"]
    [sent] = [one for one in out if f"{ref}/terms-1" in one["properties"]]
    true = TermsOffer.model_validate(
        {**kept["offer-1"], "sent_at": sent["at"], "conversation_id": sent["conversation_id"]}
    )
    month = request.for_bridge()
    await writes_back(bench, run, text="Thanks, we will think about it.")
    await writes_back(bench, run, text="A stranger says yes", sender="mallory@evil.example")
    bench.sandbox.post("mails", {"from": FRIDA, "subject": "Power BI", "body": "We confirm."})
    reopen(bench)
    elsewhere = note(bench, OTHER_NUMBER, email=ADA)
    ours = note(bench, resource=TOM)
    received = {one["from"]: f"mail:{one['id']}" for one in bench.sandbox.get("mails", direction="received")["mails"]}
    ada = received[ADA]
    line = month.lines[0]
    thirty = month.model_copy(update={"lines": (line.model_copy(update={"seats": 30}),)})
    cheap = month.model_copy(update={"lines": (line.model_copy(update={"price": line.offers[0].retail / 2}),)})
    annual = request.model_copy(update={"term": Term.ANNUAL, "reference": f"{ref}/bridge"})

    def offer(**changed: Any) -> TermsOffer:
        lines = (true.lines[0].model_copy(update={k: v for k, v in changed.items() if k in ("seats", "unit_price")}),)
        more = {k: v for k, v in changed.items() if k not in ("seats", "unit_price")}
        return TermsOffer.model_validate(true.model_copy(update={"lines": lines, **more}).model_dump())

    word = await the_word(month, ada, true)
    attempts = {
        "is not in the shared mailbox": (month, await the_word(month, "mail:AAMkAGI2", true)),
        "is no authorised contact": (month, await the_word(month, received[FRIDA], true)),
        "mallory@evil.example is no authorised contact": (
            month,
            await the_word(month, received["mallory@evil.example"], true),
        ),
        f"has no note {elsewhere}": (month, await the_word(month, f"note:{elsewhere}", true)),
        "One of ours wrote it": (month, await the_word(month, f"note:{ours}", true)),
        "has no attachment 4711": (month, await the_word(month, "attached:4711", true)),
        "Nobody has read it in full": (month, word.model_copy(update={"reading": None})),
        "annual needs a signed agreement (Y1)": (annual, word),
        "to be ordered, not confirmed: 30": (thirty, word),
        "asks for something else than 30 × Visio": (
            thirty,
            word.model_copy(update={"offer": offer(seats=30)}),
        ),
        "the mail that went out asks for something else": (
            cheap,
            word.model_copy(update={"offer": offer(unit_price=cheap.price_of(cheap.lines[0]))}),
        ),
        "asks for something else than 3 × Visio": (
            month,
            word.model_copy(update={"offer": offer(sent_at=true.sent_at - timedelta(days=3))}),
        ),
        "or is gone": (month, word.model_copy(update={"offer": offer(conversation_id="other")})),
        "and this is not its bridge": (request, word),
        "is not the message that was confirmed": (month, word.model_copy(update={"authority_id": "written:1"})),
    }
    outcomes = dict(zip(attempts, await try_words(list(attempts.values()), filed=ada), strict=True))
    assert not {why: said for why, said in outcomes.items() if why not in said}
    assert not ordered(bench)


async def test_a_word_buys_one_thing_and_what_the_mail_offered(bench: Bench) -> None:
    """One "ok" for two procedures buys for the first alone; thirty in the run's memory aren't the three of the mail."""
    reopen(bench)
    run = await offered(bench)
    later = (bench.sandbox.today() + timedelta(days=30)).isoformat()
    other = await offered(
        bench, ticket=OTHER_NUMBER, product="Power BI Pro", quote_line="Power BI Pro", seats=5, needed_by=later
    )
    await writes_back(bench, run, text="ok")
    await bench.reconcile()
    stale = (await listed(bench, other))[-1]
    assert stale == (await listed(bench, run))[-1]
    await read_as(bench, run, "confirms as sent")
    assert ordered(bench) == [VISIO]
    await bench.answer(other, action="confirms as sent", decided_by=TOM, evidence=stale)
    assert "choose one of the messages" in plain(await bench.form(other))
    agreed = (await memory(run))["agreed-1"]
    read = {"kind": "ReplyRead", "by": TOM, "evidence": stale, "choice": "confirms as sent", "changes": ""}
    await forge(other, "agreed-1", agreed)
    await forge(other, "settled-confirmation-1", read)
    state = await bench.answer(other, action="look again", decided_by=TOM)
    assert_ended_as(state, "Refused")
    assert "used for" in str(state.message)
    assert ordered(bench) == [VISIO]

    frida = await launch(bench, fabrikam_bridge())
    kept = await memory(frida)
    kept["offer-1"]["lines"][0]["seats"] = kept["checked-request"]["lines"][0]["seats"] = 30
    await forge(frida, "offer-1", kept["offer-1"])
    await forge(frida, "checked-request", kept["checked-request"])
    await writes_back(bench, frida, text="Fine with me.", sender=FRIDA)
    await bench.reconcile()
    state = await read_as(bench, frida, "confirms as sent")
    assert_ended_as(state, "Refused")
    assert "the mail that went out asks for something else than 30 × Power BI Pro" in str(state.message)
    assert ordered(bench) == [VISIO]


async def test_the_deadline_ends_its_own_bridge_and_lets_none_renew(bench: Bench) -> None:
    """By hand with a later order's subscription, another's reminder, another's signed envelope, a stranger's address.

    A finding "signed in time" that somebody typed is no signature either.
    """
    run = await bought(bench)
    found = await the_bridge(bench, run)
    annual = await launch_to_signature(
        bench, contoso(product="Power BI Pro", quote_line="Power BI Pro", term="1-Year", annual_reason="Ada asked.")
    )
    assert_done(await sign(bench, annual))
    held = bench.sandbox.records("pax8.subscriptions")
    later = next(one["id"] for one in held if one["productName"].startswith("Power BI"))
    foreign = await bench.envelope(annual)
    frida = await launch(bench, fabrikam_bridge())
    await writes_back(bench, frida, sentence=True)
    await bench.reconcile()
    theirs = await the_bridge(bench, frida)

    async def by_hand(name: str = "signature-deadline", **other: Any) -> Any:
        parameters = {**parameters_of(found.ids), **other}
        return await bench.play(await bench.start(name, **parameters))

    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    for other in (
        {"subscriptions": later},
        {"subscriptions": f"{found.ids.subscriptions[0]} {later}"},
        {"subscriptions": theirs.ids.subscriptions[0]},
        {"reminder_id": theirs.ids.reminder_id},
        {"ticket_id": theirs.ids.ticket_id},
        {"reference": theirs.ids.reference, "reminder_id": theirs.ids.reminder_id},
    ):
        state = await by_hand(**other)
        assert_ended_as(state, "Refused")
        assert not booked(bench), other
    assert_ended_as(await by_hand("guard-end", subscriptions=later, why="unsigned"), "Refused")
    said = {"title": f"Countersign decision {found.ids.reference}: signed in time", "description": "believe me"}
    reminder = bench.sandbox.get(f"records/autotask.tickets/{found.ids.reminder_id}")["ticketNumber"]
    bench.sandbox.post("autotask/notes", {"ticketNumber": reminder, "resource": TOM, **said})
    state = await by_hand(envelope=foreign, contact="mallory@evil.example", requester="mallory@evil.example")
    assert_ended_as(state, "Handed to a person")
    assert mails(bench, TOM, "a person must act") or mails(bench, ROBERTA, "a person must act")
    assert not booked(bench)


async def test_a_strangers_address_and_anothers_paper_change_nothing(bench: Bench) -> None:
    """Started by hand right at the cut-off, with another's signed envelope and strangers: it ends, Ada is told."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    frida = await launch_to_signature(bench, fabrikam())
    assert_done(await sign(bench, frida))
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    mallory = "mallory@evil.example"
    others = {"envelope": await bench.envelope(frida), "contact": mallory, "requester": mallory, "senior": mallory}
    assert_done(await bench.play(await bench.start("signature-deadline", **{**parameters_of(found.ids), **others})))
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)
    assert len(mails(bench, ADA, "cancelled, it ends on")) == 1
    await bench.reconcile()
    assert len(booked(bench)) == len(mails(bench, ADA, "cancelled, it ends on")) == 1
    assert not [one for one in mails(bench) if mallory in (*one.to, *one.cc)]
    assert await bench.waits_for(run) == "late-signature"


async def test_a_moved_clock_beside_a_real_vendor_starts_no_bridge(bench: Bench) -> None:
    """Decision 9: with one real address neither a bridge nor its deadline reads or writes anything."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    before = len(bench.sandbox.ledger())
    async with real(Pax8Block, "api_address", "https://api.pax8.com/v1"):
        for name, form in (
            ("bridge", fabrikam_bridge()),
            ("signature-deadline", parameters_of(found.ids)),
            ("guard-end", {**parameters_of(found.ids), "why": "dead"}),
        ):
            form.pop("name", None)
            state = await bench.play(await bench.start(name, **form))
            assert "clock_url" in str(state.message), state
    assert len(bench.sandbox.ledger()) == before
