"""A customer new to Microsoft 365, from the request to the set-up tenant, and no secret on the way (P2 to P16, I8)."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest_asyncio
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import APILogHandler

from tests.procedures import leaks
from tests.procedures.conftest import all_flows
from tests.procedures.harness import RECORDED_EVERY, Bench, Sandbox, plain
from tests.procedures.people import assert_done, mails, notes, ordered, settings
from tests.procedures.requests import ROBERTA, SAM, TOM
from tests.procedures.tenants import (
    ACCOUNT,
    ADMIN,
    DOMAIN,
    KEY,
    MUNSON,
    MUNSON_TICKET,
    ORGANISATION,
    PASSWORD,
    SEED,
    approve,
    name_it,
    record,
    relationships,
    set_up_of,
    signed,
    store_all,
    through_roles,
)
from tests.procedures.test_no_way_round_leaks import Heard

KB100 = "https://kb.northgate.example/100"


@dataclass(frozen=True)
class Road:
    """The whole road, played once."""

    bench: Bench
    run: UUID
    set_up: UUID
    heard: Heard
    refused_notes: list[str]

    @property
    def secrets(self) -> dict[str, str]:
        """Every credential and token, the first password by mail, and what the senior colleague stored."""
        [admin] = [one for one in self.bench.sandbox.records("graph.users") if one["userPrincipalName"] == ADMIN]
        seeded = {"first password": admin["firstPassword"], "password": PASSWORD, "secret key": SEED}
        return leaks.secrets_of(self.bench.sandbox) | seeded


async def answered(run: UUID, **form: str) -> str:
    """What Prefect says to an answer of which it must not keep a word."""
    async with get_client() as client:
        try:
            verdict = await client.resume_flow_run(run, run_input=form)
        except PrefectHTTPStatusError as error:
            return str(error.response.status_code)
    return verdict.status.value


@pytest_asyncio.fixture(scope="module")
async def road(deployments: dict[str, Any], sandbox_url: str) -> AsyncIterator[Road]:
    """Signed, named by two, ordered, admin account secured, rights approved and assigned."""
    sandbox = Sandbox(sandbox_url)
    sandbox.reset()
    bench, heard, root = Bench(all_flows(), deployments, sandbox), Heard(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        run = await signed(bench)
        assert not sandbox.effects("company created") and not sandbox.effects("order placed")
        assert_done(await name_it(bench, run))
        set_up = await set_up_of(bench)
        assert await bench.waits_for(set_up) == "admin-account", plain(await bench.case_file(set_up))
        assert record(bench, ACCOUNT)["password"] == record(bench, KEY)["password"] == "not stored yet"
        refused = [
            await answered(set_up, action="it is done", decided_by=SAM, note=SEED),
            await answered(set_up, action="it is done", decided_by=PASSWORD),
            await answered(set_up, action="hand over", decided_by=SAM, colleague=PASSWORD),
        ]
        store_all(bench)
        await bench.reconcile()
        assert await bench.waits_for(set_up) == "gdap-1", plain(await bench.case_file(set_up))
        approve(bench)
        await bench.reconcile()
        async with settings(kb100_url=KB100):
            assert_done(await through_roles(bench, set_up))
        await APILogHandler.aflush()
        await asyncio.sleep(2 * RECORDED_EVERY)
        yield Road(bench, run, set_up, heard, refused)
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
        await bench.forget_all()


async def test_it_is_ordered_once_for_a_company_with_our_contact(road: Road) -> None:
    """P2, P4, P5, P15: one company that carries our id, our mailbox its primary contact, one order, billing told."""
    sandbox = road.bench.sandbox
    assert ordered(road.bench) == [("Microsoft 365 Business Premium", 3, "Monthly")]
    [company] = [one for one in sandbox.records("pax8.companies") if one["name"] == MUNSON]
    assert (company["externalId"], company["status"]) == ("185", "Active")
    [contact] = [one for one in sandbox.records("pax8.contacts") if one["companyId"] == company["id"]]
    assert "munson" not in contact["email"]
    assert {one["type"] for one in contact["types"] if one["primary"]} == {"Admin", "Billing", "Technical"}
    assert len(mails(road.bench, ROBERTA, "please begin billing")) == 1


async def test_the_tenant_has_the_name_that_two_people_typed(road: Road) -> None:
    """P3: and the ticket says who they were; it is documented, so that the next procedure knows it."""
    [tenant] = [one for one in road.bench.sandbox.records("graph.tenants") if one["displayName"] == MUNSON]
    assert tenant["domains"][0]["id"] == DOMAIN
    assert f"{DOMAIN}: chosen by {TOM}, confirmed by {SAM}" in notes(road.bench, MUNSON_TICKET)["prefix"]
    [documented] = assets(road.bench, "Microsoft tenant")
    assert documented["traits"]["tenant-id"] == tenant["id"]


async def test_the_admin_account_has_its_two_records(road: Road) -> None:
    """P11, P12: user name, OTP; the key of its own type, for senior staff only, related once."""
    account, key = record(road.bench, ACCOUNT), record(road.bench, KEY)
    assert (account["organization-id"], account["username"]) == (ORGANISATION, ADMIN)
    assert (key["password-category-id"], key["restricted"]) == (16, True)
    accesses = [
        one for one in road.bench.sandbox.records("itglue.resource_accesses") if one["resource-id"] == key["id"]
    ]
    assert [(one["accessor-type"], one["accessor-name"]) for one in accesses] == [("Group", "senior staff")]
    [related] = road.bench.sandbox.records("itglue.related_items")
    assert (related["_source-id"], related["_destination-id"]) == (account["id"], key["id"])


async def test_the_asset_names_the_accounts_and_is_tagged_to_both_records(road: Road) -> None:
    """P10, P11: users without mail of their own are at onmicrosoft.com; no trait is lost by the tag."""
    [asset] = assets(road.bench, "Application")
    assert set(asset["traits"]["related-passwords"]) == {record(road.bench, n)["id"] for n in (ACCOUNT, KEY)}
    assert asset["traits"]["licensed-users"] == f"walt.munson@{DOMAIN}\njune@{DOMAIN}"
    assert asset["traits"]["licence-count"] == 3 and asset["traits"]["subscription-id"]


async def test_we_are_delegated_administrator_and_the_rest_is_asked_for(road: Road) -> None:
    """P8, P13, P16: one relationship with roles in our group; follow-ups with due dates; the ticket stays open."""
    [relationship] = relationships(road.bench)
    assert relationship["status"] == "active"
    assert len(mails(road.bench, SAM, "Please approve our administration")) == 1
    asked = [one.text for one in mails(road.bench, TOM, "follow-up for you")]
    assert any("partner of record" in one and KB100 in one for one in asked)
    assert any("Create the accounts" in one for one in asked)
    keyed = {str(one["externalID"]).partition(":")[2]: one for one in road.bench.sandbox.records("autotask.tickets")}
    tickets = [keyed[key] for key in ("partner", "accounts", "apps")]
    assert all(one["dueDateTime"] for one in tickets) and len(asked) == len(tickets)
    assert f"Explained in {KB100}" in tickets[0]["description"]
    assert not road.bench.sandbox.effects("ticket completed")


def assets(bench: Bench, kind: str) -> list[dict[str, Any]]:
    """The farm's assets of a type."""
    return [
        one
        for one in bench.sandbox.records("itglue.flexible_assets")
        if one["organization-id"] == ORGANISATION and one["flexible-asset-type-name"] == kind
    ]


async def places(road: Road, database: str, home: Path) -> dict[str, str]:
    """Everything that is kept, logged or sent by us; what Pax8 mailed lies where Pax8 sent it, and nowhere else."""
    outside = {
        name: text
        for name, text in leaks.shown_outside(road.bench.sandbox).items()
        if not name.startswith("mail Microsoft account for")
    }
    kept = await leaks.database(database) | leaks.files(home)
    return kept | outside | {"this process's logs": "\n".join(road.heard.lines)}


async def test_no_secret_of_the_tenant_is_kept_or_logged_anywhere(
    road: Road, prefect_database: str, prefect_home: Path
) -> None:
    """P7, I8: not in Prefect's database, results, logs, forms, mails, tickets, assets; the forms took none either."""
    assert len(road.secrets) > 20 and road.refused_notes.count("ACCEPT") == 0
    looked = await places(road, prefect_database, prefect_home)
    assert "set-up-tenant" in looked["flow"] and DOMAIN in looked["artifact"]
    assert not leaks.found_in(looked, road.secrets)


async def test_the_mail_with_the_first_password_is_left_where_it_came(road: Road) -> None:
    """P7: it is neither filed nor sent on."""
    sandbox = road.bench.sandbox
    [mail] = [one for one in sandbox.get("mails")["mails"] if one["subject"].startswith("Microsoft account for")]
    assert mail["direction"] == "received" and "orders" not in str(mail.get("folder"))
    assert not [one for one in mails(road.bench) if "Temporary password" in one.text]


async def test_the_scan_finds_a_secret_key_that_is_planted(
    road: Road, prefect_database: str, prefect_home: Path
) -> None:
    """The counter-check: in a run's memory, in a result, in a ticket note."""
    sandbox = road.bench.sandbox
    note = sandbox.records("autotask.ticketnotes")[-1]
    async with get_client() as client:
        await client.create_flow_run_input(road.set_up, key="planted", value=json.dumps(f"the key is {SEED}"))
    (prefect_home / "planted.txt").write_text(PASSWORD)
    sandbox.change("autotask.ticketnotes", note["id"], description=SEED)
    try:
        found = leaks.found_in(await places(road, prefect_database, prefect_home), road.secrets)
    finally:
        (prefect_home / "planted.txt").unlink()
        sandbox.change("autotask.ticketnotes", note["id"], description=note["description"])
        async with get_client() as client:
            await client.delete_flow_run_input(road.set_up, "planted")
    assert {"secret key in flow_run_input", "password in planted.txt"} <= set(found)
    assert any(one.startswith("secret key in autotask.ticketnotes") for one in found)
