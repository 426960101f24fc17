"""A customer new to Microsoft 365, and what the people around its tenant do: seniors, the approver, Microsoft."""

from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State

from tests.procedures.harness import Bench
from tests.procedures.people import launch_to_signature, sign
from tests.procedures.requests import SAM, TOM, contoso

KIM = "kim@northgate.example"
MUNSON = "Munson's Pickles and Preserves Farm"
WALT = "walt.munson@mail.example"
PREFIX = "munsonspickles"
DOMAIN = f"{PREFIX}.onmicrosoft.com"
ADMIN = f"admin@{DOMAIN}"
ORGANISATION, MUNSON_TICKET = 2185, 700270
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "Gherkin-and-Dill-4711"
ACCOUNT, KEY = f"Microsoft 365 admin – {DOMAIN}", f"Secret key – {DOMAIN}"


def munson(**changed: Any) -> dict[str, Any]:
    """Munson's farm has no domain, no tenant, and is not at Pax8: it wants its first Microsoft 365."""
    return contoso(
        **{
            "customer": MUNSON,
            "ticket": "T20261109.0004",
            "signer": WALT,
            "product": "Microsoft 365 Business Premium",
            "quote_line": "Microsoft 365 Business Premium",
            "mca_first_name": "Walt",
            "mca_last_name": "Munson",
            "licence_users": f"{WALT} june",
            "new_tenant": True,
            **changed,
        }
    )


async def signed(bench: Bench, **changed: Any) -> UUID:
    """The agreement is signed; the prefix is asked for."""
    run = await launch_to_signature(bench, munson(**changed))
    await sign(bench, run)
    assert await bench.waits_for(run) == "prefix-1"
    return run


async def name_it(bench: Bench, run: UUID, prefix: str = PREFIX) -> State[Any]:
    """Tom types the prefix twice; Sam, a senior colleague, types it once more."""
    await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=prefix, prefix_again=prefix)
    return await bench.answer(run, action="confirm the prefix", decided_by=SAM, prefix=prefix)


async def set_up_of(bench: Bench) -> UUID:
    """The run that sets the tenant up, played as far as it goes."""
    [run] = await bench.runs("set-up-tenant")
    await bench.play(run.id)
    return run.id


async def to_admin_account(bench: Bench, **changed: Any) -> UUID:
    """Ordered; the set-up waits for the senior colleague at the admin account."""
    run = await signed(bench, **changed)
    state = await name_it(bench, run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    set_up = await set_up_of(bench)
    assert await bench.waits_for(set_up) == "admin-account"
    return set_up


def record(bench: Bench, name: str) -> dict[str, Any]:
    """A password record in IT Glue."""
    [found] = [one for one in bench.sandbox.records("itglue.passwords") if one["name"] == name]
    return found


def store_all(bench: Bench) -> None:
    """The senior colleague changes the password, enrols the second factor, and stores both in IT Glue."""
    bench.sandbox.advance(hours=1)
    bench.sandbox.post(f"graph/users/{ADMIN}/token")
    stored = {"password": PASSWORD, "otp_secret": SEED}
    bench.sandbox.post(f"itglue/passwords/{record(bench, ACCOUNT)['id']}/store", stored)
    bench.sandbox.post(f"itglue/passwords/{record(bench, KEY)['id']}/store", {"password": SEED})


def relationships(bench: Bench) -> list[dict[str, Any]]:
    """Ours with the farm, oldest first."""
    found = [one for one in bench.sandbox.records("graph.relationships") if MUNSON[:10] in one["displayName"]]
    return sorted(found, key=lambda one: str(one["createdDateTime"]))


def let_microsoft_work(bench: Bench) -> None:
    """Each of its steps takes two seconds."""
    for _ in range(3):
        bench.sandbox.advance(seconds=3)


def approve(bench: Bench) -> None:
    """The holder of the admin account follows the link."""
    let_microsoft_work(bench)
    bench.sandbox.post(f"graph/relationships/{relationships(bench)[-1]['id']}/approve")
    let_microsoft_work(bench)


async def to_gdap(bench: Bench, **changed: Any) -> UUID:
    """The admin account is secured; the relationship waits for approval."""
    set_up = await to_admin_account(bench, **changed)
    store_all(bench)
    await bench.answer(set_up, action="it is done", decided_by=SAM)
    assert await bench.waits_for(set_up) == "gdap-1"
    return set_up


async def through_roles(bench: Bench, set_up: UUID) -> State[Any]:
    """Microsoft gives our group its roles, and the run sees it."""
    assert await bench.waits_for(set_up) == "gdap-roles"
    let_microsoft_work(bench)
    return await bench.answer(set_up, action="look again", decided_by="clock")
