"""The audit: what was hidden among 3,000 sound subscriptions is found, all of it and nothing else (issue 5, 3)."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Cancelled

from rules.audited import Kind
from rules.bridge import BridgeDates
from rules.order import Term
from tasks.audit import Reader
from tests.procedures.audit_world import Sold, World, under_way
from tests.procedures.bridges import bought as bought_bridge
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch, launch_to_signature, mails, settings, sign
from tests.procedures.requests import ROBERTA, contoso
from vendors.errors import Unavailable

DAY = timedelta(days=1)
VENDORS = (("Autotask", "autotask"), ("Pax8", "pax8"), ("DocuSign", "docusign"), ("IT Glue", "itglue"))
"""In the order in which they are read."""


async def audit(bench: Bench) -> Any:
    return await bench.play(await bench.start("audit"))


async def table(bench: Bench) -> tuple[list[dict[str, str]], str]:
    """The rows of the one table, and what stands above it."""
    async with get_client() as client:
        [found] = await client.read_artifacts(
            artifact_filter=ArtifactFilter.model_validate({"key": {"any_": ["audit"]}})
        )
    rows = json.loads(str(found.data)) if isinstance(found.data, str) else found.data
    return list(rows or []), str(found.description)


def keys(rows: list[dict[str, str]]) -> set[str]:
    return {row["id"] for row in rows}


def hidden(world: World) -> set[str]:
    return {f"{kind.name.lower()}:{subject}" for kind, subject in world.wrong}


async def bridge_of(world: World, one: Sold, signed: bool = False) -> str:
    """An open bridge whose month ends with this monthly subscription's; its run waits for nobody in particular."""
    reference = world.reference(one)
    ends = world.term_end(one)
    world.unsign(one)
    one.asset = None
    if signed:
        world.sign(one)
        world.completed[one.envelope] = world.today - 2 * DAY
    await under_way(
        world.bench,
        f"bridge {one.customer}",
        f"ref:{reference}",
        "bridge-open",
        f"sub:{one.id}",
        f"month-ends:{ends.isoformat()}T00:00:00+00:00",
        "role:calendar",
        "wait:agreement-1",
        f"since:{world.now.isoformat()}",
    )
    return reference


async def hide_25(world: World) -> None:
    """Two wrong things of each kind, one of one kind, each at a customer of its own."""
    bench, today = world.bench, world.today

    for _ in range(2):  # bought in the portal, no paper
        one = world.pick(new=True, term=Term.MONTHLY)
        world.unsign(one)
        one.asset = None
        world.hide(Kind.WITHOUT_PAPER, one.id)
    one.order = {
        "id": "6f000000-0000-4000-8000-000000000001",
        "companyId": one.company,
        "createdDate": one.started.isoformat(),
        "orderedBy": "Pax8 Partner",
        "orderedByUserEmail": "jo@northgate.example",
        "isScheduled": False,
        "lineItems": [
            {
                "id": "6f000000-0000-4000-8000-000000000002",
                "productId": one.product["id"],
                "subscriptionId": one.id,
                "commitmentTermId": None,
                "billingTerm": "Monthly",
                "quantity": one.seats,
            }
        ],
    }
    for _ in range(2):  # from before Countersign, and nobody has named a paper
        one = world.pick(new=False, papered=False)
        world.by_asset.discard(one.id)
        world.hide(Kind.OLDER_WITHOUT_PAPER, one.id)
    for _ in range(2):  # signed, but ordered by hand
        one = world.pick(new=True)
        world.marked.discard(one.envelope)
        world.hide(Kind.ORDERED_OUTSIDE, one.id)
    for more in (3, -1):  # seats changed in the portal
        one = world.pick(new=True, term=Term.MONTHLY)
        one.pax8_seats = max(one.seats, 2) + more
        world.hide(Kind.SEATS_DIFFER, one.id)
    for signed, bought in ((Term.MONTHLY, Term.ANNUAL), (Term.ANNUAL, Term.MONTHLY)):
        one = world.pick(new=True, term=bought)
        world.papers[one.envelope] = world.terms_of(one, term=signed)
        world.hide(Kind.TERM_DIFFERS, one.id)

    calendar = bench_calendar()
    for _ in range(2):  # within their last five business days, unsigned, nothing booked
        one = world.pick(new=True, term=Term.MONTHLY)
        one.started = (today + 3 * DAY) - timedelta(days=31)
        while not world.now > calendar.cut_off(world.term_end(one)):
            one.started -= DAY
        await bridge_of(world, one)
        world.hide(Kind.BRIDGE_NOT_ENDING, one.id)

    one = world.pick(new=True)  # its paper said that it ends
    one.started = one.started - timedelta(days=366) if one.term is Term.ANNUAL else one.started
    world.papers[one.envelope] = world.terms_of(one, end=one.started + DAY)
    world.completed[one.envelope] = one.started - DAY
    world.hide(Kind.RENEWED, one.id)
    one = world.pick(new=True, term=Term.MONTHLY)  # its end had been booked, and is gone
    world.unsign(one)
    one.asset = None
    await under_way(bench, "guard", f"guard-of:{one.id}", "end-guard", waits=False)
    world.hide(Kind.RENEWED, one.id)

    for _ in range(2):
        one = world.pick(new=True, term=Term.ANNUAL)
        one.started = today + timedelta(days=20) - timedelta(days=365)
        world.completed[one.envelope] = one.started - DAY
        world.hide(Kind.RENEWS_SOON, one.id)

    for number in (41, 42):
        world.put("autotask.tickets", number, world.reminder(number, f"CS-OVER{number:06d}", 5000 + number))
        world.hide(Kind.REMINDER_FOR_NOTHING, str(number))

    templates = bench.sandbox.records("docusign.templates")
    for number, days in ((1, 31), (2, 45)):
        one = world.pick(new=True)
        terms = world.terms_of(one, reference=f"CS-OUT{number:07d}")
        key = f"0a000000-0000-4000-8000-00000000000{number}"
        sent = world.now - timedelta(days=days, hours=1)
        world.put("docusign.envelopes", key, world.envelope(key, 90_000 + number, terms, templates, sent))
        world.hide(Kind.ENVELOPE_OUT_LONG, key)

    run = await under_way(
        bench,
        "waits for signer",
        "ref:CS-WAITSIGNER",
        "role:signer",
        "wait:signer",
        f"since:{(world.now - timedelta(days=15)).isoformat()}",
    )
    world.hide(Kind.WAITS_LONG, str(run))
    run = await under_way(bench, "cancelled in Prefect", "ref:CS-CANCELLED1")
    async with bench.prefect() as client:
        by_hand: Any = Cancelled()
        await client.set_flow_run_state(run, by_hand, force=True)
    world.hide(Kind.CANCELLED, str(run))

    one = world.pick(new=True)
    one.asset = None
    world.hide(Kind.ASSET_MISSING, one.id)
    one = world.pick(new=False)
    one.asset = {"licence-count": one.seats + 5}
    world.hide(Kind.ASSET_STALE, one.id)
    one = world.pick(new=False)  # a slip of the keyboard: an asset of nothing
    world.put("itglue.flexible_assets", 60_001, world.asset(one, 60_001, {"subscription-id": "no-such-subscription"}))
    world.hide(Kind.ASSET_STALE, "asset-60001")


def bench_calendar() -> Any:
    """The sandbox MSP's working calendar."""
    from rules.calendar import Calendar

    return Calendar(time_zone="America/New_York", country="US", subdivision="NY")


async def sound_procedures(world: World) -> None:
    """What is in order: bridges early in their month, ending ones, signed ones, fresh waits, a paper just sent."""
    bench, today, calendar = world.bench, world.today, bench_calendar()
    for number in range(3):
        one = world.pick(new=True, term=Term.MONTHLY)
        one.started = today - (2 + number) * DAY
        reference = await bridge_of(world, one)
        world.put("autotask.tickets", 60 + number, world.reminder(60 + number, reference, one.autotask))
    one = world.pick(new=True, term=Term.MONTHLY)
    one.started = today - 29 * DAY
    await bridge_of(world, one)
    one.ends = world.term_end(one)
    one = world.pick(new=True, term=Term.MONTHLY)
    one.started = today - 29 * DAY
    await bridge_of(world, one, signed=True)
    assert world.now > BridgeDates.of(one.started, world.now, calendar).cut_off
    one = world.pick(new=True, term=Term.ANNUAL)  # renews soon, and its renewal agreement is out
    one.started = today + timedelta(days=20) - timedelta(days=365)
    world.completed[one.envelope] = one.started - DAY
    templates = bench.sandbox.records("docusign.templates")
    key = "0b000000-0000-4000-8000-000000000001"
    terms = world.terms_of(one, reference="CS-RENEWAL001")
    world.put("docusign.envelopes", key, world.envelope(key, 95_001, terms, templates, world.now - 2 * DAY))
    one = world.pick(new=True, term=Term.MONTHLY)  # three seats more, confirmed in writing
    one.pax8_seats = one.seats + 3
    increase = f"{one.seats} → {one.pax8_seats} seats of {one.id}"
    note = world.note(39_000_000, f"Countersign authority written:0123 used for CS-SEATS00001: {increase}")
    world.put("autotask.ticketnotes", 39_000_000, note)
    await under_way(
        bench, "fresh", "ref:CS-FRESH", "role:contracts", "wait:release-1", f"since:{world.now.isoformat()}"
    )


@pytest.mark.timeout(240)
async def test_twenty_five_wrong_things_among_3000_subscriptions_are_found_and_nothing_else(
    bench: Bench, record_property: Any
) -> None:
    """Each with customer, reason and a proposed action; in minutes, by few calls; mailed once, and only what is new."""
    world = World(bench)
    await hide_25(world)
    assert len(world.wrong) == 25 and len({kind for kind, _ in world.wrong}) == len(Kind)
    await sound_procedures(world)
    world.write()
    assert len(bench.sandbox.records("pax8.subscriptions")) == 3000
    seq = int(bench.sandbox.ledger(limit=1)[-1]["seq"])

    async with settings(countersign_since=world.since.isoformat()):
        began = time.monotonic()
        state = await audit(bench)
        took = time.monotonic() - began
        rows, told = await table(bench)
        assert keys(rows) == hidden(world)
        assert (state.type.value, state.name) == ("COMPLETED", "Findings")
        assert all(row["do"] and row["what is wrong"] for row in rows)
        assert "not looked at" not in told

        asked = {
            vendor: sum(one["vendor"] == vendor for one in bench.sandbox.ledger(since=seq))
            for vendor in ("pax8", "docusign", "autotask", "itglue")
        }
        assert f"Calls: {', '.join(f'{name} {asked[key]}' for name, key in VENDORS)}." in str(state.message)
        record_property("calls", asked)
        print(f"\naudit: {took:.1f} s, calls {asked}")
        assert asked["pax8"] <= 40 and asked["docusign"] <= 10 and asked["autotask"] <= 20 and asked["itglue"] <= 25
        by_hand = next(row for row in rows if "6f000000" in row["what is wrong"])
        assert "jo@northgate.example" in by_hand["what is wrong"].replace("\\", "")

        [mail] = mails(bench, ROBERTA, "Audit: 25 new")
        assert all(str(kind.value) in mail.text for kind in Kind)
        again = await audit(bench)
        assert again.name == "Findings" and "0 new." in str(again.message)
        assert len(mails(bench, ROBERTA, "Audit")) == 1


@pytest.fixture
def small(bench: Bench) -> World:
    """Three customers with thirty subscriptions, all in order."""
    return World(bench, customers=3)


async def test_where_nothing_is_wrong_it_says_so_and_mails_nobody(bench: Bench, small: World) -> None:
    """Completed, an empty table; without Countersign's first day it says what it could not look at."""
    small.write()
    async with settings(countersign_since=small.since.isoformat()):
        state = await audit(bench)
        assert (state.name, (await table(bench))[0]) == ("Completed", [])
        assert "nothing wrong" in str(state.message)
    unknown = await audit(bench)
    assert unknown.name == "Incomplete", unknown.message
    assert "not looked at: what was ordered outside" in str(unknown.message)
    assert not mails(bench, ROBERTA, "Audit")


async def test_a_product_that_left_the_catalogue_is_said_and_not_taken_for_another_vendors(
    bench: Bench, small: World
) -> None:
    """A retired product may still be paid for."""
    one = small.pick(new=True)
    one.product = {**one.product, "id": "0d000000-0000-4000-8000-000000000001"}
    one.asset = None
    small.write()
    async with settings(countersign_since=small.since.isoformat()):
        state = await audit(bench)
    assert state.name == "Incomplete", state.message
    assert "whose vendor Pax8 doesn't say, such as 0d000000" in str(state.message)


PARTS = {
    "pax8": ("/subscriptions", "subscriptions"),
    "docusign": ("/envelopes", "agreements"),
    "autotask": ("/TicketNotes/query", "markers of what was used"),
    "itglue": ("/flexible_assets", "Application assets"),
}


@pytest.mark.parametrize("vendor", PARTS)
async def test_what_could_not_be_read_is_said_and_never_counted_as_fine(
    bench: Bench, small: World, vendor: str
) -> None:
    """Nobody is accused for want of what wasn't read, and what was found before stays until it is looked at again."""
    path, what = PARTS[vendor]
    method = "POST" if vendor == "autotask" else "GET"
    fault = {"kind": "422", "vendor": vendor, "method": method, "path": path, "times": 99}
    async with settings(countersign_since=small.since.isoformat()):
        small.write()
        bench.sandbox.post("faults", fault)
        state = await audit(bench)
        assert state.name == "Incomplete", state.message
        assert f"not looked at: {what}" in str(state.message)
        assert f"not looked at: {what}" in (await table(bench))[1]

        bench.sandbox.http.delete("faults").raise_for_status()
        one = small.pick(new=True)
        one.pax8_seats, one.asset = one.seats + 1, {"licence-count": one.seats + 1}
        small.write()
        assert (await audit(bench)).name == "Findings"
        bench.sandbox.post("faults", fault)
        await audit(bench)
        assert keys((await table(bench))[0]) == {f"seats_differ:{one.id}"}
        bench.sandbox.http.delete("faults").raise_for_status()
        assert "0 new." in str((await audit(bench)).message)


async def test_only_what_is_new_is_mailed_and_what_is_mended_leaves_the_table(bench: Bench, small: World) -> None:
    """The second mail names the second thing alone; the table keeps when each was found."""
    async with settings(countersign_since=small.since.isoformat()):
        first = small.pick(new=True)
        small.marked.discard(first.envelope)
        small.write()
        await audit(bench)
        second = small.pick(new=True)
        second.asset = None
        small.write()
        await audit(bench)
        assert keys((await table(bench))[0]) == {f"ordered_outside:{first.id}", f"asset_missing:{second.id}"}
        told = mails(bench, ROBERTA, "Audit: 1 new")
        assert len(told) == 2
        assert second.id in told[1].text and first.id not in told[1].text
        small.marked.add(first.envelope)
        second.asset = {}
        small.write()
        assert (await audit(bench)).name == "Completed"
        assert (await table(bench))[0] == []


async def test_what_countersign_itself_did_is_no_finding(bench: Bench) -> None:
    """An order signed and bought, a bridge under way, a release awaited: none of them is wrong."""
    today = bench.sandbox.today().isoformat()
    await bought_bridge(bench, product="Visio Plan 2", quote_line="Visio Plan 2")
    releasing = await launch(bench, contoso(product="Power BI Pro", quote_line="Power BI Pro"))
    assert await bench.waits_for(releasing) == "release-1"
    done = await launch_to_signature(bench, contoso())
    assert_done(await sign(bench, done))
    async with settings(countersign_since=today):
        await audit(bench)
    rows, told = await table(bench)
    assert {row["kind"] for row in rows} <= {Kind.OLDER_WITHOUT_PAPER.value, Kind.RENEWS_SOON.value}, rows
    assert "have waited" not in told and "the bridge" not in told


async def test_what_somebody_cancelled_in_prefect_is_named_until_it_is_started_again(bench: Bench) -> None:
    """Cancelled in the UI while its agreement is out: nobody goes on, and nobody would notice (I5)."""
    form = contoso()
    run = await launch_to_signature(bench, form)
    envelope = await bench.envelope(run)
    async with bench.prefect() as client:
        cancelled: Any = Cancelled()
        await client.set_flow_run_state(run, cancelled, force=True)
    assert_done(await audit(bench))
    rows, _ = await table(bench)
    key = f"{Kind.CANCELLED.name.lower()}:{run}"
    [row] = [row for row in rows if row["id"] == key]
    assert "nobody goes on" in str(row)
    assert mails(bench, ROBERTA, "udit")
    async with bench.prefect() as client:
        await client.delete_flow_run(run)
    again = await launch(bench, {**form, "envelope": envelope})
    assert await bench.waits_for(again) == "signature"
    assert_done(await audit(bench))
    rows, _ = await table(bench)
    assert key not in keys(rows)


async def test_the_audit_runs_before_working_hours_in_our_zone(bench: Bench) -> None:
    """The set-up puts the settings' zone into every schedule by the hour."""
    from deployments.setup import keep_schedules_in_our_zone

    async with bench.prefect() as client:
        audits = bench.deployments["audit"]
        cron = CronSchedule(cron="0 6 * * *", timezone="America/New_York")
        [made] = await client.create_deployment_schedules(audits, [(cron, False)])
        try:
            async with settings(time_zone="Europe/Berlin"):
                await keep_schedules_in_our_zone()
            [one] = await client.read_deployment_schedules(audits)
            assert isinstance(one.schedule, CronSchedule)
            assert (one.schedule.cron, one.schedule.timezone, one.active) == ("0 6 * * *", "Europe/Berlin", False)
        finally:
            await client.delete_deployment_schedule(audits, made.id)


async def test_a_record_that_nobody_expected_is_said_and_not_quoted() -> None:
    """One part that can't be read keeps nothing else back; what the record holds stays out of the report."""
    reader = Reader()

    async def odd() -> int:
        raise ValueError("its secret is hunter2")

    async def down() -> int:
        raise Unavailable("Pax8", "no answer")

    async def fine() -> int:
        return 7

    assert [await reader.part("Pax8", name, read) for name, read in (("a", odd), ("b", down), ("c", fine))] == [
        None,
        None,
        7,
    ]
    first, second = reader.missing
    assert "ValueError" in first and "hunter2" not in first
    assert "no answer" in second
