"""What comes before the order for a new customer: never a second tenant, the prefix, the company (P2, P3)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.procedures.bridges import confirm, pass_to, the_bridge
from tests.procedures.harness import Bench, plain
from tests.procedures.people import WEBHOOK, assert_done, assert_ended_as, launch, mails, notes, ordered, settings
from tests.procedures.requests import MATTHEW, SAM, TOM, contoso
from tests.procedures.tenants import (
    ACCOUNT,
    KEY,
    MUNSON,
    MUNSON_TICKET,
    ORGANISATION,
    PREFIX,
    WALT,
    approve,
    munson,
    name_it,
    record,
    set_up_of,
    signed,
    store_all,
    through_roles,
)

COMPANY, CONTACT = 185, 1851


async def refused(bench: Bench, form: dict[str, Any]) -> str:
    """Why a launch is refused, with nothing written anywhere."""
    run = await launch(bench, form)
    state = await bench.state(run)
    assert_ended_as(state, "Refused")
    assert not bench.sandbox.effects("company created") and not bench.sandbox.effects("draft created")
    return str(state.message)


async def test_a_domain_that_has_a_tenant_stops_it(bench: Bench) -> None:
    """The website's and every contact's domain are looked up in Microsoft's discovery: never a second tenant."""
    bench.sandbox.change("autotask.companies", COMPANY, webAddress="www.fabrikam.example")
    why = await refused(bench, munson())
    assert "new_tenant (P3): fabrikam.example belongs to a Microsoft tenant already: Fabrikam Inc" in why
    assert "Ask the customer" in why


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (contoso(new_tenant=True), "has a Microsoft tenant"),
        (munson(tenant="8b9c0000-0000-4000-8000-000000000000"), "tenant (P3): is given, but"),
        (munson(tenant_admin="it@x.example"), "tenant_admin (P3): is given, but"),
    ],
    ids=["a tenant is known", "a tenant is given", "its admin is given"],
)
async def test_a_launch_that_contradicts_itself_is_refused(bench: Bench, form: dict[str, Any], said: str) -> None:
    """Before anything happened outside."""
    assert said in await refused(bench, form)


async def test_what_pax8_needs_and_settings_lack_is_said_before_anything_happens(bench: Bench) -> None:
    """An address that can't be given, groups that nobody has named."""
    bench.sandbox.change("autotask.companies", COMPANY, city=None)
    async with settings(gdap_groups=""):
        why = await refused(bench, munson())
    assert "Autotask lacks its city" in why and "the settings don't say gdap_groups" in why


async def test_two_procedures_never_make_two_tenants(bench: Bench) -> None:
    """While one is open, another one for the same customer is refused, whatever it orders."""
    first = await launch(bench, munson())
    assert await bench.waits_for(first) == "release-1"
    second = await launch(bench, munson(product="Visio Plan 1", quote_line="Visio Plan 1"))
    state = await bench.state(second)
    assert_ended_as(state, "Refused")
    assert "another procedure that gives" in str(state.message) and str(first) in str(state.message)


async def test_prefix_and_company_are_agreed_by_people_before_the_order(bench: Bench) -> None:
    """Unequal, taken, confirmed by its typist, refused: asked again. A company alike is linked, its contact ours."""
    theirs = {"id": "alike", "name": MUNSON, "externalId": None, "website": "https://munson.example", "phone": "+1"}
    theirs |= {"address": {"country": "US"}, "status": "Active", "eligible": ["Commercial"], "updatedDate": ""}
    bench.sandbox.http.put("records/pax8.companies/alike", json=theirs).raise_for_status()
    walt = {"id": "w", "companyId": "alike", "firstName": "W", "lastName": "M", "email": WALT, "phone": "+1"}
    walt["types"] = [{"type": kind, "primary": True} for kind in ("Admin", "Billing", "Technical")]
    bench.sandbox.http.put("records/pax8.contacts/w", json=walt).raise_for_status()
    run = await signed(bench)

    for first, again in ((PREFIX, PREFIX + "x"), ("contoso", "contoso"), ("Munson", "Munson")):
        await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=first, prefix_again=again)
        assert await bench.waits_for(run) == "prefix-1", first
    slip = "munsonspicklesandpreserve"
    await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=slip, prefix_again=slip)
    [asked] = mails(bench, SAM, "confirm munsonspicklesandpreserve.onmicrosoft.com")
    assert "a slip?" in asked.text and "Walt Munson" in asked.text
    for who, typed in ((TOM, slip), (SAM, PREFIX)):
        await bench.answer(run, action="confirm the prefix", decided_by=who, prefix=typed)
        assert await bench.waits_for(run) == "prefix-confirmed-1", who
    await bench.answer(run, action="refuse", decided_by=SAM, note="An s is missing.")
    assert await bench.waits_for(run) == "prefix-2"
    await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=PREFIX, prefix_again=PREFIX)
    tenant = {"id": "t", "displayName": "Somebody", "domains": [domain(f"{PREFIX}.onmicrosoft.com")]}
    bench.sandbox.http.put("records/graph.tenants/t", json=tenant).raise_for_status()
    await bench.answer(run, action="confirm the prefix", decided_by=SAM, prefix=PREFIX)

    assert await bench.waits_for(run) == "company-1"
    assert not bench.sandbox.effects("company changed")
    listed = f"{MUNSON}, https://munson.example, alike"
    await bench.answer(run, action="it is this one", decided_by=TOM, company=listed)
    company = bench.sandbox.get("records/pax8.companies/alike")
    assert (company["externalId"], company["status"]) == (str(COMPANY), "Active")
    primary = {
        one["email"]
        for one in bench.sandbox.records("pax8.contacts")
        if one["companyId"] == "alike" and any(kind["primary"] for kind in one["types"])
    }
    assert WALT not in primary and len(primary) == 1

    assert await bench.waits_for(run) == "order-refused-1", "somebody took the name meanwhile"
    assert "is taken by now" in plain(await bench.case_file(run)) and not ordered(bench)
    bench.sandbox.http.delete("records/graph.tenants/t").raise_for_status()
    assert_done(await bench.answer(run, action="accept", decided_by=TOM))
    assert len(ordered(bench)) == 1 and not bench.sandbox.effects("company created")


def domain(name: str) -> dict[str, Any]:
    return {"id": name, "isDefault": True, "isInitial": True, "isVerified": True}


async def test_a_bridge_for_a_new_customer_keeps_its_deadline_while_the_tenant_is_set_up(bench: Bench) -> None:
    """Ordered on the written word once two agreed on the name; signed, the annual term goes into the same tenant."""
    why = {
        "why_now": "The harvest is in.",
        "needed_by": f"{bench.sandbox.today() + timedelta(days=4)}",
        "confirmer": WALT,
        "signer": "",
    }
    annual = {"term": "1-Year", "annual_reason": "Walt asked for it."}
    async with settings(release="sent directly"):
        run = await launch(bench, munson(name="bridge", **why, **annual))
        product = "Microsoft 365 Business Premium"
        prices = {"monthly_prices": f"{product} = 26", "annual_prices": f"{product} = 22"}
        await bench.answer(run, action="confirm prices", decided_by=MATTHEW, **prices)
        assert await bench.waits_for(run) == "confirmation-1"
        await confirm(bench, run)
    assert await bench.waits_for(run) == "prefix-1"
    assert not ordered(bench) and not bench.sandbox.effects("company created")
    await name_it(bench, run)
    assert await bench.waits_for(run) == "agreement-1"
    assert ordered(bench) == [(product, 3, "Monthly")]
    set_up = await set_up_of(bench)
    assert await bench.waits_for(set_up) == "admin-account", "the bridge itself goes on waiting for its signature"
    store_all(bench)
    await bench.answer(set_up, action="it is done", decided_by=SAM)
    approve(bench)
    await bench.reconcile()
    assert_done(await through_roles(bench, set_up))
    both = {record(bench, name)["id"] for name in (ACCOUNT, KEY)}
    assert tagged(bench) == {f"{product} (Monthly)": both}

    found = await the_bridge(bench, run)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "change-over"
    await pass_to(bench, found.dates.change_over + timedelta(minutes=2))
    assert_done(await bench.state(run))
    assert ordered(bench) == [(product, 3, "Monthly"), (product, 3, "1-Year")]
    tenants = {one["tenantId"] for one in bench.sandbox.records("pax8.subscriptions") if one.get("orderId")}
    assert len(tenants) == 1 and None not in tenants
    assert len([one for one in bench.sandbox.records("graph.tenants") if one["displayName"] == MUNSON]) == 1
    assert "prefix" in notes(bench, MUNSON_TICKET)
    assert tagged(bench) == {f"{product} (Monthly)": both, f"{product} (1-Year)": both}, "the year's asset too"


def tagged(bench: Bench) -> dict[str, set[int]]:
    """The farm's Application assets, with the passwords that each is tagged to."""
    return {
        one["name"]: set(one["traits"].get("related-passwords", []))
        for one in bench.sandbox.records("itglue.flexible_assets")
        if (one["organization-id"], one["flexible-asset-type-name"]) == (ORGANISATION, "Application")
    }
