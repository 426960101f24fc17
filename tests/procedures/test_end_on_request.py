"""A subscription ends because the customer wishes it: with the term that reaches the day, watched, all told (P18)."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from tasks import net_failed
from tasks.office import open_office
from tasks.schedule import GUARD_END, book_timed
from tests.procedures.bridges import booked, bought, reference
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, assert_ended_as, launch, mails, notes, settings, writes
from tests.procedures.requests import ADA, FRIDA, ROBERTA, SAM, TOM
from tests.procedures.seats import (
    CONTOSO,
    FABRIKAM,
    LITWARE,
    annual_more,
    asked,
    confirm,
    held,
    more,
    portal_adds,
)
from tests.procedures.test_add_seats import offered
from vendors.errors import Unavailable

CONTOSO_TICKET = 700175
READ = {"action": "the message confirms it", "decided_by": TOM}


def wish(bench: Bench, days: int, **changed: Any) -> dict[str, Any]:
    """Contoso Ltd wishes to end its Business Premium in so many days."""
    form = more(name="end-on-request", end_date=(bench.sandbox.today() + timedelta(days=days)).isoformat())
    return {**{k: v for k, v in form.items() if not k.startswith("seats_")}, **changed}


async def wished(bench: Bench, days: int, text: str = "Please end Premium. Ada") -> UUID:
    """A wish that stands on the ticket as a note of Ada's."""
    said = {"ticketNumber": "T20261118.0012", "email": ADA, "title": "Premium", "description": text}
    bench.sandbox.post("autotask/notes", said)
    return await launch(bench, wish(bench, days))


async def read(bench: Bench, run: UUID) -> State[Any]:
    """Tom reads the newest message and says that it wishes the end."""
    return await bench.answer(run, **READ, evidence=(await offered(bench, run))[-1])


async def test_asked_by_mail_and_read_it_ends_with_its_term(bench: Bench) -> None:
    """Booked for the running term's end, read back, everybody told what it costs until then; gone the morning after."""
    run = await launch(bench, wish(bench, days=5))
    [mail] = mails(bench, ADA, "please confirm")
    assert "nothing is refunded" in mail.text and "316.80 USD a month" in mail.text, mail.text
    bench.sandbox.advance(seconds=60)
    bench.sandbox.post(f"mails/{await reference(bench, run)}%2Fend-1/answer", {"sentence": True})
    await bench.reconcile()
    assert await bench.waits_for(run) == "confirmation-end-1", "a person reads it, whatever it says"
    assert not booked(bench)
    assert_done(await read(bench, run))
    subscription = held(bench, CONTOSO)
    assert subscription["endDate"] == subscription["commitment"]["endDate"]
    assert subscription["status"] == "Active"
    assert len(booked(bench)) == 1
    assert "End the line" in mails(bench, ROBERTA, "ends on")[0].text
    assert len(mails(bench, ROBERTA, "at the customer's wish")) == 1
    assert "users lose access then" in mails(bench, ADA, "as you wished")[0].text
    [asset] = [one for one in bench.sandbox.records("itglue.flexible_assets") if one["traits"].get("subscription-id")]
    assert "Ends on" in asset["traits"]["notes"] and asset["traits"]["licence-count"] == 12
    assert "ticket completed" in writes(bench)

    for days in (2, 14):
        bench.sandbox.advance(days=days)
        await bench.reconcile()
    assert held(bench, CONTOSO)["status"] == "Cancelled"
    [guard] = await bench.runs("guard-end")
    assert guard.state is not None
    assert_done(guard.state)


async def test_terms_away_it_is_waited_for_and_booked_in_the_term_that_reaches_it(bench: Bench) -> None:
    """Earlier terms renew; until it is booked the customer may think again."""
    run = await wished(bench, days=70)
    await read(bench, run)
    assert await bench.waits_for(run) == "term-1"
    assert "Cost" in notes(bench, CONTOSO_TICKET)["requested"]
    for _ in range(3):
        assert not booked(bench)
        bench.sandbox.advance(days=31)
        await bench.reconcile()
        if (await bench.state(run)).is_final():
            break
    assert_done(await bench.state(run))
    [end] = booked(bench)
    assert end["end"][:10] >= (await bench.run(run)).parameters["end_date"]
    assert held(bench, CONTOSO)["endDate"] == held(bench, CONTOSO)["commitment"]["endDate"]


async def test_wished_for_the_very_day_on_which_pax8_ends_the_term_it_ends_with_it(bench: Bench) -> None:
    """Midnight UTC is the eve in New York: foretold and booked for that term, not for one more."""
    term_ends = held(bench, CONTOSO)["commitment"]["endDate"]
    said = {"ticketNumber": "T20261118.0012", "email": ADA, "title": "Premium", "description": "Please end Premium."}
    bench.sandbox.post("autotask/notes", said)
    run = await launch(bench, wish(bench, 0, end_date=term_ends[:10]))
    assert_done(await read(bench, run))
    assert held(bench, CONTOSO)["endDate"] == term_ends
    assert "after the running term 0 more" in mails(bench, ADA, "as you wished")[0].text


STANDARD = "Microsoft 365 Business Standard"


async def wished_before_a_renewal(bench: Bench) -> tuple[UUID, date]:
    """Fabrikam's year ends in seven days; Frida wishes its end for the day before, and nobody reads it yet."""
    renews = bench.sandbox.today() + timedelta(days=7)
    subscription = held(bench, FABRIKAM, STANDARD)["id"]
    midnight = datetime.combine(renews, time(), UTC).isoformat()
    bench.sandbox.post(f"pax8/subscriptions/{subscription}/term", {"end": midnight})
    form = annual_more(name="end-on-request", end_date=(renews - timedelta(days=1)).isoformat())
    run = await launch(bench, {k: v for k, v in form.items() if not k.startswith("seats_")})
    assert f"on {renews - timedelta(days=1)}" in mails(bench, FRIDA, "please confirm")[0].text
    bench.sandbox.advance(seconds=60)
    bench.sandbox.post(f"mails/{await reference(bench, run)}%2Fend-1/answer", {"sentence": True})
    return run, renews


async def test_read_after_the_renewal_no_further_year_is_booked_and_a_person_acts(bench: Bench) -> None:
    """The year that reached the day is over: requester, senior and contracts hear of the vendor's seven days; once it
    is cancelled in the portal, all are told that it is over."""
    run, renews = await wished_before_a_renewal(bench)
    bench.sandbox.advance(days=9)
    await bench.reconcile()
    await read(bench, run)
    assert (await bench.waits_for(run)).startswith("renewed-")
    assert not booked(bench) and not mails(bench, FRIDA, "as you wished") and not mails(bench, ROBERTA, "ends on")
    [mail] = mails(bench, TOM, "a person must act")
    assert {SAM, ROBERTA} <= set(mail.to), mail.to
    began = renews - timedelta(days=1)  # midnight UTC is the eve in New York
    assert f"renewed on {began}" in mail.text and f"wished for {renews - timedelta(days=1)}" in mail.text
    assert f"by {began + timedelta(days=7)}" in mail.text
    [ticket] = [t for t in bench.sandbox.records("autotask.tickets") if ":renewed-" in (t["externalID"] or "")]
    assert "Pax8 portal" in ticket["description"]

    bench.sandbox.post(f"pax8/subscriptions/{held(bench, FABRIKAM, STANDARD)['id']}/end", {"end": "now"})
    bench.sandbox.advance(days=1)
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert "End the line" in mails(bench, ROBERTA, "ended on")[0].text
    assert not booked(bench) and len(mails(bench, TOM, "a person must act")) == 1


async def test_read_when_the_seven_days_are_over_it_is_watched_until_its_end_is_booked(bench: Bench) -> None:
    """Nothing is refunded any more, which is said; whoever books the end in the portal ends the watch. The customer
    isn't told that a year more is what they wished."""
    run, _ = await wished_before_a_renewal(bench)
    bench.sandbox.advance(days=20)
    await bench.reconcile()
    await read(bench, run)
    [mail] = mails(bench, TOM, "a person must act")
    assert "is over since" in mail.text and "nothing is refunded" in mail.text, mail.text
    subscription = held(bench, FABRIKAM, STANDARD)
    bench.sandbox.post(f"pax8/subscriptions/{subscription['id']}/end", {"end": subscription["commitment"]["endDate"]})
    assert_done(await bench.answer(run, action="look again", decided_by=TOM))
    assert "End the line" in mails(bench, ROBERTA, "ends on")[0].text
    assert not mails(bench, FRIDA, "as you wished") and not booked(bench)
    assert len(await bench.runs("guard-end")) == 1


async def test_nobody_acts_and_it_renews_once_more_a_person_hears_before_and_after(bench: Bench) -> None:
    """Before the year's end once more, with the last safe day; a further renewal has its own seven days."""
    run, _ = await wished_before_a_renewal(bench)
    bench.sandbox.advance(days=9)
    await bench.reconcile()
    await read(bench, run)
    for days, told in ((10, 1), (330, 1), (18, 2), (12, 3)):
        bench.sandbox.advance(days=days)
        await bench.reconcile()
        found = mails(bench, TOM, "a person must act")
        assert len(found) == told, (days, [one.subject for one in found])
    assert not booked(bench)
    state = await bench.answer(run, action="withdraw", decided_by=TOM, note="They stay.")
    assert_ended_as(state, "Withdrawn")


async def test_a_month_that_renewed_meanwhile_is_a_persons_too(bench: Bench) -> None:
    """Waited for, and the net stood still over the whole month that reached the day: no month more is bought."""
    run = await wished(bench, days=45)
    await read(bench, run)
    assert await bench.waits_for(run) == "term-1"
    bench.sandbox.advance(days=80)
    await bench.reconcile()
    assert (await bench.waits_for(run)).startswith("renewed-")
    assert not booked(bench)


async def test_wished_for_the_day_of_a_renewal_it_ends_with_the_term_foretold(bench: Bench) -> None:
    """Asked on the day of the renewal for that day: the mail foretold the new term's end, which is booked."""
    bench.sandbox.set_clock(datetime.fromisoformat(held(bench, CONTOSO)["commitment"]["endDate"]) + timedelta(hours=12))
    run = await wished(bench, days=0)
    assert_done(await read(bench, run))
    assert held(bench, CONTOSO)["endDate"] == held(bench, CONTOSO)["commitment"]["endDate"]


async def ended_in_the_portal(bench: Bench) -> UUID:
    """A wish that is terms away; meanwhile somebody ends the subscription in the portal, at once."""
    run = await wished(bench, days=70)
    await read(bench, run)
    assert await bench.waits_for(run) == "term-1"
    bench.sandbox.post(f"pax8/subscriptions/{held(bench, CONTOSO)['id']}/end", {"end": "now"})
    return run


async def next_term(bench: Bench) -> None:
    bench.sandbox.advance(days=33)
    await bench.reconcile()


async def test_ended_otherwise_meanwhile_all_are_told_and_it_is_documented(bench: Bench) -> None:
    """Nothing is booked; billing, contracts and the customer hear that it is over, asset and ticket say so."""
    run = await ended_in_the_portal(bench)
    await next_term(bench)
    assert_done(await bench.state(run))
    assert not booked(bench)
    assert "End the line" in mails(bench, ROBERTA, "ended on")[0].text
    assert "no access any more" in mails(bench, ADA, "as you wished")[0].text
    [asset] = [one for one in bench.sandbox.records("itglue.flexible_assets") if one["traits"].get("subscription-id")]
    assert "Ends on" in asset["traits"]["notes"]
    assert "ticket completed" in writes(bench)


async def test_ended_otherwise_with_a_successor_is_a_persons(bench: Bench) -> None:
    """Another subscription of the product that nobody ordered stands where it ended: nobody is told that it is over."""
    subscription = held(bench, CONTOSO)["id"]
    run = await ended_in_the_portal(bench)
    bench.sandbox.post(f"pax8/subscriptions/{subscription}/successor", {})
    await next_term(bench)
    assert_ended_as(await bench.state(run), "Handed to a person")
    [mail] = mails(bench, TOM, "a person must act")
    assert "a successor that nobody ordered is there" in mail.text
    assert "ticket completed" not in writes(bench)


async def test_withdrawn_before_it_is_booked_it_goes_on(bench: Bench) -> None:
    """Nothing is booked, and the customer's word is free again."""
    run = await wished(bench, days=70)
    await read(bench, run)
    state = await bench.answer(run, action="withdraw", decided_by=TOM, note="They stay.")
    assert_ended_as(state, "Withdrawn")
    again = await launch(bench, wish(bench, days=5))
    assert len(await offered(bench, again)) == 1
    assert not booked(bench)


async def test_a_booked_end_that_seats_dropped_is_booked_again_on_the_customers_word(bench: Bench) -> None:
    """Our own change of seats drops it, and Pax8 won't book it then: the watch does, from the ticket's marker alone."""
    run = await wished(bench, days=5)
    assert_done(await read(bench, run))
    bench.sandbox.change("autotask.tickets", CONTOSO_TICKET, status=1)
    seats = await asked(bench)
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    assert_done(await confirm(bench, seats))
    bench.sandbox.post("pax8/booked-end", {"mode": "shown"})
    assert held(bench, CONTOSO)["endDate"] is None and held(bench, CONTOSO)["quantity"] == 15
    async with bench.prefect() as client:
        await client.delete_flow_run(run)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert held(bench, CONTOSO)["endDate"] == held(bench, CONTOSO)["commitment"]["endDate"]
    assert len(booked(bench)) == 2


@pytest.mark.parametrize("how", ["the booking", "with seats"])
async def test_a_wished_end_that_somebody_took_away_is_a_persons(bench: Bench, how: str) -> None:
    """A colleague does it in the portal because the customer stays: it is asked, never booked again behind them."""
    run = await wished(bench, days=5)
    assert_done(await read(bench, run))
    subscription = held(bench, CONTOSO)["id"]
    if how == "the booking":
        bench.sandbox.post(f"pax8/subscriptions/{subscription}/end", {"end": None})
    else:
        portal_adds(bench, subscription, 13)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert held(bench, CONTOSO)["endDate"] is None and len(booked(bench)) == 1
    [guard] = await bench.runs("guard-end")
    assert guard.state is not None
    assert_ended_as(guard.state, "Handed to a person")
    [mail] = mails(bench, TOM, "a person must act")
    assert "Ask whether the customer stays" in mail.text


async def test_a_second_wish_for_the_same_subscription_is_watched_again(bench: Bench) -> None:
    """They stayed after all, and months later wish the end again: somebody watches that end, too."""
    assert_done(await read(bench, await wished(bench, days=5)))
    bench.sandbox.post(f"pax8/subscriptions/{held(bench, CONTOSO)['id']}/end", {"end": None})
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    bench.sandbox.advance(days=60)
    bench.sandbox.change("autotask.tickets", CONTOSO_TICKET, status=1)
    assert_done(await read(bench, await wished(bench, days=5, text="Now do end Premium. Ada")))
    assert len(await bench.runs("guard-end")) == 2


@pytest.mark.parametrize("looks_before", [0, 1])
async def test_a_guard_that_loses_its_evidence_tells_a_person(bench: Bench, looks_before: int) -> None:
    """Somebody edits the marker on the ticket, also before its first look: nobody watches the end any more, and a
    person gets it with its day."""
    assert_done(await read(bench, await wished(bench, days=5)))
    end = held(bench, CONTOSO)["endDate"]
    for _ in range(looks_before):
        bench.sandbox.advance(days=2)
        await bench.reconcile()
    [marker] = [
        one
        for one in bench.sandbox.records("autotask.ticketnotes")
        if "end of" in one["title"] and " used for " in one["title"]
    ]
    bench.sandbox.change("autotask.ticketnotes", marker["id"], description="tidied up")
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    [guard] = await bench.runs("guard-end")
    assert guard.state is not None
    assert_ended_as(guard.state, "Handed to a person")
    [mail] = mails(bench, TOM, "a person must act")
    assert "can't watch it any more" in mail.text and "knows no wish" in mail.text
    assert held(bench, CONTOSO)["endDate"] == end


async def test_a_guard_that_failed_unheard_is_told_by_the_net_once(bench: Bench) -> None:
    """The settings can't be read at its first look, so it can mail nobody; the net does, and Retry goes on."""
    assert_done(await read(bench, await wished(bench, days=5)))
    [guard] = await bench.runs("guard-end")
    async with settings(time_zone="Nowhere/None"):
        assert (await bench.segment(guard.id)).is_failed()
    before = len(mails(bench))
    for _ in range(2):
        await bench.reconcile()
    [told] = mails(bench, TOM, "1 run failed")
    assert len(mails(bench)) == before + 1 and SAM in told.cc and str(guard.id) in told.text
    bench.sandbox.advance(days=1)
    await bench.segment(guard.id)
    assert not mails(bench, TOM, "a person must act") and (await bench.state(guard.id)).is_scheduled()

    bench.sandbox.post("faults", {"vendor": "pax8", "method": "GET", "path": "/subscriptions/[^/]+$", "kind": "422"})
    assert (await bench.segment(guard.id)).is_failed()
    assert len(mails(bench, subject="can't go on by itself")) == 1, "it told people itself"
    await bench.reconcile()
    assert len(mails(bench, subject="run failed")) == 1, "so the net doesn't"


async def test_the_net_that_dies_amid_telling_names_no_run_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies between its mail and the marks on the runs; meanwhile another one fails."""
    assert_done(await read(bench, await wished(bench, days=5)))
    [guard] = await bench.runs("guard-end")
    watched = [guard.id]
    async with open_office():
        for key in ("second", "third"):
            watched.append(await book_timed(GUARD_END, bench.sandbox.now(), key, guard.parameters))
    async with settings(time_zone="Nowhere/None"):
        for run in watched[:2]:
            assert (await bench.segment(run)).is_failed()
    marked = net_failed.set_tags

    async def die_at_the_last(run: UUID, tags: Iterable[str]) -> None:
        if any(tag.startswith("told-stuck:") for tag in tags):
            raise Unavailable("Prefect", "gone right after the mail")
        await marked(run, tags)

    with monkeypatch.context() as dying:
        dying.setattr(net_failed, "set_tags", die_at_the_last)
        assert (await bench.play(await bench.start("reconcile"))).is_failed()
    assert len(mails(bench, TOM, "2 runs failed")) == 1
    async with settings(time_zone="Nowhere/None"):
        assert (await bench.segment(watched[2])).is_failed()
    for _ in range(2):
        await bench.reconcile()
    told = mails(bench, TOM, "nothing else looks after")
    assert [sum(str(run) in mail.text for mail in told) for run in watched] == [1, 1, 1]
    assert len(told) == 2


async def test_one_word_ends_one_subscription(bench: Bench) -> None:
    """The watch of an end can't be turned on another subscription; a word that was used isn't offered again."""
    run = await wished(bench, days=5)
    assert_done(await read(bench, run))
    other = held(bench, LITWARE, term="Monthly")["id"]
    mine = {"reference": await reference(bench, run), "ticket_id": CONTOSO_TICKET, "reminder_id": 0, "envelope": ""}
    people = {"contact": ADA, "requester": TOM, "senior": "sam@northgate.example"}
    guard = await bench.start("guard-end", **mine, **people, subscriptions=other, why="wished")
    assert_ended_as(await bench.play(guard), "Refused")
    assert len(booked(bench)) == 1
    assert held(bench, LITWARE, term="Monthly")["endDate"] is None


async def test_pax8_refuses_and_a_person_does_it(bench: Bench) -> None:
    """A top-priority ticket, and a mail with the last safe moment."""
    run = await wished(bench, days=5)
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    assert_ended_as(await read(bench, run), "Handed to a person")
    [mail] = mails(bench, TOM, "a person must act")
    assert "better a day earlier" in mail.text
    assert "ticket completed" not in writes(bench)


async def test_wrong_input_is_refused_by_name(bench: Bench) -> None:
    """Field, clause, way out; nothing has happened outside."""
    litware = {"customer": LITWARE, "ticket": "T20261113.0005", "contact": "lena@litware.example"}
    tailspin = {"customer": "Tailspin Toys", "ticket": "T20261112.0008", "contact": "pia@tailspin.example"}
    for changed, what in (
        ({"end_date": "2020-01-01"}, "is in the past"),
        ({"product": "Visio Plan 1"}, "no live subscription"),
        ({"contact": "rita@contoso.example"}, "may not confirm"),
        ({"ticket": "T20261119.0004"}, "belongs to another customer"),
        (litware, "several of this product"),
        ({**litware, "subscription": "x"}, "none of the customer's"),
        ({**tailspin, "product": "Visio Plan 1"}, "booked to end on"),
    ):
        state = await bench.play(await bench.start(**wish(bench, 5, **changed)))
        assert_ended_as(state, "Refused")
        assert what in str(state.message), (changed, state.message)
    assert not writes(bench)


async def test_a_bridge_is_ended_by_its_own_form(bench: Bench) -> None:
    """B7: unsigned it ends by itself; the wish is refused with that said."""
    await bought(bench)
    state = await bench.play(await bench.start(**wish(bench, 5, product="Visio Plan 1")))
    assert_ended_as(state, "Refused")
    assert "Withdraw the bridge by its own form" in plain(str(state.message))
