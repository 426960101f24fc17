"""The Pax8 client against its stand-in, over real HTTP: from the customer to the booked end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from rules.authority import NotCovered
from rules.order import Billing, LicenceOrder, OrderLine, ProvisioningAnswer, Term
from tests.vendors.conftest import SandboxAddress
from vendors.http import NotFound, Refused, Unauthorised, UnclearOutcome
from vendors.pax8 import Company, DraftItem, Pax8, Pax8Block, ProvisionQuestion, Subscription

T = TypeVar("T")

PRODUCT = "Visio Plan 1 [New Commerce Experience]"


class Allows:
    """An authority that covers whatever it is asked."""

    authority_id = "test"

    def assert_covers(self, order: LicenceOrder) -> None:
        """Cover it."""

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        """Cover it."""


class Denies:
    """An authority that covers nothing."""

    authority_id = "test"

    def assert_covers(self, order: LicenceOrder) -> None:
        raise NotCovered("nobody signed for this")

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        raise NotCovered("nobody asked for this end")


def block(sandbox: SandboxAddress, **changes: Any) -> Pax8Block:
    known = sandbox.credentials["pax8"]
    settings: dict[str, Any] = {
        "client_id": known["client_id"],
        "client_secret": SecretStr(known["client_secret"]),
        "api_address": known["base_url"],
        "token_address": known["token_url"],
        "audience": known["audience"],
    }
    return Pax8Block(**(settings | changes))


def sandbox_clock(sandbox: SandboxAddress) -> Callable[[], datetime]:
    def now() -> datetime:
        return datetime.fromisoformat(sandbox.control("GET", "clock")["now"])

    return now


@pytest.fixture
async def pax8(sandbox: SandboxAddress) -> AsyncIterator[Pax8]:
    """A client with the sandbox's credentials and clock."""
    async with block(sandbox).client(sandbox_clock(sandbox)) as client:
        yield client


@pytest.fixture
async def contoso(pax8: Pax8) -> Company:
    """The plain customer."""
    return next(company for company in await pax8.companies() if company.name == "Contoso Ltd")


@pytest.fixture
async def order(pax8: Pax8, contoso: Company) -> LicenceOrder:
    """Three seats of Visio for a month, answered as the catalogue asks now."""
    product = next(one for one in await pax8.products("Visio Plan 1") if one.name == PRODUCT)
    needs = await pax8.dependencies(product.id)
    monthly = next(one for one in needs.commitments if one.term == "Monthly")
    prices = await pax8.pricing(product.id, contoso.id)
    price = next(row for row in prices if (row.billing_term, row.commitment_months) == ("Monthly", 1))
    questions = await pax8.provision_details(product.id)
    assert price.rates[0].retail is not None
    now = datetime.now(UTC)
    return LicenceOrder(
        reference="CS-7",
        customer=contoso.name,
        ticket="T20261122.0001",
        company_id=contoso.id,
        ordered_by_email="orders@northgate.example",
        term=Term.MONTHLY,
        billing=Billing.MONTHLY,
        currency="EUR",
        at=now,
        order_day=now.date(),
        lines=(
            OrderLine(
                product_id=product.id,
                product_name=product.name,
                seats=3,
                unit_price=price.rates[0].retail,
                commitment_id=monthly.id,
                commitment_term=Term.MONTHLY,
                provisioning=tuple(answer for one in questions if (answer := answered(one))),
            ),
        ),
    )


def answered(question: ProvisionQuestion) -> ProvisioningAnswer | None:
    """What a person would answer; None for what needn't be."""
    typed = {
        "msTenantId": "11111111-2222-4333-8444-555555555555",
        "mca2020FirstName": "Ada",
        "mca2020LastName": "Byte",
        "mca2020Email": "ada@contoso.example",
        "mca2020EffectiveDate": "2026-11-20",
        "msftContactFirstName": "Ada",
        "msftContactLastName": "Byte",
        "msftContactEmail": "ada@contoso.example",
        "msMPNidval": "1234567",
    }
    if question.key in typed:
        return ProvisioningAnswer(key=question.key, values=(typed[question.key],))
    if question.possible_values:
        has = [one for one in question.possible_values if one.lower().startswith("yes")]
        return ProvisioningAnswer(key=question.key, values=((has or list(question.possible_values))[0],))
    return None


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Look again and again until it is good."""
    async with asyncio.timeout(30):
        while not good(seen := await look()):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)
        return seen


async def bought(pax8: Pax8, order_id: str) -> Subscription:
    """The subscription of an order, once it is told."""
    read = await until(lambda: pax8.order(order_id), lambda one: one.lines[0].subscription_id is not None)
    return await pax8.subscription(str(read.lines[0].subscription_id))


async def test_an_order_is_tried_placed_and_found_again(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder
) -> None:
    """A mock leaves nothing behind; an order leaves one order and one subscription as ordered."""
    before = {one.id for one in await pax8.orders(order.company_id)}
    await pax8.mock_order(order)
    assert {one.id for one in await pax8.orders(order.company_id)} == before
    placed = await pax8.place_order(order, Allows())
    after = await pax8.orders(order.company_id)
    assert {one.id for one in after} - before == {placed.id}
    subscription = await bought(pax8, placed.id)
    assert subscription.product_id == order.lines[0].product_id
    assert (subscription.quantity, subscription.billing_term) == (3, "Monthly")
    assert subscription.commitment_term is not None
    assert subscription.commitment_term.term == "Monthly"
    assert subscription.vendor_sku_id
    found = await pax8.subscriptions(company_id=order.company_id, product_id=order.lines[0].product_id)
    assert subscription.id in {one.id for one in found}


async def test_without_an_authority_nothing_reaches_pax8(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder
) -> None:
    """A denied order and a denied end leave no trace in the ledger."""
    place = sandbox.place()
    with pytest.raises(NotCovered):
        await pax8.place_order(order, Denies())
    with pytest.raises(NotCovered):
        await pax8.cancel_at("any", datetime.now(UTC) + timedelta(days=30), Denies())
    assert sandbox.ledger("pax8", place) == []


@pytest.mark.parametrize("kind", ["500-before", "500-after", "drop-before", "drop-after"])
async def test_an_unclear_order_is_posted_once(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder, kind: str
) -> None:
    """Placed or not, the client says that it doesn't know, and the ledger shows one POST."""
    before = {one.id for one in await pax8.orders(order.company_id)}
    place = sandbox.place()
    sandbox.control("POST", "faults", {"vendor": "pax8", "method": "POST", "path": "/orders$", "kind": kind})
    with pytest.raises(UnclearOutcome):
        await pax8.place_order(order, Allows())
    posts = [entry for entry in sandbox.ledger("pax8", place) if entry["path"].endswith("/orders")]
    assert [entry["method"] for entry in posts] == ["POST"]
    new = {one.id for one in await pax8.orders(order.company_id)} - before
    assert len(new) == (1 if kind.endswith("after") else 0)


async def test_a_limit_is_waited_out(sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder) -> None:
    """After a 429 the order goes out again, and there is one."""
    before = {one.id for one in await pax8.orders(order.company_id)}
    fault = {"vendor": "pax8", "method": "POST", "path": "/orders$", "kind": "429", "retry_after": 0.1}
    sandbox.control("POST", "faults", fault)
    placed = await pax8.place_order(order, Allows())
    assert {one.id for one in await pax8.orders(order.company_id)} - before == {placed.id}


async def test_what_pax8_lacks_is_told_in_its_words(pax8: Pax8, order: LicenceOrder) -> None:
    """Missing answers and a foreign commitment are refusals of the mock order already."""
    (line,) = order.lines
    for wrong in (
        line.model_copy(update={"provisioning": ()}),
        line.model_copy(update={"commitment_id": "00000000-0000-4000-8000-000000000000"}),
        line.model_copy(update={"product_id": "00000000-0000-4000-8000-000000000000"}),
    ):
        with pytest.raises(Refused) as raised:
            await pax8.mock_order(order.model_copy(update={"lines": (wrong,)}))
        assert raised.value.message


async def test_an_end_is_booked_and_read_back(sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder) -> None:
    """The end of the commitment is booked, the licences stay until then, nothing ends at once."""
    sandbox.control("POST", "pax8/provisioning", {"mode": "instant"})
    try:
        subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
        assert subscription.end is None
        assert subscription.commitment_term is not None
        end = subscription.commitment_term.end
        assert end is not None
        with pytest.raises(Refused, match="at once"):
            await pax8.cancel_at(subscription.id, sandbox_clock(sandbox)() - timedelta(days=1), Allows())
        assert (await pax8.subscription(subscription.id)).end is None
        await pax8.cancel_at(subscription.id, end, Allows())
        read = await pax8.subscription(subscription.id)
        assert read.end == end
        assert read.status != "Cancelled"
        assert [one.end for one in await pax8.history(subscription.id)][-1] is None
    finally:
        sandbox.control("POST", "pax8/provisioning", {"mode": "seconds:5"})


@pytest.fixture
async def instantly(sandbox: SandboxAddress) -> AsyncIterator[None]:
    """Provisioning takes no time; every lever of booked ends goes back afterwards."""
    sandbox.control("POST", "pax8/provisioning", {"mode": "instant"})
    yield
    sandbox.control("POST", "pax8/provisioning", {"mode": "seconds:5"})
    sandbox.control("POST", "pax8/booked-end", {"mode": "shown"})
    sandbox.control("POST", "pax8/next-order", {})


def end_of(subscription: Subscription) -> datetime:
    assert subscription.commitment_term is not None and subscription.commitment_term.end is not None
    return subscription.commitment_term.end


@pytest.mark.usefixtures("instantly")
@pytest.mark.parametrize(("way", "shown"), [("shown", True), ("renews", True), ("hidden", False), ("ignored", False)])
async def test_an_end_that_was_accepted_is_only_booked_if_it_shows(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder, way: str, shown: bool
) -> None:
    """Pax8 answers nothing: only the read-back tells."""
    sandbox.control("POST", "pax8/booked-end", {"mode": way})
    subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
    end = end_of(subscription)
    await pax8.cancel_at(subscription.id, end, Allows())
    assert (await pax8.subscription(subscription.id)).end == (end if shown else None)


@pytest.mark.usefixtures("instantly")
async def test_a_booked_end_that_shows_late_shows(sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder) -> None:
    """Looking again helps."""
    sandbox.control("POST", "pax8/booked-end", {"mode": "late:0.5"})
    subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
    await pax8.cancel_at(subscription.id, end_of(subscription), Allows())
    read = await until(lambda: pax8.subscription(subscription.id), lambda one: one.end is not None)
    assert read.end == end_of(subscription)


@pytest.mark.usefixtures("instantly")
@pytest.mark.parametrize(
    ("kind", "fault", "done"),
    [
        ("422", Refused, False),
        ("408", UnclearOutcome, False),
        ("500-before", UnclearOutcome, False),
        ("drop-before", UnclearOutcome, False),
        ("drop-after", UnclearOutcome, True),
    ],
)
async def test_an_end_that_fails_is_sent_once_and_says_whether_it_is_known(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder, kind: str, fault: type[Exception], done: bool
) -> None:
    """A refusal is known to have done nothing; a timeout is not, whatever was done."""
    subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
    place = sandbox.place()
    sandbox.control("POST", "faults", {"vendor": "pax8", "method": "DELETE", "kind": kind})
    with pytest.raises(fault):
        await pax8.cancel_at(subscription.id, end_of(subscription), Allows())
    sent = [one["method"] for one in sandbox.ledger("pax8", place) if one["method"]]  # not what Pax8 does by itself
    assert sent == ["DELETE"]
    assert ((await pax8.subscription(subscription.id)).end is not None) is done


@pytest.mark.usefixtures("instantly")
@pytest.mark.parametrize("wanted", ["missing", "none", "2031-03-31T22:30:00+00:00"])
async def test_a_term_ends_when_pax8_says_or_nobody_knows(
    sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder, wanted: str
) -> None:
    """Any time of day is kept; a missing end, or a missing commitment, is none."""
    sandbox.control("POST", "pax8/next-order", {"term_end": wanted})
    subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
    if wanted == "none":
        assert subscription.commitment_term is None
    else:
        assert subscription.commitment_term is not None
        known = None if wanted == "missing" else datetime.fromisoformat(wanted)
        assert subscription.commitment_term.end == known


@pytest.mark.usefixtures("instantly")
async def test_what_will_be_charged_is_read_by_month(sandbox: SandboxAddress, pax8: Pax8, order: LicenceOrder) -> None:
    """A period of this month and one of the next; nothing that begins after a booked end."""
    subscription = await bought(pax8, (await pax8.place_order(order, Allows())).id)
    end = end_of(subscription)

    async def charged(*, next_month: bool) -> list[DraftItem]:
        items = await pax8.draft_items(order.company_id, next_month=next_month)
        return [one for one in items if one.subscription_id == subscription.id]

    (now,), (then,) = await charged(next_month=False), await charged(next_month=True)
    assert subscription.start is not None
    assert (now.start, now.end) == (subscription.start.date(), end.date() - timedelta(days=1))
    assert (then.start, now.quantity, now.term, now.type) == (end.date(), 3, "Monthly", "subscription")
    assert now.price == subscription.price and now.cost == subscription.partner_cost
    assert (now.product_id, now.company_id, now.currency) == (order.lines[0].product_id, order.company_id, "USD")
    await pax8.cancel_at(subscription.id, end, Allows())
    assert await charged(next_month=False) == [now] and await charged(next_month=True) == []


async def test_a_draft_invoice_that_times_out_is_tried_again(
    sandbox: SandboxAddress, pax8: Pax8, contoso: Company
) -> None:
    """408 is documented for it (pax8.md §3); a customer that isn't there is told."""
    sandbox.control("POST", "faults", {"vendor": "pax8", "path": "draftItems", "kind": "408"})
    assert await pax8.draft_items(contoso.id)
    with pytest.raises(NotFound):
        await pax8.draft_items("00000000-0000-4000-8000-000000000000")


async def test_the_whole_world_can_be_walked(pax8: Pax8) -> None:
    """Every company, product and subscription of the seeded world is readable, awkward ones included."""
    companies = await pax8.companies()
    assert len(companies) >= 10
    assert any(company.external_id == "" for company in companies)
    assert len(await pax8.companies(status="Active")) <= len(companies)
    products = await pax8.products()
    assert any(product.requires_commitment for product in products)
    for product in products:
        needs = await pax8.dependencies(product.id)
        rows = await pax8.pricing(product.id, companies[0].id)
        assert await pax8.provision_details(product.id) is not None
        assert {row.commitment_term for row in rows} >= {one.term for one in needs.commitments}
    for company in companies:
        assert await pax8.contacts(company.id) is not None
        assert (await pax8.company(company.id)) == company
    for subscription in await pax8.subscriptions():
        assert (await pax8.subscription(subscription.id)).vendor_subscription_id is not None


async def test_what_is_not_there_is_told(pax8: Pax8) -> None:
    """An unknown id is `NotFound`."""
    with pytest.raises(NotFound):
        await pax8.subscription("00000000-0000-4000-8000-000000000000")


async def test_the_block_checks_itself(sandbox: SandboxAddress) -> None:
    """One line if it works; what is wrong if it doesn't."""
    assert "customers" in await block(sandbox).check()
    with pytest.raises(Unauthorised) as raised:
        await block(sandbox, client_secret=SecretStr("wrong-s3cret")).check()
    assert "wrong-s3cret" not in str(raised.value)


async def test_nothing_that_was_sent_is_unknown_to_pax8(sandbox: SandboxAddress, pax8: Pax8) -> None:
    """The stand-in is strict, and shows no request that it couldn't place."""
    await pax8.companies()
    entries = sandbox.ledger("pax8")
    assert entries
    assert not [entry for entry in entries if entry.get("unknown")]
