"""More seats: confirmed in writing, added once, everybody told (S1 to S4)."""

from datetime import timedelta

from rules.audited import markers_of
from tasks.tickets import MARKER
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, assert_ended_as, launch, mails, notes, writes
from tests.procedures.requests import ADA, PREMIUM, ROBERTA, TOM
from tests.procedures.seats import (
    CONTOSO,
    FABRIKAM,
    LITWARE,
    TAILSPIN,
    annual_more,
    answer_question,
    asked,
    both_more,
    changes,
    confirm,
    held,
    more,
    portal_adds,
    puts,
)

CONTOSO_TICKET = 700175


async def test_confirmed_by_mail_the_seats_are_added_once_and_everybody_is_told(bench: Bench) -> None:
    """S1: the sentence of our mail; one PUT of the new total; asset, billing, customer, ticket; the audit's marker."""
    run = await asked(bench)
    [mail] = mails(bench, ADA, "please confirm")
    assert f"12 → 15 × {PREMIUM}" in mail.text and held(bench, CONTOSO)["id"] in mail.text
    assert "in the tenant" in await bench.form(run), "unassigned seats were read"
    assert not puts(bench)
    assert_done(await confirm(bench, run))

    assert changes(bench) == [(12, 15)]
    assert len(puts(bench)) == 1
    [billing] = mails(bench, ROBERTA, "12 → 15")
    assert "from 12 to 15" in billing.text and "days of the period until" in billing.text
    [told] = mails(bench, ADA, "added")
    assert "it was 12" in told.text
    [asset] = [one for one in bench.sandbox.records("itglue.flexible_assets") if one["traits"].get("subscription-id")]
    assert asset["traits"]["licence-count"] == 15
    assert asset["traits"]["application-name"] == PREMIUM, "the one that was there, with its other traits"
    said = notes(bench, CONTOSO_TICKET)
    assert "read back" in said["seats added"] and "On the word of" in said["seats added"]
    subscription = held(bench, CONTOSO)["id"]
    titles = [(one["id"], one["title"]) for one in bench.sandbox.records("autotask.ticketnotes")]
    found = markers_of([one for one in titles if one[1].startswith(MARKER)], MARKER)
    assert found.seats == {subscription: 15}, "as the audit reads it"
    assert "ticket completed" in writes(bench)


async def test_what_the_customer_wrote_by_itself_is_picked_and_read(bench: Bench) -> None:
    """A note of the last 30 days, in full above the form; one bare number, or another's, isn't enough."""
    wrote = {"ticketNumber": "T20261118.0012", "email": ADA, "title": "Licences"}
    bench.sandbox.post("autotask/notes", {**wrote, "description": "15 Premium please"})
    run = await launch(bench, more())
    assert "15 Premium please" in plain(await bench.form(run))
    assert not mails(bench, ADA), "nobody is asked while there is something to read"
    [label] = await offered(bench, run)
    await bench.answer(run, action="the message confirms it", decided_by=TOM, evidence=label)
    assert "one bare number is not enough" in plain(await bench.form(run))

    bench.sandbox.post("autotask/notes", {**wrote, "description": "From 12 to 15 Premium please"})
    await bench.answer(run, action="look again", decided_by=TOM)
    labels = await offered(bench, run)
    state = await bench.answer(run, action="the message confirms it", decided_by=TOM, evidence=labels[-1])
    assert_done(state)
    assert changes(bench) == [(12, 15)]
    assert "Read in full by tom@" in notes(bench, CONTOSO_TICKET)["confirmed 1"]

    again = await launch(bench, more(seats_now=15, seats_wanted=18, ticket="T20261118.0012"))
    assert (await bench.state(again)).name == "Refused", "the ticket is closed"


async def offered(bench: Bench, run: object) -> list[str]:
    """The messages that the form offers."""
    import json

    found = await bench.run(run)  # type: ignore[arg-type]
    assert found.state is not None and found.state.state_details.run_input_keyset is not None
    async with bench.prefect() as client:
        key = found.state.state_details.run_input_keyset["schema"]
        schema = json.loads(await client.read_flow_run_input(found.id, key))
    return [one for one in schema["properties"]["evidence"].get("enum", []) if one]


async def test_an_annual_term_is_acknowledged_by_typing_the_total(bench: Bench) -> None:
    """S3: shown with the renewal date; another number is not it; nothing is changed before."""
    run = await launch(bench, annual_more())
    await confirm(bench, run)
    assert await bench.waits_for(run) == "acknowledge-1"
    shown = plain(await bench.form(run))
    assert "given back for 7 days only" in shown and "until 20" in shown
    await bench.answer(run, action="I have understood it", decided_by=TOM, new_total="2")
    assert await bench.waits_for(run) == "acknowledge-1"
    assert not puts(bench)
    assert_done(await bench.answer(run, action="I have understood it", decided_by=TOM, new_total="10"))
    assert changes(bench) == [(8, 10)]
    assert held(bench, FABRIKAM, "Microsoft 365 Business Standard")["quantity"] == 10


async def test_with_two_subscriptions_the_customer_says_which(bench: Bench) -> None:
    """S2: asked by mail, with seats, price and renewal of each; the sentence answered with says which."""
    run = await launch(bench, both_more())
    [mail] = mails(bench, "lena@litware.example", "please confirm")
    monthly, annual = held(bench, LITWARE, term="Monthly"), held(bench, LITWARE, term="1-Year")
    for one in (monthly, annual):
        assert one["id"] in mail.text
    assert "4 → 7" in mail.text and "15 → 18" in mail.text and "USD per seat" in mail.text
    sentence = next(line for line in mail.text.split("I confirm ")[1:] if "1-Year" in line)
    sentence = "I confirm " + sentence[: sentence.index(")") + 1]
    await confirm(bench, run, text=sentence)
    assert await bench.waits_for(run) == "acknowledge-1", "the annual one"
    assert_done(await bench.answer(run, action="I have understood it", decided_by=TOM, new_total="18"))
    assert changes(bench) == [(15, 18)]
    assert held(bench, LITWARE, term="Monthly")["quantity"] == 4


async def test_a_booked_end_that_the_change_dropped_is_booked_again(bench: Bench) -> None:
    """S4: read again, and booked for the very end that stood before."""
    before = held(bench, TAILSPIN, "Visio Plan 1")
    assert before["endDate"]
    run = await launch(
        bench,
        more(
            customer=TAILSPIN,
            ticket="T20261112.0008",
            contact="pia@tailspin.example",
            product="Visio Plan 1",
            seats_now=6,
            seats_wanted=8,
        ),
    )
    assert_done(await confirm(bench, run))
    after = held(bench, TAILSPIN, "Visio Plan 1")
    assert (after["quantity"], after["endDate"]) == (8, before["endDate"])
    [booked] = bench.sandbox.effects("end booked")
    assert "end kept" in notes(bench, 700240)
    assert booked["method"] == "DELETE"


async def test_an_end_that_pax8_wont_book_again_is_a_persons(bench: Bench) -> None:
    """The seats are there, the end isn't: a top-priority ticket, and the request's ticket stays open."""
    run = await launch(
        bench,
        more(
            customer=TAILSPIN,
            ticket="T20261112.0008",
            contact="pia@tailspin.example",
            product="Visio Plan 1",
            seats_now=6,
            seats_wanted=8,
        ),
    )
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    assert_done(await confirm(bench, run))
    [mail] = mails(bench, TOM, "a person must act")
    assert "book it again in the Pax8 portal" in mail.text
    assert "ticket completed" not in writes(bench)


WRONG = {
    "fewer": (more(seats_wanted=10), "is fewer seats", "for the next renewal"),
    "the same": (more(seats_wanted=12), "no more than now", "new total"),
    "other seats": (more(seats_now=11), "shows other seats than 11", "Ask the customer again"),
    "not subscribed": (more(product="Visio Plan 1"), "no live subscription of Visio Plan 1", "new-subscription"),
    "not in the map": (more(product="Visio"), "is not in the product map", "exact name"),
    "may not confirm": (more(contact="rita@contoso.example"), "may not confirm", "Choose one of them"),
    "not the customer's ticket": (more(ticket="T20261119.0004"), "belongs to another customer", "open ticket"),
    "above the contact's limit": (
        more(
            customer="Woodgrove Bank",
            ticket="T20261111.0006",
            contact="victor@woodgrove.example",
            product="Microsoft 365 Business Basic",
            seats_now=30,
            seats_wanted=900,
        ),
        "may confirm up to a limit",
        "who may confirm so much",
    ),
    "a trial": (
        more(customer="Proseware", ticket="T20261114.0001", contact="otto@proseware.example"),
        "those are other products",
        "new-subscription",
    ),
    "a twin": (
        more(customer="Alpine Rescue Foundation", ticket="T20261115.0007", contact="nora@alpinerescue.example"),
        "Nonprofit",
        "new-subscription",
    ),
}


async def test_wrong_input_is_refused_by_name_before_anything_happens(bench: Bench) -> None:
    """Field, clause, way out; twins and trials are shown."""
    for form, what, way_out in WRONG.values():
        state = await bench.play(await bench.start(**form))
        assert_ended_as(state, "Refused")
        assert what in str(state.message) and way_out in str(state.message), state.message
    assert not writes(bench)


async def test_seats_that_changed_meanwhile_are_asked_about_again(bench: Bench) -> None:
    """S1: confirmed was 12 → 15, there are 13: nothing is written, the contact is asked 13 → 16, once."""
    run = await asked(bench)
    await answer_question(bench, run)
    portal_adds(bench, held(bench, CONTOSO)["id"], 13)
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-seats-2"
    assert not puts(bench)
    assert "13 → 16" in mails(bench, ADA, "please confirm")[-1].text
    assert_done(await confirm(bench, run, 2))
    assert changes(bench) == [(12, 13), (13, 16)]


async def test_one_word_adds_seats_once(bench: Bench) -> None:
    """The message that confirmed is used: no other procedure is offered it, though it is new enough; it asks anew."""
    run = await asked(bench)
    assert_done(await confirm(bench, run))
    bench.sandbox.change("autotask.tickets", CONTOSO_TICKET, status=1)
    second = await launch(bench, more(seats_now=15, seats_wanted=18))
    assert await bench.waits_for(second) == "confirmation-seats-1"
    assert len(mails(bench, ADA, "please confirm")) == 2
    assert changes(bench) == [(12, 15)]


async def test_nobody_answers(bench: Bench) -> None:
    """I5: asked again, then the requester is asked to call, and after thirty days it is closed; nothing was added."""
    run = await asked(bench)
    for days in (2, 3, 27):
        bench.sandbox.set_clock(bench.sandbox.now() + timedelta(days=days))
        await bench.reconcile()
    assert len(mails(bench, ADA, "please confirm")) == 2
    assert mails(bench, TOM, "Nobody has acted")
    assert_ended_as(await bench.state(run), "No confirmation")
    assert not puts(bench)


async def test_added_but_not_told_and_then_unreadable_it_is_not_called_not_added(bench: Bench) -> None:
    """The PUT's answer is lost, and Pax8 refuses to show the history: nobody knows, so it is looked at again (I1)."""
    run = await asked(bench)
    pax8 = {"vendor": "pax8", "times": 1}
    bench.sandbox.post("faults", {**pax8, "method": "PUT", "path": "/subscriptions/[^/]+$", "kind": "drop-after"})
    bench.sandbox.post("faults", {**pax8, "method": "GET", "path": "/history$", "kind": "422", "skip": 2})
    assert_done(await confirm(bench, run))
    assert changes(bench) == [(12, 15)]
    assert len(puts(bench)) == 1
    assert not bench.sandbox.get("faults")["faults"], "both have struck"
