"""What no step would notice: subscriptions, papers, procedures and records held against each other from outside."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from rules.audited import Asset, Finding, Kind, Links, OpenBridge, Read
from rules.bridge import EARLY_ENOUGH_TO_END
from rules.cover import Cover, Held, covers
from rules.order import Term
from rules.product_map import says

RENEWAL_PAPER = timedelta(days=120)
"""A paper signed or sent this shortly before a renewal is the renewal's own."""


def authority_of(envelope_id: str) -> str:
    """The id under which a signed agreement's use is recorded (`SignedAgreement.authority_id`)."""
    return f"docusign:{envelope_id}"


def findings(read: Read) -> tuple[Finding, ...]:
    """Every wrong thing that can be told from what was read, by kind, customer and subject."""
    found = [*_subscriptions(read), *_assets_of_nothing(read), *_papers(read), *_people(read)]
    order = list(Kind)
    return tuple(sorted(found, key=lambda one: (order.index(one.kind), one.customer.casefold(), one.subject)))


def suspects(found: Iterable[Finding], read: Read) -> dict[str, str]:
    """Subscriptions whose order somebody should see, and the company whose orders are to be read for it."""
    companies = {one.subscription_id: one.company_id for one in read.held or ()}
    kinds = (Kind.WITHOUT_PAPER, Kind.ORDERED_OUTSIDE)
    return {one.subject: companies[one.subject] for one in found if one.kind in kinds}


def _subscriptions(read: Read) -> Iterator[Finding]:
    """Everything that is judged for a live subscription; without papers or bridges nothing can be said of it."""
    if read.held is None or read.papers is None or read.bridges is None:
        return
    by_subscription = {asset.subscription_id: asset for asset in read.assets or ()}
    named = {one: envelope_in(asset.agreement) for one, asset in by_subscription.items()}
    covered = covers(read.held, read.papers, named, read.ids_by_name)
    bridged = {one: bridge for bridge in read.bridges for one in bridge.subscriptions}
    for held in read.held:
        if not held.is_live(read.today) or held.status == "Trial" or says(held.product_name, "trial"):
            continue
        cover, asset = covered.get(held.subscription_id), by_subscription.get(held.subscription_id)
        bridge = bridged.get(held.subscription_id)
        if bridge is not None:
            yield from _bridge(read, held, bridge, cover)
        elif cover is not None:
            yield from _against_paper(read, held, cover)
            yield from _documented(read, held, cover, asset)
        else:
            yield from _without_paper(read, held, asset)
        if bridge is None and not (cover and _renewed(held, cover)):
            yield from _renews_soon(read, held, cover)


def envelope_in(agreement: str) -> str:
    """The envelope's id at the end of a DocuSign link; else the text itself."""
    return agreement.strip().rstrip("/").rpartition("/")[2]


def _is_new(read: Read, held: Held) -> bool:
    """Whether it began under Countersign."""
    return read.since is not None and held.started is not None and held.started >= read.since


def _told(held: Held) -> str:
    return f"{held.seats} × {held.product_name}, {held.term or 'term not shown'} ({held.subscription_id})"


def _finding(kind: Kind, held: Held, what: str, since: date | None, action: str, links: Links = ()) -> Finding:
    told = f"{_told(held)}: {what}"
    return Finding(
        kind=kind,
        subject=held.subscription_id,
        customer=held.customer,
        what=told,
        since=since,
        action=action,
        links=links,
    )


def _paper_link(read: Read, cover: Cover) -> Links:
    return (("agreement", f"{read.docusign_url}/documents/details/{cover.signed.envelope_id}"),)


def _bridge(read: Read, held: Held, bridge: OpenBridge, cover: Cover | None) -> Iterator[Finding]:
    """B7, Y5: past the cut-off an unsigned bridge ends with its month; a signed annual one 48 hours before its end."""
    link, calendar = (("procedure", bridge.link),), read.calendar
    month_end = calendar.term_end(bridge.month_ends)
    ends = held.ends is not None and held.term_end is not None and held.ends <= held.term_end
    signed = bridge.reference in read.customer_signed
    if ends:
        return
    if not signed and read.now >= bridge.month_ends:
        yield _finding(
            Kind.RENEWED,
            held,
            f"the bridge {bridge.reference} went on past its month's end {month_end}, unsigned (B7)",
            month_end,
            "Book its end in Pax8 for this term's end, or get the agreement signed; tell the customer and billing.",
            link,
        )
    elif not signed and read.now > calendar.cut_off(month_end):
        yield _finding(
            Kind.BRIDGE_NOT_ENDING,
            held,
            f"the cut-off of {bridge.reference} has passed unsigned, and no end is booked (B7)",
            calendar.day_of(calendar.cut_off(month_end)),
            f"Book its end in Pax8 for {month_end}, by the day before at the latest; look at the procedure's deadline.",
            link,
        )
    elif signed and cover is None and read.now > bridge.month_ends - EARLY_ENOUGH_TO_END:
        annual = [one for one in read.papers or () if one.paper.reference == bridge.reference]
        if any(one.paper.term is Term.ANNUAL for one in annual):
            yield _finding(
                Kind.BRIDGE_NOT_ENDING,
                held,
                f"the annual agreement of {bridge.reference} is signed, and the bridge isn't booked to end (Y5)",
                calendar.day_of(bridge.month_ends - EARLY_ENOUGH_TO_END),
                f"See that the annual subscription is active, then book the bridge's end for {month_end}.",
                link,
            )


def _renewed(held: Held, cover: Cover) -> bool:
    """Whether the paper's end was reached by a term that is over, as `Calendar.reaches` says, and it goes on (N7)."""
    end, begun = cover.signed.paper.end, held.term_begun
    return end is not None and begun is not None and begun >= end


def _against_paper(read: Read, held: Held, cover: Cover) -> Iterator[Finding]:
    paper, line, link = cover.signed.paper, cover.line, _paper_link(read, cover)
    if paper.term.value != held.term:
        yield _finding(
            Kind.TERM_DIFFERS,
            held,
            f"{paper.term.value} is what {paper.reference} says, signed {cover.signed.completed} (Y1)",
            held.started,
            "Ask who ordered it; get an agreement for this term signed, or end it with its term and order as signed.",
            link,
        )
    confirmed = read.markers.seats.get(held.subscription_id) if read.markers is not None else None
    expected = confirmed if confirmed is not None else line.seats
    if expected != held.seats and read.markers is not None:
        yield _finding(
            Kind.SEATS_DIFFER,
            held,
            f"{expected} are {'confirmed' if confirmed is not None else 'signed'} in {paper.reference} (N5, S1)",
            cover.signed.completed,
            "Ask who changed the seats; get the increase confirmed in writing, and tell billing.",
            link,
        )
    if _renewed(held, cover):
        yield _finding(
            Kind.RENEWED,
            held,
            f"{paper.reference} ends it on {paper.end}; the running term began on {held.term_begun} (N7)",
            held.term_begun,
            "Book its end for this term's end, tell the customer what it costs until then, and billing.",
            link,
        )
    used = read.markers.used if read.markers is not None else None
    if used is not None and _is_new(read, held) and authority_of(cover.signed.envelope_id) not in used:
        yield _finding(
            Kind.ORDERED_OUTSIDE,
            held,
            f"{paper.reference} is signed, but Countersign never ordered from it{_by(read, held)} (I1)",
            held.started,
            "Mark the agreement as used so that it buys nothing more; see that billing and IT Glue know of it.",
            link,
        )


def _by(read: Read, held: Held) -> str:
    order = read.orders.get(held.subscription_id)
    return f"; order {order.order_id} of {order.day} by {order.by or 'nobody named'}" if order else ""


def _without_paper(read: Read, held: Held, asset: Asset | None) -> Iterator[Finding]:
    ends = f" It ends on {held.ends}." if held.ends else ""
    watched = read.guarded.get(held.subscription_id)
    if watched is not None:
        if held.ends is None and not watched:
            yield _finding(
                Kind.RENEWED,
                held,
                "its end was booked once, nobody watches it any more, and it goes on (B7)",
                held.term_begun,
                "Book its end in Pax8 for this term's end, or get an agreement signed.",
            )
        return
    if _is_new(read, held):
        yield _finding(
            Kind.WITHOUT_PAPER,
            held,
            f"no completed agreement of this customer names it{_by(read, held)} (N5)",
            held.started,
            f"Start new-subscription with an agreement for it, or end it with its term.{ends}",
        )
    elif read.assets is not None and (asset is None or not asset.agreement.strip()):  # unread, it may name the paper
        yield _finding(
            Kind.OLDER_WITHOUT_PAPER,
            held,
            "neither DocuSign nor its Application asset knows a paper (N5)",
            held.started,
            "Name the paper in the asset's agreement field, or have an agreement with our labels signed." + ends,
            ((asset.name, asset.link),) if asset else (),
        )


def _renews_soon(read: Read, held: Held, cover: Cover | None) -> Iterator[Finding]:
    """P18: an annual term that renews by itself binds the customer for another year."""
    end = held.term_end
    if held.term != Term.ANNUAL.value or end is None or held.ends is not None:
        return
    if not read.today <= end <= read.today + timedelta(days=read.notice_days) or _renewal_under_way(read, held, end):
        return
    reference = f" {cover.signed.paper.reference}, ticket {cover.signed.paper.ticket}" if cover else ""
    yield _finding(
        Kind.RENEWS_SOON,
        held,
        f"renews on {end} for another year{', signed in' + reference if reference else ''} (P18)",
        end - timedelta(days=read.notice_days),
        "Contracts and the requester: the renewal agreement; not wanted any more: book its end before that day.",
        _paper_link(read, cover) if cover else (),
    )


def _renewal_under_way(read: Read, held: Held, end: date) -> bool:
    """Whether a paper for the next term is signed, or out."""
    whose = held.customer.casefold().strip()
    signed = any(
        one.paper.customer.casefold().strip() == whose
        and one.completed >= end - RENEWAL_PAPER
        and any(held.product_id in (row.product_id, read.ids_by_name.get(row.product_name)) for row in one.paper.lines)
        for one in read.papers or ()
    )
    return signed or any(
        one.customer.casefold().strip() == whose and held.product_id in one.products for one in read.out or ()
    )


def _documented(read: Read, held: Held, cover: Cover, asset: Asset | None) -> Iterator[Finding]:
    """P11: whatever began under Countersign has its asset; each asset that names a subscription says what is true."""
    if read.assets is None:
        return
    if asset is None:
        if _is_new(read, held):
            yield _finding(
                Kind.ASSET_MISSING,
                held,
                "no Application asset names this subscription (P11)",
                held.started,
                "Write the Application asset, with subscription id and agreement.",
                _paper_link(read, cover),
            )
        return
    wrong = []
    if asset.seats != held.seats:
        wrong.append(f"{'no' if asset.seats is None else asset.seats} seats")
    if asset.term and asset.term != read.terms.get(held.term, held.term):
        wrong.append(f"the term '{asset.term}'")
    if wrong:
        yield _finding(
            Kind.ASSET_STALE,
            held,
            f"its asset says {' and '.join(wrong)} (P11)",
            None,
            "Bring the Application asset up to date.",
            ((asset.name, asset.link),),
        )


def _assets_of_nothing(read: Read) -> Iterator[Finding]:
    """Assets that name a subscription which Pax8 doesn't have."""
    if read.held is None or read.assets is None:
        return
    known = {one.subscription_id for one in read.held}
    for asset in read.assets:
        if asset.subscription_id not in known:
            yield Finding(
                kind=Kind.ASSET_STALE,
                subject=f"asset-{asset.asset_id}",
                customer="",
                what=f"The asset {asset.name} names the subscription {asset.subscription_id}, which Pax8 doesn't have.",
                since=None,
                action="Correct the subscription id, or archive the asset.",
                links=((asset.name, asset.link),),
            )


def _papers(read: Read) -> Iterator[Finding]:
    for out in read.out or ():
        sent = read.calendar.day_of(out.sent)
        if read.today > sent + timedelta(days=read.envelope_days):
            yield Finding(
                kind=Kind.ENVELOPE_OUT_LONG,
                subject=out.envelope_id,
                customer=out.customer,
                what=f"The agreement {out.reference or out.envelope_id} is out since {sent} (N4).",
                since=sent,
                action="Call the signer; not wanted any more: withdraw the procedure, which voids it.",
                links=(("agreement", out.link),),
            )


def _people(read: Read) -> Iterator[Finding]:
    """Reminders that stand for nothing, procedures that wait too long, or that somebody cancelled (B6, I5)."""
    if read.bridges is not None:
        under_way = {bridge.reference for bridge in read.bridges}
        for reminder in read.reminders or ():
            if reminder.reference not in under_way:
                yield Finding(
                    kind=Kind.REMINDER_FOR_NOTHING,
                    subject=str(reminder.ticket_id),
                    customer=reminder.company,
                    what=f"Reminder {reminder.number} is open, but {reminder.reference} is no open bridge (B6).",
                    since=reminder.opened,
                    action="See that the bridge is signed or ends, then complete the reminder.",
                    links=((reminder.number, reminder.link),),
                )
    for stopped in read.stopped:
        yield Finding(
            kind=Kind.CANCELLED,
            subject=stopped.run_id,
            customer="",
            what=f"{stopped.name} ({stopped.reference}) was cancelled in Prefect: nothing was withdrawn or undone, its "
            "agreement may be out or signed, and nobody goes on with it (I5).",
            since=read.calendar.day_of(stopped.at),
            action="Still wanted: delete the cancelled run, and start it again with the agreement's id as envelope; it "
            "goes on under its reference. Not wanted: void the agreement in DocuSign, end in Pax8 what was ordered, "
            "and delete the run.",
            links=(("procedure", stopped.link),),
        )
    for waiting in read.waiting or ():
        if waiting.patience is None:
            continue
        over = read.calendar.business_moment_after(waiting.since, waiting.patience.hand_over_after)
        if read.now > over:
            yield Finding(
                kind=Kind.WAITS_LONG,
                subject=waiting.run_id,
                customer="",
                what=f"{waiting.name} ({waiting.reference}) waits for {waiting.role} since "
                f"{read.calendar.in_words(waiting.since)} (I5).",
                since=read.calendar.day_of(over),
                action=f"Answer its form, hand it over, or withdraw it; {waiting.role} was asked twice.",
                links=(("procedure", waiting.link),),
            )


def new_since(found: Iterable[Finding], known: Mapping[str, object]) -> tuple[Finding, ...]:
    """The findings that the last audit didn't have."""
    return tuple(one for one in found if one.key not in known)
