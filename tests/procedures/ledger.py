"""What the sandbox's ledger and records prove about bridges: invariants I1 to I7 of design.md, seen from outside.

Nothing here asks the procedures what they think that they did. What people meant is the only thing told from the
test: which mail of the customer says yes, and which of them a person read and called a confirmation.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from sandbox.mail_sentence import offered_sentence
from sandbox.world import SEED
from tests.procedures.days import CALENDAR
from tests.procedures.harness import Sandbox

CUSTOMER = SEED.templates[0].customer_role
TOP, COMPLETE = 4, 5
REPLY_DAYS = 3
DEAD = ("envelope declined", "envelope voided", "envelope expired", "draft deleted")
ON_SOMEBODYS_WORD = ("requested", "confirmed", "prices confirmed", "change of mind", "released", "ended", "ordered")
"""Words of a note's title that say that somebody decided: such a note names who (I7)."""


@dataclass(frozen=True)
class Effect:
    """One change outside. `by_us`: it came through a vendor's API, not by a lever and not by itself."""

    seq: int
    at: datetime
    by_us: bool
    name: str
    facts: dict[str, Any]


@dataclass
class Meant:
    """What people meant: mails that say yes to our terms, and those that a person read as a confirmation, by id."""

    yes: set[str] = field(default_factory=set)
    read_as_yes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Bought:
    """One real order of one line. `reference`: whose it is; `as_bridge`: on the customer's word, not on paper."""

    seq: int
    at: datetime
    reference: str
    as_bridge: bool
    term: str
    subscription: str


class Ledger:
    """The sandbox at one moment. Every `check_…` yields what is wrong, in words; nothing means that it holds."""

    def __init__(self, sandbox: Sandbox, meant: Meant) -> None:
        self.meant = meant
        self.now = sandbox.now()
        self.effects = [
            Effect(
                seq=int(entry["seq"]),
                at=datetime.fromisoformat(entry["at"]),
                by_us=bool(entry["method"]) and entry["vendor"] != "sandbox",
                name=effect["effect"],
                facts=effect,
            )
            for entry in sandbox.ledger(effects=1)
            for effect in entry["effects"]
        ]
        self.envelopes = {one["envelopeId"]: one for one in sandbox.records("docusign.envelopes")}
        self.subscriptions = {one["id"]: one for one in sandbox.records("pax8.subscriptions")}
        self.tickets = sandbox.records("autotask.tickets")
        self.notes = sandbox.records("autotask.ticketnotes")
        self.companies = {one["id"]: one["name"] for one in sandbox.records("pax8.companies")}
        self.assets = sandbox.records("itglue.flexible_assets")
        self.mails = {one["id"]: one for one in sandbox.get("mails")["mails"]}

    @cached_property
    def words(self) -> list[tuple[str, datetime, str, str]]:
        """What customers' people who may confirm wrote: key, when, whose, the words."""
        found = []
        for mail in self.named("mail received"):
            there = self.mails.get(mail.facts["id"])
            customer = customer_of(mail.facts["sender"])
            if there is not None and mail.facts["sender"] in may_confirm(customer):
                found.append((mail.facts["id"], mail.at, customer, str(there["html"] or there.get("text"))))
        contacts = {one.contact_id: (c.name, one) for c in SEED.customers for one in c.contacts}
        for note in self.notes:
            customer, contact = contacts.get(note["createdByContactID"], ("", None))
            if contact is not None and contact.may_confirm and contact.active:
                at = datetime.fromisoformat(note["createDateTime"].replace("Z", "+00:00"))
                found.append((f"note {note['id']}", at, customer, note["description"]))
        return found

    def named(self, *names: str) -> list[Effect]:
        return [one for one in self.effects if one.name in names]

    def all_wrong(self) -> list[str]:
        """Everything that must hold after every step."""
        return [wrong for check in EVERY_STEP for wrong in check(self)]

    # What is there, by reference

    @cached_property
    def offers(self) -> list[tuple[Effect, str, str, str, str]]:
        """Terms that went out: the mail's effect, reference, customer, the sentence's words, conversation."""
        found = []
        for sent in self.named("mail sent"):
            reference, _, kind = str(sent.facts["key"] or "").partition("/")
            if kind.startswith("terms-") and kind.removeprefix("terms-").isdigit():
                mail = self.mails[sent.facts["id"]]
                what = str(offered_sentence(mail["html"])).partition(": ")[2]
                found.append((sent, reference, customer_of(mail["to"][0]), what, mail["conversation_id"]))
        return found

    @cached_property
    def orders(self) -> list[Bought]:
        """Every real order with what covers it. One that nothing covers has no reference."""
        bought: list[Bought] = []
        for effect in self.named("order placed"):
            what = ", ".join(f"{one['quantity']} × {plain_name(one['product_name'])}" for one in effect.facts["lines"])
            term, customer = effect.facts["lines"][0]["commitment_term"], effect.facts["company_name"]
            by_paper = self._paper_for(effect, customer, what, term, bought)
            by_word = self._word_for(effect, customer, what, bought) if term == "Monthly" else ""
            for line in effect.facts["lines"]:
                bought.append(
                    Bought(
                        seq=effect.seq,
                        at=effect.at,
                        reference=by_word or by_paper,
                        as_bridge=bool(by_word),
                        term=line["commitment_term"],
                        subscription=line["subscription"],
                    )
                )
        return bought

    def _paper_for(self, order: Effect, customer: str, what: str, term: str, before: list[Bought]) -> str:
        """The reference of a completed agreement that says exactly this and has bought nothing yet."""
        used = {one.reference for one in before if not one.as_bridge}
        for done in self.named("envelope completed"):
            reference = str(done.facts["custom_fields"].get("countersign_ref", ""))
            paper = self.paper(done.facts["envelope"])
            says = (paper.get("CustomerName"), paper.get("Term"), lines_of(paper))
            if done.seq < order.seq and reference not in used and says == (customer, term, what):
                return reference
        return ""

    def _word_for(self, order: Effect, customer: str, what: str, before: list[Bought]) -> str:
        """The reference of terms for exactly this that the customer has truly confirmed, in time (B3, B5)."""
        used = {one.reference for one in before if one.as_bridge}
        for sent, reference, offered_to, offered, conversation in self.offers:
            if reference in used or sent.seq > order.seq or (offered_to, offered) != (customer, what):
                continue
            if any(self._confirms(mail, sent, conversation, customer, order) for mail in self.named("mail received")):
                return reference
        return ""

    def _confirms(self, mail: Effect, terms: Effect, conversation: str, customer: str, order: Effect) -> bool:
        there = self.mails.get(mail.facts["id"])
        return (
            there is not None
            and terms.at < mail.at <= order.at <= CALENDAR.business_moment_after(mail.at, REPLY_DAYS)
            and mail.facts["sender"] in may_confirm(customer)
            and there["conversation_id"] == conversation
            and (mail.facts["id"] in self.meant.yes or mail.facts["id"] in self.meant.read_as_yes)
        )

    def paper(self, envelope: str) -> dict[str, str]:
        """What the customer saw and signed, by label."""
        signers = self.envelopes[envelope]["signers"]
        return {
            tab["tabLabel"]: tab["value"]
            for signer in signers
            if signer["roleName"] == CUSTOMER
            for tab in signer["tabs"]
        }

    def of_reference(self, reference: str, *names: str) -> list[Effect]:
        """What happened to the agreements of a reference."""
        return [
            one for one in self.named(*names) if one.facts.get("custom_fields", {}).get("countersign_ref") == reference
        ]

    def signed_by_customer(self, reference: str) -> list[Effect]:
        return [one for one in self.of_reference(reference, "envelope signed") if one.facts["role"] == CUSTOMER]

    def signed_before(self, reference: str, moment: int) -> list[Effect]:
        """The customer's signatures by then, but those on a dead agreement that another had replaced (Y4)."""
        drafted = {
            one.facts["envelope"]: one.seq for one in self.of_reference(reference, "draft created") if one.seq < moment
        }
        dead = {one.facts["envelope"] for one in self.of_reference(reference, *DEAD) if one.seq < moment}
        last = max(drafted.values(), default=0)
        return [
            one
            for one in self.signed_by_customer(reference)
            if one.seq < moment
            and not (one.facts["envelope"] in dead and drafted.get(one.facts["envelope"], last) < last)
        ]

    def bridges(self) -> list[Bought]:
        return [one for one in self.orders if one.as_bridge]

    def handed_over(self, reference: str, before: int | None = None) -> bool:
        """Whether a top-priority ticket with a date stands for the bridge."""
        opened = {
            one.facts["externalID"]
            for one in self.named("ticket created")
            if str(one.facts.get("externalID", "")).startswith(f"{reference}:") and (before is None or one.seq < before)
        }
        return any(
            ticket["externalID"] in opened and ticket["priority"] == TOP and ticket["dueDateTime"]
            for ticket in self.tickets
        )

    def told_of_the_end(self, reference: str) -> bool:
        return any(one.facts["key"] == f"{reference}/bridge-ends" for one in self.named("mail sent"))

    # The end of all: each bridge exactly one of four (I4)

    def how_it_ended(self, bridge: Bought) -> str:
        """The one end of a bridge whose month is over. Raises AssertionError for none, or for two at once."""
        kept_now = self.subscriptions[bridge.subscription]
        is_over = kept_now["status"] == "Cancelled"
        annual = [o for o in self.orders if o.reference == bridge.reference and o.term == "1-Year"]
        monthly_paper = [
            one
            for one in self.of_reference(bridge.reference, "envelope completed")
            if self.paper(one.facts["envelope"])["Term"] == "Monthly"
        ]
        told = self.told_of_the_end(bridge.reference)
        by_hand = self.handed_over(bridge.reference)
        ends = []
        if monthly_paper and not is_over and not told:
            ends.append("signed and kept")
        if annual and is_over and not told and self.subscriptions[annual[0].subscription]["status"] == "Active":
            ends.append("followed by annual")
        if is_over and told:
            ends.append("cancelled, the customer told")
        if not ends and by_hand:
            ends.append("handed to a person")
        assert len(ends) == 1, (
            f"{bridge.reference}: {ends or 'no end at all'}: subscription {kept_now['status']}, told {told}, "
            f"annual {len(annual)}, monthly papers {len(monthly_paper)}, ticket {by_hand}"
        )
        return ends[0]


Wrong = Iterator[str]


def check_orders_are_covered(book: Ledger) -> Wrong:
    """I1, I2: no order without a completed agreement or a true confirmation of exactly this; none twice."""
    for one in book.orders:
        if not one.reference:
            kind = "I2: an annual order without a completed annual agreement" if one.term == "1-Year" else "I1"
            yield f"{kind}: nothing covers the order of {one.subscription} at {one.at}"


def check_one_order_each(book: Ledger) -> Wrong:
    """I3: at most one bridge and one agreement order for a request; a kept bridge isn't bought a second time."""
    for (reference, as_bridge), count in Counter((o.reference, o.as_bridge) for o in book.orders).items():
        if reference and count > 1:
            yield f"I3: {count} {'bridge' if as_bridge else 'agreement'} orders for {reference}"
    for bridge in book.bridges():
        for later in book.orders:
            if later.reference != bridge.reference or later.as_bridge or later.term != "Monthly":
                continue
            if not [one for one in ends_of(book, bridge.subscription) if one.seq < later.seq]:
                yield f"I3: {bridge.reference} was ordered monthly again, although its bridge goes on"


def check_one_envelope_in_force(book: Ledger) -> Wrong:
    """I3: of one procedure at most one agreement is out or signed."""
    out: Counter[str] = Counter()
    for one in book.envelopes.values():
        names = {field["name"]: field["value"] for field in one["customFields"]}
        if one["status"] in ("sent", "delivered", "completed") and names.get("countersign_ref"):
            out[names["countersign_ref"]] += 1
    for reference, count in out.items():
        if count > 1:
            yield f"I3: {count} agreements of {reference} are in force"


def check_one_of_each(book: Ledger) -> Wrong:
    """I3: one mail of each key, one note of each title, one ticket of each external id, one asset of each name."""
    counts = {
        "mails": Counter(one.facts["key"] for one in book.named("mail sent") if one.facts["key"]),
        "notes": Counter((n["ticketID"], n["title"]) for n in book.notes if str(n["title"]).startswith("[CS-")),
        "tickets": Counter(t["externalID"] for t in book.tickets if str(t["externalID"]).startswith("CS-")),
        "assets": Counter((a["organization-id"], a["flexible-asset-type-id"], a["name"]) for a in book.assets),
    }
    for what, found in counts.items():
        yield from (f"I3: {count} {what} of {key}" for key, count in found.items() if count > 1)


def check_ends_are_allowed(book: Ledger) -> Wrong:
    """I1, I4, B7: an end is booked for a bridge only, at its term's end, and on one of three reasons."""
    bridges = {one.subscription: one for one in book.bridges()}
    for end in book.named("end booked"):
        bridge = bridges.get(end.facts["subscription"])
        if bridge is None:
            yield f"I1: the end of {end.facts['subscription']} was booked, which is no bridge's"
            continue
        yield from (f"{bridge.reference}: {why}" for why in why_not_ended(book, bridge, end))


def why_not_ended(book: Ledger, bridge: Bought, end: Effect) -> Wrong:
    """What is wrong with one booked end; nothing if the paper is dead, unsigned at the cut-off, or annual is active."""
    until = datetime.fromisoformat(end.facts["end"].replace("Z", "+00:00"))
    annual = [one for one in book.orders if one.reference == bridge.reference and one.term == "1-Year"]
    if [one for one in annual if one.seq < end.seq]:
        if end.at > until - timedelta(hours=48):
            yield "Y5: its end was booked less than 48 hours ahead"
        if was(book, annual[0].subscription, end.seq) != "Active":
            yield "Y5: its end was booked before the annual one was active"
        return
    decided = [
        one.seq
        for one in book.named("ticket note added")
        if one.facts["title"] == f"Countersign decision {bridge.reference}: unsigned at the cut-off"
    ]
    moment = min([*decided, end.seq])
    if book.signed_before(bridge.reference, moment):
        yield "B7: cancelled although the customer had signed before the decision"
    if end.at < CALENDAR.cut_off(CALENDAR.term_end(until)):
        drafted = {o.facts["envelope"] for o in book.of_reference(bridge.reference, "draft created") if o.seq < end.seq}
        dead = {one.facts["envelope"] for one in book.of_reference(bridge.reference, *DEAD) if one.seq < end.seq}
        if drafted - dead:
            yield "B7: cancelled before the cut-off although its agreement could still be signed"


def was(book: Ledger, subscription: str, seq: int) -> str:
    """A subscription's status at a moment, as far as the ledger tells: settled, or there from the start."""
    settled = [o for o in book.named("subscription provisioned") if o.facts["subscription"] == subscription]
    now = str(book.subscriptions[subscription]["status"])
    return "Active" if not settled and now != "PendingManual" else ("Active" if settled[0].seq < seq else "pending")


def check_nothing_renews_silently(book: Ledger) -> Wrong:
    """I4: a bridge renews only if the customer signed in time, or a person had been given it with a date."""
    for renewed in book.named("commitment renewed"):
        for bridge in book.bridges():
            if bridge.subscription != renewed.facts["subscription"]:
                continue
            ended = datetime.fromisoformat(renewed.facts["term_ended"].replace("Z", "+00:00"))
            cut_off = CALENDAR.cut_off(CALENDAR.term_end(ended))
            in_time = [
                one for one in book.signed_by_customer(bridge.reference) if one.at <= cut_off + timedelta(hours=1)
            ]
            monthly = [one for one in in_time if book.paper(one.facts["envelope"])["Term"] == "Monthly"]
            if not monthly and not book.handed_over(bridge.reference, before=renewed.seq):
                yield f"I4: the bridge {bridge.reference} renewed on {ended}, unsigned, and nobody had been told"


def check_notes_name_actor_and_time(book: Ledger) -> Wrong:
    """I7: each note has a time and a writer, and names on whose word it was where somebody decided."""
    for note in book.notes:
        title = str(note["title"])
        if not title.startswith("[CS-"):
            continue
        stage = title.partition("] ")[2]
        if not note["createDateTime"] or note["creatorResourceID"] is None:
            yield f"I7: the note '{title}' has no time or no writer"
        if any(word in stage.split() for word in ON_SOMEBODYS_WORD) and "On the word of:" not in note["description"]:
            yield f"I7: the note '{title}' doesn't say on whose word"


def check_seats_are_covered(book: Ledger) -> Wrong:
    """I1, S1: seats that we added are those of a word of the customer's, before → after, and each word adds once."""
    used: set[str] = set()
    for change in book.named("seats changed"):
        if not change.by_us:
            continue
        before, after = change.facts["before"], change.facts["quantity"]
        words = [
            key
            for key, at, customer, text in book.words
            if at < change.at and customer == book.companies.get(change.facts["company"])
            if {str(before), str(after)} <= set(re.findall(r"\d+", text)) and key not in used
        ]
        if not words:
            yield f"I1: nobody confirmed {before} → {after} seats of {change.facts['subscription']}"
        used.update(words[:1])


EVERY_STEP = (
    check_seats_are_covered,
    check_orders_are_covered,
    check_one_order_each,
    check_one_envelope_in_force,
    check_one_of_each,
    check_ends_are_allowed,
    check_nothing_renews_silently,
    check_notes_name_actor_and_time,
)


def ends_of(book: Ledger, subscription: str) -> list[Effect]:
    """Whatever ended a subscription, or booked that."""
    kinds = ("end booked", "end changed in the portal", "subscription ended", "subscription cancelled at once")
    return [one for one in book.named(*kinds) if one.facts["subscription"] == subscription]


def plain_name(product: str) -> str:
    """Our name of a product, without the distributor's suffix."""
    return product.removesuffix(" [New Commerce Experience]")


def lines_of(paper: dict[str, str]) -> str:
    """A paper's rows in the words of our mails."""
    rows = sorted(int(label.removeprefix("Seats")) for label in paper if label.startswith("Seats") and paper[label])
    return ", ".join(f"{paper[f'Seats{row}']} × {paper[f'Product{row}']}" for row in rows)


def customer_of(address: str) -> str:
    """The customer whose contact has that mail address."""
    return next((c.name for c in SEED.customers for one in c.contacts if one.email == address), "")


def may_confirm(customer: str) -> Iterable[str]:
    """The mail addresses of a customer's people who may confirm."""
    people = [one for c in SEED.customers if c.name == customer for one in c.contacts]
    return [one.email for one in people if one.may_confirm and one.active]


def day_after(moment: datetime, days: int) -> datetime:
    """Noon UTC so many days after the day of a moment."""
    day: date = moment.date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
