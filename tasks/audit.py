"""What an audit reads: every vendor by lists, within its limits, each call counted; what failed is said (I5)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import httpx
from dateutil.relativedelta import relativedelta
from prefect.client.schemas.objects import StateType

import vendors.http
from rules.agreement import UnreadablePaper, read_paper
from rules.audit import findings, suspects
from rules.audited import (
    Asset,
    Finding,
    Markers,
    Ordered,
    OutEnvelope,
    Read,
    Reminder,
    markers_of,
)
from rules.cover import Held, SignedPaper
from rules.envelope import EnvelopeReading, customer_signed, in_force
from tasks.agreements import read_envelope
from tasks.audit_runs import guarded, open_bridges, stopped, waits
from tasks.bridges import GUARD, OPEN
from tasks.case import ticket_link
from tasks.office import office
from tasks.runs import PROCEDURE, runs_tagged
from tasks.tickets import MARKER
from vendors.errors import NotFound, Unavailable, VendorError
from vendors.pax8 import Company, Subscription

T = TypeVar("T")

OUT = ("sent", "delivered")
BRIDGE_KEY = ":bridge"
OURS = "CS-"
MOST_COMPANIES_OF_ORDERS = 40
"""Lists of orders are slow (pax8.md §3), and read only for what looks ordered outside; beyond that it is said."""
MICROSOFT = "Microsoft"
MOST_PRODUCTS = 100
"""Products of other vendors, read one by one to be sure of that; beyond it is said."""
MOST_SINGLE_READS = 200
"""Signed agreements read one by one where DocuSign's list brings no fields: two calls each, of 3,000 an hour."""
LABEL = re.compile(r"(ProductId|UnitPrice)\d+")


class Calls:
    """How many calls each vendor was asked, tries again and tokens included."""

    def __init__(self) -> None:
        self.by_vendor: dict[str, int] = {}
        self._vendor = ""

    def count(self, _request: httpx.Request, _response: httpx.Response | None) -> None:
        self.by_vendor[self._vendor] = self.by_vendor.get(self._vendor, 0) + 1

    @asynccontextmanager
    async def of(self, vendor: str) -> AsyncIterator[None]:
        """Count what happens inside for that vendor. One vendor is read after the other."""
        self._vendor = vendor
        vendors.http.observers.append(self.count)
        try:
            yield
        finally:
            vendors.http.observers.remove(self.count)

    def in_words(self) -> str:
        return ", ".join(f"{vendor} {count}" for vendor, count in self.by_vendor.items())


class Reader:
    """Reads part after part. One that can't be read is None and said so; it is never taken for empty."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.missing: list[str] = []

    async def part(self, vendor: str, what: str, read: Callable[[], Awaitable[T]]) -> T | None:
        """One part of the reading, or None with the reason kept."""
        async with self.calls.of(vendor):
            try:
                return await read()
            except VendorError as fault:
                self.missing.append(f"not looked at: {what} ({fault})")
            except Exception as fault:  # its words may quote the record
                self.missing.append(f"not looked at: {what} (a record that can't be read: {type(fault).__name__})")
            return None

    def say(self, what: str) -> None:
        self.missing.append(f"not looked at: {what}")


async def read_everything() -> tuple[Read, Calls]:
    """Everything an audit judges by. Raises nothing of a vendor's: what failed stands in `Read.missing`."""
    reader, settings = Reader(), office().settings
    names = await reader.part("Autotask", "customers' names", companies_by_id)
    held = await reader.part("Pax8", "subscriptions", lambda: subscriptions(reader, names)) if names else None
    if names is None:
        reader.say("subscriptions, since the customers' names could not be read")
    envelopes = await reader.part("DocuSign", "agreements", lambda: every_envelope(reader))
    papers = read_papers(reader, envelopes) if envelopes is not None else None
    markers = await reader.part("Autotask", "markers of what was used", used_authorities)
    reminders = await reader.part("Autotask", "open reminders", lambda: open_reminders(names or {}))
    assets = await reader.part("IT Glue", "Application assets", application_assets)
    runs = [run async for run in runs_tagged([PROCEDURE], (StateType.PAUSED,))]
    cancelled = [run async for run in runs_tagged([PROCEDURE], (StateType.CANCELLED,))]
    if settings.countersign_since is None:
        reader.say("what was ordered outside Countersign (the setting 'countersign_since' is empty)")
    read = Read(
        now=office().clock.now(),
        calendar=settings.calendar,
        held=tuple(held) if held is not None else None,
        papers=papers,
        out=tuple(out_envelope(one) for one in envelopes if one.status in OUT and is_ours(one))
        if envelopes is not None
        else None,
        customer_signed=frozenset(
            one.reference
            for one in in_force(envelopes or ())
            if one.reference and customer_signed(one, settings.templates.client_role)
        ),
        markers=markers,
        reminders=reminders,
        assets=assets,
        bridges=tuple(open_bridges(reader.say, [run async for run in runs_tagged([OPEN])])),
        guarded=guarded([run async for run in runs_tagged([GUARD])]),
        waiting=tuple(waits(reader.say, runs)),
        stopped=tuple(await stopped(cancelled, datetime.now(UTC))),
        since=settings.countersign_since,
        notice_days=settings.renewal_notice_days,
        envelope_days=settings.late_signature_days,
        ids_by_name={one.agreement_name: one.product_id for one in settings.product_map.products},
        terms=settings.asset_fields.terms,
        docusign_url=settings.docusign_url,
    )
    orders = await reader.part("Pax8", "who ordered", lambda: orders_of(reader, suspects(findings(read), read)))
    return read.model_copy(update={"orders": orders or {}, "missing": tuple(reader.missing)}), reader.calls


async def companies_by_id() -> dict[str, str]:
    """Autotask's name of every company, by its id as Pax8 keeps it."""
    return {str(one.id): one.name for one in await office().autotask.companies()}


async def subscriptions(reader: Reader, names: dict[str, str]) -> list[Held]:
    """Every Microsoft subscription of every customer: three lists, page by page."""
    pax8 = office().pax8
    listed = {one.id async for one in pax8.products()}
    companies = {one.id: one async for one in pax8.companies()}
    every = await pax8.subscriptions()
    microsoft = listed | await unlisted_microsoft(reader, {one.product_id for one in every} - listed)
    nameless: set[str] = set()
    held = []
    for one in every:
        if one.product_id not in microsoft:
            continue
        company = companies.get(one.company_id)
        customer = names.get(company.external_id) if company is not None and company.external_id else None
        if customer is None and one.status != "Cancelled":
            nameless.add(company.name if company is not None else one.company_id)
        held.append(held_of(one, customer or name_at_pax8(company, one)))
    if nameless:
        reader.say(
            f"whose papers {', '.join(sorted(nameless))} bear: not linked to an Autotask company at Pax8, "
            "so Pax8's own name was taken"
        )
    return held


async def unlisted_microsoft(reader: Reader, products: set[str]) -> set[str]:
    """Which of the products outside the catalogue's Microsoft list are Microsoft's all the same, read one by one.

    One that Pax8 doesn't show any more may be anybody's: it is said, and not judged.
    """
    found, unknown = set(), []
    for product_id in sorted(products)[:MOST_PRODUCTS]:
        try:
            if (await office().pax8.product(product_id)).vendor_name == MICROSOFT:
                found.add(product_id)
        except NotFound:
            unknown.append(product_id)
    unknown += sorted(products)[MOST_PRODUCTS:]
    if unknown:
        reader.say(f"subscriptions of {len(unknown)} products whose vendor Pax8 doesn't say, such as {unknown[0]}")
    return found


def name_at_pax8(company: Company | None, subscription: Subscription) -> str:
    return company.name if company is not None else subscription.company_id


def held_of(one: Subscription, customer: str) -> Held:
    calendar = office().settings.calendar
    term = one.commitment_term

    def day(moment: datetime | None) -> date | None:
        return calendar.term_end(moment) if moment is not None else None

    return Held(
        subscription_id=one.id,
        company_id=one.company_id,
        customer=customer,
        product_id=one.product_id,
        product_name=one.product_name,
        seats=one.quantity,
        term=term.term if term else "",
        status=one.status,
        started=one.start.date() if one.start else None,
        term_end=day(term.end) if term else None,
        last_day=calendar.last_day(term.end) if term and term.end else None,
        ends=day(one.end),
    )


async def every_envelope(reader: Reader) -> list[EnvelopeReading]:
    """Every envelope of the last years, with its fields: by lists, a signed one without them by itself (§6, §9).

    Raises `Unavailable` where too many lack their fields: a paper that wasn't read is not a missing paper.
    """
    now = office().clock.now()
    since = now - relativedelta(years=office().settings.audit_paper_years)
    found = [read_envelope(one, now) async for one in office().docusign.with_tabs_since(since)]
    bare = [one.envelope_id for one in found if one.reference and one.is_completed and not one.fields]
    if len(bare) > MOST_SINGLE_READS:
        raise Unavailable("DocuSign", f"its list leaves out the fields of {len(bare)} signed agreements")
    if bare and not any(one.fields for one in found):
        reader.say("agreements made by hand without our reference: DocuSign's list leaves all fields out")
    again = {one: read_envelope(await office().docusign.envelope_with_tabs(one), now) for one in bare}
    return [again.get(one.envelope_id, one) for one in found]


def is_ours(one: EnvelopeReading) -> bool:
    """Whether an envelope is an agreement of ours: by our reference, or by our labels where it was made by hand."""
    return bool(one.reference) or any(LABEL.fullmatch(label) for label in one.fields)


def read_papers(reader: Reader, envelopes: Iterable[EnvelopeReading]) -> tuple[SignedPaper, ...]:
    """The completed agreements; one of ours that can't be read is said."""
    papers, unreadable = [], []
    for one in envelopes:
        if one.completed_at is None or not one.is_completed or not is_ours(one) or not one.fields:
            continue
        try:
            paper = read_paper(one.fields)
        except UnreadablePaper as why:
            unreadable.append(f"{one.reference or one.envelope_id}: {why}")
            continue
        completed = office().settings.calendar.day_of(one.completed_at)
        papers.append(SignedPaper(envelope_id=one.envelope_id, completed=completed, paper=paper))
    if unreadable:
        reader.say(f"{len(unreadable)} signed agreements that can't be read, such as {unreadable[0]}")
    return tuple(papers)


def out_envelope(one: EnvelopeReading) -> OutEnvelope:
    products = [value for label, value in one.fields.items() if label.startswith("ProductId") and value]
    return OutEnvelope(
        envelope_id=one.envelope_id,
        reference=one.reference,
        sent=one.sent_at or one.read_at,
        customer=one.fields.get("CustomerName", ""),
        products=tuple(products),
        link=f"{office().settings.docusign_url}/documents/details/{one.envelope_id}",
    )


async def used_authorities() -> Markers:
    """Every marker on every ticket, by one query. What a customer's contact writes is none."""
    notes = await office().autotask.notes_titled(f"{MARKER} ")
    return markers_of([(note.id, note.title) for note in notes if note.created_by_contact_id is None], MARKER)


async def open_reminders(names: dict[str, str]) -> tuple[Reminder, ...]:
    """The bridges' reminders that aren't complete, by one query over all tickets (B4)."""
    settings = office().settings
    found = await office().autotask.tickets_with_key(OURS, settings.labels.status_complete)
    return tuple(
        Reminder(
            ticket_id=one.id,
            number=one.number,
            reference=one.external_id.removesuffix(BRIDGE_KEY),
            company=names.get(str(one.company_id), ""),
            opened=settings.calendar.day_of(one.created_at) if one.created_at else None,
            link=ticket_link(settings.autotask_url, one.id),
        )
        for one in found
        if one.external_id.endswith(BRIDGE_KEY)
    )


async def application_assets() -> tuple[Asset, ...]:
    """Every Application asset that names a subscription, by one list (P11)."""
    itglue, fields = office().itglue, office().settings.asset_fields
    layout = await itglue.flexible_asset_type(fields.application_type)
    where = fields.traits

    def said(traits: Any, ours: str) -> str:
        value = traits.get(where.get(ours, ""))
        return "" if value is None else str(value).strip()

    return tuple(
        Asset(
            asset_id=one.id,
            name=one.name,
            subscription_id=said(one.traits, "subscription"),
            seats=whole(said(one.traits, "seats")),
            term=said(one.traits, "term"),
            agreement=said(one.traits, "agreement"),
            link=one.resource_url,
        )
        for one in await itglue.flexible_assets_of_type(layout.id)
        if said(one.traits, "subscription")
    )


def whole(text: str) -> int | None:
    """A number of seats as IT Glue gives it: `12`, `12.0`; None for anything else."""
    number, _, places = text.partition(".")
    return int(number) if number.isascii() and number.isdecimal() and not places.strip("0") else None


async def orders_of(reader: Reader, wanted: dict[str, str]) -> dict[str, Ordered]:
    """The orders behind suspicious subscriptions, company by company, up to a bound that is said."""
    companies = list(dict.fromkeys(wanted.values()))
    if len(companies) > MOST_COMPANIES_OF_ORDERS:
        reader.say(f"who ordered for {len(companies) - MOST_COMPANIES_OF_ORDERS} further customers")
    found: dict[str, Ordered] = {}
    for company in companies[:MOST_COMPANIES_OF_ORDERS]:
        async for order in office().pax8.orders(company):
            for line in order.lines:
                if line.subscription_id in wanted:
                    ordered = Ordered(order_id=order.id, day=order.created, by=order.ordered_by_email)
                    found[line.subscription_id] = ordered
    return found


def judged(read: Read) -> tuple[Finding, ...]:
    """What is wrong, now that everything was read."""
    return findings(read)
