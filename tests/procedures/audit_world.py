"""300 customers with 3,000 subscriptions, all in order, and the wrong things that a test hides among them.

Made as records of the stand-ins, in one call (`POST /_sandbox/records`); procedures under way as Prefect's runs.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from dateutil.relativedelta import relativedelta
from prefect.client.schemas.objects import State, StateType

from rules.agreement import AgreementLine, AgreementTerms
from rules.audited import Kind
from rules.order import Billing, Term
from tests.procedures.harness import Bench

CUSTOMERS, EACH, ROWS = 300, 10, 4
APPLICATION = 33
CLEARED = (
    "pax8.companies",
    "pax8.subscriptions",
    "pax8.contacts",
    "autotask.companies",
    "autotask.tickets",
    "autotask.ticketnotes",
    "itglue.flexible_assets",
    "sandbox.timers",
)
Record = dict[str, Any]


def uid(*parts: object) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, parts))))


def zulu(day: date | datetime) -> str:
    moment = day if isinstance(day, datetime) else datetime.combine(day, time(0), UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Sold:
    """One subscription with everything that stands behind it; a test spoils what it wants to see found."""

    number: int
    customer: str
    company: str
    autotask: int
    product: Record
    term: Term
    started: date
    seats: int
    envelope: str = ""
    shared: bool = False
    picked: bool = False
    status: str = "Active"
    ends: date | None = None
    pax8_seats: int | None = None
    asset: Record | None = field(default_factory=dict)
    order: Record | None = None

    @property
    def id(self) -> str:
        return uid("subscription", self.number)

    @property
    def name(self) -> str:
        return str(self.product["name"]).removesuffix(" [New Commerce Experience]")


class World:
    """The seeded world. `since` is Countersign's first day; `wrong` what was hidden, by kind and subject."""

    def __init__(self, bench: Bench, customers: int = CUSTOMERS) -> None:
        self.bench = bench
        self.now = bench.sandbox.now()
        self.today = bench.sandbox.today()
        self.since = self.today - timedelta(days=400)
        every = bench.sandbox.records("pax8.products")
        self.products = [one for one in every if one["commitments"]]
        assets = bench.sandbox.records("itglue.flexible_assets")
        self.some_asset = next(one for one in assets if one["flexible-asset-type-id"] == APPLICATION)
        self.trial = next(one for one in every if not one["commitments"])
        self.sold: list[Sold] = []
        self.papers: dict[str, AgreementTerms] = {}
        self.completed: dict[str, date] = {}
        self.marked: set[str] = set()
        self.by_asset: set[str] = set()
        self.extra: dict[str, dict[str, Record]] = {}
        self.wrong: set[tuple[Kind, str]] = set()
        for number in range(customers):
            self._customer(number)

    def _customer(self, number: int) -> None:
        """Ten subscriptions: older ones and new ones, monthly and annual, some over, a trial here and there."""
        mine = []
        for place in range(EACH):
            product = self.products[(number + place) % len(self.products)]
            terms = [one["term"] for one in product["commitments"]]
            term = Term.MONTHLY if "Monthly" in terms and (number + place) % 3 else Term.ANNUAL
            # An annual term renews 60 to 300 days from now; a monthly one began on any day.
            ago = 65 + (number * 7 + place * 31) % 240 if term is Term.ANNUAL else 40 + (number * 11 + place * 53) % 900
            if term is Term.ANNUAL and place % 2:
                ago += 365 * 2
            started = self.today - timedelta(days=ago)
            mine.append(
                Sold(
                    number=number * EACH + place,
                    customer=f"Customer {number:03d} Ltd",
                    company=uid("company", number),
                    autotask=5000 + number,
                    product=product,
                    term=term,
                    started=started,
                    seats=1 + (number + place) % 40,
                )
            )
        over, trial, ending = mine[3], mine[7], mine[5]
        if number % 5 == 0:
            over.status, over.ends = "Cancelled", self.today - timedelta(days=10)
        if number % 7 == 0:
            trial.status, trial.product = "Trial", self.trial
        if number % 6 == 0:
            ending.ends = self.term_end(ending)
        self.sold += mine
        for term in Term:
            self._papers([one for one in mine if one.term is term and one.status != "Trial"])

    def _papers(self, lines: list[Sold]) -> None:
        """Each on paper: some two on one agreement, and some old ones on a paper that only their asset names."""
        for one, other in list(pairwise(lines))[::3]:
            other.started, other.shared, one.shared = one.started, True, True
            envelope = self.sign(one)
            rows = (*self.papers[envelope].lines, *self.terms_of(other).lines)
            self.papers[envelope] = self.papers[envelope].model_copy(update={"lines": rows})
            other.envelope = envelope
        for one in lines:
            if one.shared:
                continue
            if one.started < self.since and one.number % 4 == 0:
                self.by_asset.add(one.id)
                continue
            self.sign(one)

    def sign(self, one: Sold, **changed: Any) -> str:
        """A signed agreement for a subscription, completed the day before it began."""
        envelope = uid("envelope", one.number)
        one.envelope = envelope
        self.completed[envelope] = one.started - timedelta(days=1)
        self.papers[envelope] = self.terms_of(one, **changed)
        self.marked.add(envelope)
        return envelope

    def terms_of(self, one: Sold, **changed: Any) -> AgreementTerms:
        line = AgreementLine(product_id=one.product["id"], product_name=one.name, seats=one.seats, unit_price="12.50")
        values: dict[str, Any] = {
            "reference": self.reference(one),
            "customer": one.customer,
            "ticket": f"T20260101.{one.number % 10000:04d}",
            "term": one.term,
            "billing": Billing.MONTHLY,
            "currency": "USD",
            "lines": (line,),
        }
        return AgreementTerms(**{**values, **changed})

    def reference(self, one: Sold) -> str:
        return f"CS-{one.number:010d}"

    def term_end(self, one: Sold) -> date:
        """The end of the running term."""
        terms = 1
        while one.started + relativedelta(months=one.term.months * terms) <= self.today:
            terms += 1
        return one.started + relativedelta(months=one.term.months * terms)

    def pick(self, **wanted: Any) -> Sold:
        """A sound subscription that nothing was done to yet."""
        new, term, papered = wanted.get("new", True), wanted.get("term"), wanted.get("papered", True)
        for one in self.sold:
            if one.picked or one.shared or one.status != "Active" or one.ends is not None:
                continue
            if (one.started >= self.since) is not new or (term is not None and one.term is not term):
                continue
            if bool(one.envelope) is not papered:
                continue
            others = [x for x in self.sold if x.company == one.company and x.picked]
            if others or sum(x.company == one.company and x.product is one.product for x in self.sold) > 1:
                continue  # one wrong thing a customer, and no doubt about what is meant
            one.picked = True
            return one
        raise LookupError(f"no subscription is left for {wanted}")

    def unsign(self, one: Sold) -> None:
        """There never was a paper."""
        self.papers.pop(one.envelope, None)
        self.by_asset.discard(one.id)
        one.envelope = ""

    def hide(self, kind: Kind, subject: str) -> None:
        self.wrong.add((kind, subject))

    def put(self, kind: str, key: str | int, record: Record) -> None:
        self.extra.setdefault(kind, {})[str(key)] = record

    # As records

    def write(self) -> None:
        """The whole world into the stand-ins, in one call."""
        sandbox = self.bench.sandbox
        company = sandbox.records("pax8.companies")[0]
        at_autotask = sandbox.records("autotask.companies")[-1]
        template = sandbox.records("docusign.templates")
        records: dict[str, dict[str, Record]] = {
            "pax8.companies": {
                one.company: {**company, "id": one.company, "name": one.customer, "externalId": str(one.autotask)}
                for one in self.sold
            },
            "autotask.companies": {
                str(one.autotask): {**at_autotask, "id": one.autotask, "companyName": one.customer} for one in self.sold
            },
            "pax8.subscriptions": {one.id: self._subscription(one) for one in self.sold},
            "pax8.orders": {one.order["id"]: one.order for one in self.sold if one.order},
            "docusign.envelopes": {
                envelope: self.envelope(envelope, number, terms, template)
                for number, (envelope, terms) in enumerate(self.papers.items(), start=1)
            },
            "autotask.ticketnotes": {
                str(30_000_000 + number): self._marker(30_000_000 + number, envelope)
                for number, envelope in enumerate(sorted(self.marked), start=1)
            },
            "itglue.flexible_assets": {
                str(20_000 + one.number): self.asset(one, 20_000 + one.number, one.asset)
                for one in self.sold
                if one.asset is not None and one.status == "Active" and (one.envelope or one.id in self.by_asset)
            },
        }
        for kind, extra in self.extra.items():
            records.setdefault(kind, {}).update(extra)
        sandbox.post("records", {"clear": list(CLEARED), "records": records})

    def _subscription(self, one: Sold) -> Record:
        commitment = next((c for c in one.product["commitments"] if c["term"] == one.term.value), None)
        trial = one.status == "Trial"
        return {
            "id": one.id,
            "parentSubscriptionId": None,
            "companyId": one.company,
            "productId": one.product["id"],
            "productName": one.product["name"],
            "vendorSubscriptionId": uid("microsoft", one.number),
            "vendorSkuId": one.product["skuId"],
            "quantity": one.seats if one.pax8_seats is None else one.pax8_seats,
            "startDate": zulu(one.started),
            "endDate": zulu(one.ends) if one.ends else None,
            "createdDate": zulu(one.started),
            "billingStart": one.started.isoformat(),
            "status": one.status,
            "price": 12.5,
            "partnerCost": 10.0,
            "currencyCode": "USD",
            "billingTerm": "Monthly",
            "commitment": {
                "id": commitment["id"],
                "term": one.term.value,
                "anchor": zulu(one.started),
                "terms": 1,
                "endDate": zulu(self.term_end(one)),
            }
            if commitment and not trial
            else None,
            "spelling": ("commitment", "commitmentTerm")[one.number % 2],
            "tenantId": None,
            "orderId": None,
        }

    def envelope(
        self, envelope: str, number: int, terms: AgreementTerms, templates: list[Record], sent: datetime | None = None
    ) -> Record:
        """A completed envelope; with `sent`, one that is out since then."""
        template = templates[0]
        at = zulu(sent or datetime.combine(self.completed[envelope], time(15), UTC)).replace(".000Z", ".0000000Z")
        done = sent is None
        fields = terms.fields(ROWS)
        signers = [
            {
                "recipientId": role["recipientId"],
                "recipientIdGuid": uid(envelope, role["recipientId"]),
                "roleName": role["roleName"],
                "name": "Somebody",
                "email": "somebody@customer.example",
                "routingOrder": role["routingOrder"],
                "status": "completed" if done else ("sent" if role["routingOrder"] == 1 else "created"),
                "signedDateTime": at if done else None,
                "signTabId": uid(envelope, "tab"),
                "tabs": [
                    {"tabId": f"{place:02x}", "tabLabel": label, "name": label, "value": fields.get(label, "")}
                    for place, label in enumerate(role["labels"])
                ],
            }
            for role in template["roles"]
        ]
        return {
            "envelopeId": envelope,
            "number": number,
            "status": "completed" if done else "sent",
            "templateId": template["templateId"],
            "documentName": template["name"],
            "emailSubject": f"Subscription agreement {terms.reference}",
            "emailBlurb": "",
            "allowReassign": "false",
            "transactionId": uid(envelope, "transaction"),
            "customFields": [{"fieldId": "1", "name": "countersign_ref", "value": terms.reference}],
            "notification": {},
            "eventNotification": None,
            "signers": signers,
            "createdDateTime": at,
            "sentDateTime": at,
            "completedDateTime": at if done else None,
            "statusChangedDateTime": at,
            "lastModifiedDateTime": at,
        }

    def _marker(self, number: int, envelope: str) -> Record:
        reference = self.papers[envelope].reference if envelope in self.papers else "CS-GONE"
        return self.note(number, f"Countersign authority docusign:{envelope} used for {reference}: licences")

    def note(self, number: int, title: str) -> Record:
        return {
            "id": number,
            "ticketID": 1,
            "title": title,
            "description": "{}",
            "noteType": 3,
            "publish": 2,
            "createdByContactID": None,
            "creatorResourceID": 29682885,
            "impersonatorCreatorResourceID": None,
            "createDateTime": zulu(self.now),
            "lastActivityDate": zulu(self.now),
        }

    def asset(self, one: Sold, number: int, changed: Record) -> Record:
        """Its Application asset, in order but for what is changed."""
        paper = f"https://docusign/documents/details/{one.envelope}" if one.envelope else "Paper folder 12, signed 2021"
        traits = {
            "application-name": one.name,
            "vendor": "Microsoft (Pax8)",
            "licence-count": one.seats if one.pax8_seats is None else one.pax8_seats,
            "subscription-id": one.id,
            "term": "Monthly" if one.term is Term.MONTHLY else "Annual",
            "agreement": paper,
            **changed,
        }
        return {
            **self.some_asset,
            "id": number,
            "name": one.name,
            "organization-name": one.customer,
            "traits": traits,
        }

    def reminder(self, number: int, reference: str, company: int) -> Record:
        """An open reminder of a bridge, like any other ticket."""
        ticket = dict(self.bench.sandbox.records("autotask.tickets")[0])
        return ticket | {
            "id": number,
            "ticketNumber": f"T20261101.{number % 10000:04d}",
            "companyID": company,
            "externalID": f"{reference}:bridge",
            "title": "Cancel at the month's end if unsigned",
        }


async def under_way(bench: Bench, name: str, *tags: str, waits: bool = True) -> UUID:
    """A procedure's run as it stands in Prefect while somebody is awaited."""
    async with bench.prefect() as client:
        made = await client.create_flow_run_from_deployment(
            bench.deployments["audit"], name=name, tags=["countersign", *tags]
        )
        state: State[Any] = State(type=StateType.PAUSED, name="Suspended") if waits else State(type=StateType.COMPLETED)
        await client.set_flow_run_state(made.id, state, force=True)
        return made.id
