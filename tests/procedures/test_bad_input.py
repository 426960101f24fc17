"""Bad input: refused before any effect outside, naming field, clause and way out (N1 to N7, P1, P2, A1)."""

from typing import Any

import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Crashed

from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_ended_as, launch, settings, writes
from tests.procedures.requests import ADA, IVY, PREMIUM, ask, bridge, contoso, of

RITA = "rita@contoso.example"
REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown customer": (
        contoso(customer="Contoso"),
        ("customer (N1)", "Did you mean: ", "Contoso Ltd (175)", "Contoso Pharmaceuticals (188)", "Give the exact"),
    ),
    "nobody by that name": (contoso(customer="Acme"), ("customer (N1)", "No customer in Autotask has a name like it")),
    "near-miss product": (
        contoso(**ask("Visio Plan1")),
        ("product (N1)", "'Visio Plan1' is not in the product map. Did you mean: Visio Plan 1", "Visio Plan 2"),
    ),
    "product missing from the map, twins listed": (
        contoso(**ask("Project Plan 3")),
        ("product (N1)", "is not in the product map", "Project Plan 3 [New Commerce Experience]"),
    ),
    "quote line of another product": (
        contoso(quote_line="Visio Plan 2"),
        ("quote_line (P1)", "the quote's line 'Visio Plan 2' is Visio Plan 2, not Visio Plan 1", "correct the quote"),
    ),
    "already subscribed on that term": (
        contoso(**ask(PREMIUM)),
        ("product (A1)", "already has 12 ×", "use the deployment add-seats"),
    ),
    "booked end before the start": (
        of("Tailspin Toys", "T20261112.0008", "pia@tailspin.example", seats=6),
        ("product (A1)", "booked to end on", "Or start on or after"),
    ),
    "above the product's limit": (
        contoso(**ask("Microsoft 365 Business Basic", seats=301)),
        ("seats (P4)", "no price for 301 × Microsoft 365 Business Basic", "above the product's limit", "Ask pricing"),
    ),
    "not sold by the month": (
        contoso(**ask("Copilot for Microsoft 365")),
        ("term (N1)", "can't be had on the Monthly term", "offered: 1-Year billed"),
    ),
    "unmet dependency": (
        of("VanArsdel", "T20261108.0002", "yara@vanarsdel.example", **ask("Copilot for Microsoft 365", seats=7))
        | {"term": "1-Year", "annual_reason": "the only one"},
        ("product (P1)", "needs one of: Microsoft 365 Business Premium", "Order it together"),
    ),
    "a question nobody has answered": (
        contoso(**ask("Teams Phone")),
        ("product (P1)", "'microsoftIncludeOverage' (Include overage)", "the settings hold no answer", "word for word"),
    ),
    "signer who is no contact": (
        contoso(signer="mallory@contoso.example"),
        ("signer (N4)", "is not a contact of Contoso Ltd", "May sign: Ada Byte <ada@contoso.example>"),
    ),
    "the receptionist": (contoso(signer="rita@contoso.example"), ("signer (N4)", "Rita Desk", "may not sign")),
    "a contact who left": (contoso(signer="gil@contoso.example"), ("signer (N4)", "Gil Former", "is not active")),
    "closed ticket": (contoso(ticket="T20261002.0003"), ("ticket (N3)", "is closed", "open ticket of Contoso Ltd")),
    "another customer's ticket": (
        contoso(ticket="T20261119.0004"),
        ("ticket (N3)", "belongs to another customer", "open ticket of Contoso Ltd"),
    ),
    "no such ticket": (contoso(ticket="T1"), ("ticket (N3)", "there is no ticket T1")),
    "inactive technician": (contoso(requester=IVY), ("requester (N1)", "ivy@northgate.example is not active")),
    "a stranger as technician": (contoso(requester=ADA), ("requester (N1)", "is not one of our people")),
    "two tenants": (
        of("Wide World Importers", "T20261116.0002", "mira@wideworld.example"),
        ("tenant (A1)", "has several Microsoft tenants: ", "; ", "put its id into 'tenant'"),
    ),
    "another customer's tenant": (contoso(tenant="8b9c0000-0000-4000-8000-000000000000"), ("tenant (A1)", "known: ")),
    "no external id at Pax8": (
        of("Adventure Works", "T20261117.0009", "hugo@adventure-works.example"),
        (
            "customer (P2)",
            "no Pax8 company carries this customer's id; alike are: Adventure Works",
            "set its external id",
        ),
    ),
    "no tenant, not at Pax8": (
        of("Munson's Pickles and Preserves Farm", "T20261109.0004", "walt.munson@mail.example"),
        ("customer (P8)", "no Microsoft tenant", "customer (P2)", "this customer is not in Pax8"),
    ),
    "inactive at Pax8": (
        of("Northwind Traders", "T20261107.0001", "theo@northwind.example"),
        ("customer (P2)", "orders need Active"),
    ),
    "IT Glue organisation not linked": (
        of("Lamna Healthcare", "T20261110.0003", "sofia@lamna.example"),
        ("customer (P11)", "no IT Glue organisation is linked", "Link it in IT Glue"),
    ),
    "more lines than rows": (
        contoso(
            further_lines="1 | Visio Plan 2 | Visio Plan 2\n1 | Power BI Pro | Power BI Pro\n"
            "1 | Exchange Online Plan 1 | Exchange Online Plan 1\n"
            "1 | Defender for Office 365 P1 | Defender for Office 365 P1"
        ),
        ("further_lines (N4)", "5 lines don't fit the agreement's 4 rows", "second procedure"),
    ),
    "several on the form at once": (
        contoso(
            start_date="2020-02-03",
            end_date="2020-02-01",
            term="1-Year",
            mca_last_name=" ",
            further_lines="two Visio\n0 | Power BI Pro | Power BI Pro",
            follow_up_work="install it",
        ),
        (
            "start_date (N6): 2020-02-03 is in the past",
            "end_date (N7)",
            "annual_reason (P18)",
            "mca_last_name (P6)",
            "further_lines, line 1 (N1): 'two Visio' can't be read",
            "further_lines, line 2 (P4): 0 seats",
            "follow_up_person (P13)",
        ),
    ),
    "impossible date": (contoso(start_date="2027-02-30"), ("start_date (N6): '2027-02-30' is not a day", "2026-12-31")),
    "a month billed by the year": (
        contoso(billing_frequency="Annual", pricing_first=True),
        ("billing_frequency (N1)", "can't be billed annually"),
    ),
    "several outside at once": (
        contoso(
            ticket="T1", signer="rita@contoso.example", requester=IVY, quote_line="Visio", follow_up_person="x@y.z"
        ),
        ("ticket (N3)", "signer (N4)", "requester (N1)", "quote_line (P1)", "follow_up_person (P13)"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_refused_before_anything_happens(bench: Bench, what: str) -> None:
    """The run ends as Refused, says field, clause and way out on its page and in its state; nothing was written."""
    form, fragments = REFUSED[what]
    run = await launch(bench, form)
    state = await bench.state(run)
    assert_ended_as(state, "Refused")
    page = plain(await bench.case_file(run))
    for fragment in fragments:
        assert fragment in str(state.message)
        assert fragment in page
    assert "Nothing has happened outside" in page
    assert writes(bench) == []


async def test_two_customers_of_one_name_are_told_apart_by_id(bench: Bench) -> None:
    """An ambiguous name is refused with both ids; the id is taken."""
    bench.sandbox.change("autotask.companies", 188, companyName="Contoso Ltd")
    state = await bench.state(await launch(bench, contoso()))
    assert_ended_as(state, "Refused")
    assert "several customers are called 'Contoso Ltd': " in str(state.message)
    assert "Contoso Ltd (175)" in str(state.message) and "Contoso Ltd (188)" in str(state.message)
    assert writes(bench) == []
    assert await bench.waits_for(await launch(bench, contoso(customer="175"))) == "release-1"


async def test_autotasks_own_fields_may_say_who_may_sign(bench: Bench) -> None:
    """Roles: so the settings say: who has a yes there may sign, and what IT Glue's asset says counts for nothing."""
    for one in bench.sandbox.records("autotask.contacts"):
        may = {"May sign agreements": "Yes" if one["emailAddress"] == RITA else None, "May confirm licences": "no"}
        fields = [{"name": name, "value": value} for name, value in may.items()]
        bench.sandbox.change("autotask.contacts", one["id"], userDefinedFields=fields)
    async with settings(
        contact_source="Autotask contact field",
        contact_autotask_may_sign="May sign agreements",
        contact_autotask_may_confirm="May confirm licences",
    ):
        state = await bench.state(await launch(bench, contoso()))
        assert_ended_as(state, "Refused")
        assert "signer (N4)" in str(state.message) and "Ada Byte (ada@contoso.example) may not sign" in str(
            state.message
        )
        assert f"May sign: Rita Desk <{RITA}>. " in str(state.message)
        assert "have the right recorded (Autotask contact field)" in str(state.message)
        assert writes(bench) == []
        assert await bench.waits_for(await launch(bench, contoso(signer=RITA))) == "release-1"
        confirmed_by_rita = bridge(confirmer=RITA, signer=RITA, **ask("Power BI Pro"))
        state = await bench.state(await launch(bench, confirmed_by_rita))
        assert "confirmer (B3)" in str(state.message) and "May confirm: nobody yet" in str(state.message)


async def test_what_the_schema_can_tell_never_becomes_a_run(bench: Bench) -> None:
    """Zero or too many seats, another term, a date in words, a missing field: the API answers with a 4xx."""
    for wrong in ({"seats": 0}, {"seats": 100_001}, {"seats": "3 or 4"}, {"term": "3-Year"}, {"start_date": "soon"}):
        with pytest.raises(PrefectHTTPStatusError) as refused:
            await bench.start(**contoso(**wrong))
        assert 400 <= refused.value.response.status_code < 500
    with pytest.raises(PrefectHTTPStatusError):
        await bench.start(customer="Contoso Ltd")
    assert await bench.runs("new-subscription") == []


async def test_an_unknown_parameter_ends_as_refused_by_name(bench: Bench) -> None:
    """The API lets it pass and the run crashes at its first line: reconcile ends it as what it is."""
    from prefect.client.orchestration import get_client

    run = await bench.start(**contoso(), seets=5)
    async with get_client() as client:
        await client.set_flow_run_state(run, Crashed(message="unexpected keyword argument"), force=True)
    await bench.reconcile()
    state = await bench.state(run)
    assert_ended_as(state, "Refused")
    assert "unknown parameters seets (N1)" in str(state.message)
    await bench.reconcile()
    assert writes(bench) == []


async def test_settings_that_cant_be_read_say_so_and_touch_nothing(bench: Bench) -> None:
    """A typing error in the settings block: the run fails naming the field, before any effect."""
    async with settings(contracts="Roberta Vale"):
        run = await launch(bench, contoso())
    state = await bench.state(run)
    assert state.is_failed()
    assert "settings, contracts: write 'Name <address>, phone'" in str(state.message)
    assert writes(bench) == []
