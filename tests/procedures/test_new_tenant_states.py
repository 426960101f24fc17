"""The admin account as people leave it, and IT Glue's traps: each is found, named, and has a way on (P9, P11, P12)."""

import json
from typing import Any
from uuid import UUID

from deployments.sandbox_blocks import GDAP_ROLES
from rules.admin_account import Flaw
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, mails, notes, settings
from tests.procedures.requests import SAM, TOM
from tests.procedures.tenants import (
    ACCOUNT,
    ADMIN,
    KEY,
    KIM,
    MUNSON,
    MUNSON_TICKET,
    ORGANISATION,
    SEED,
    approve,
    name_it,
    record,
    set_up_of,
    signed,
    store_all,
    through_roles,
    to_admin_account,
)

SENIOR_STAFF, SERVICE_DESK = 42, 44


def change(bench: Bench, name: str, **fields: Any) -> None:
    """A person changes a record in IT Glue's pages; names with dashes as underscores."""
    changed = {key.replace("_", "-"): value for key, value in fields.items()}
    bench.sandbox.change("itglue.passwords", record(bench, name)["id"], **changed)


def shown_to(bench: Bench, *groups: int) -> None:
    """A person restricts the key to other groups."""
    [*there] = bench.sandbox.records("itglue.resource_accesses")
    for one in there:
        bench.sandbox.http.delete(f"records/itglue.resource_accesses/{one['id']}").raise_for_status()
    for number, group in enumerate(groups):
        access = {"id": 79000 + number, "resource-id": record(bench, KEY)["id"], "resource-type": "Password"}
        access |= {"accessor-id": group, "accessor-type": "Group", "accessor-name": str(group)}
        bench.sandbox.http.put(f"records/itglue.resource_accesses/{access['id']}", json=access).raise_for_status()


async def complaint(bench: Bench, run: UUID) -> str:
    """What the form says after somebody said that it is done."""
    await bench.answer(run, action="it is done", decided_by=SAM)
    assert await bench.waits_for(run) == "admin-account"
    async with bench.prefect() as client:
        found = await client.filter_flow_run_input(
            run, key_prefix="suspended-admin-account-", limit=500, exclude_keys=set()
        )
    forms = {one.key: one.value for one in found if one.key.endswith("-description")}
    latest = max(forms, key=lambda key: int(key.split("-")[3]))
    return plain(forms[latest].encode().decode("unicode_escape"))


async def test_each_wrong_state_of_the_admin_account_is_found_and_named(bench: Bench) -> None:
    """One after the other, over HTTP, whoever says that it is done; and no other is named. Then it goes on."""
    run = await to_admin_account(bench)
    first = await complaint(bench, run)
    assert "still holds the placeholder" in first and "has no one-time password" in first
    assert len(mails(bench, SAM, "not secured yet")) == 1
    store_all(bench)
    right = {name: record(bench, name) for name in (ACCOUNT, KEY)}
    [link] = bench.sandbox.records("itglue.related_items")

    def leave(name: str, **fields: Any) -> Any:
        return lambda: change(bench, name, **fields)

    def unrelate() -> None:
        bench.sandbox.http.delete(f"records/itglue.related_items/{link['id']}").raise_for_status()

    states = {
        Flaw.NO_OTP: (leave(ACCOUNT, otp_secret=None), "has no one-time password"),
        Flaw.SECRET_IN_WORDS: (leave(ACCOUNT, notes=f"key {SEED}"), "what looks like a secret key"),
        Flaw.USER_NAME: (leave(ACCOUNT, username="admin@other.example"), "no user name of this tenant"),
        Flaw.ACCOUNT_ELSEWHERE: (leave(ACCOUNT, organization_id=2175), "lies in another organisation"),
        Flaw.ACCOUNT_MISSING: (leave(ACCOUNT, archived=True), "is gone or archived"),
        Flaw.CATEGORY: (leave(KEY, password_category_id=15), "is not of the type"),
        Flaw.KEY_ELSEWHERE: (leave(KEY, organization_id=2175), "lies in another organisation"),
        Flaw.NOT_RESTRICTED: (leave(KEY, restricted=False), "may be seen by everybody"),
        Flaw.OTHERS_MAY_SEE: (lambda: shown_to(bench, SERVICE_DESK), "may be seen by others than 'senior staff'"),
        Flaw.NOT_RELATED: (unrelate, "is not a related item"),
    }
    for flaw, (leave_it, words) in states.items():
        leave_it()
        said = await complaint(bench, run)
        assert words in said, f"{flaw}: {said}"
        others = [text for one, (_, text) in states.items() if text != words]
        assert not [text for text in others if text in said.partition("Missing so far")[0]], f"{flaw}: {said}"
        assert SEED not in said
        for kept in right.values():
            bench.sandbox.http.put(f"records/itglue.passwords/{kept['id']}", json=kept).raise_for_status()
        shown_to(bench, SENIOR_STAFF)
        bench.sandbox.http.put(f"records/itglue.related_items/{link['id']}", json=link).raise_for_status()
    told = mails(bench, SAM, "not secured yet")
    assert len(told) == 1 + len({words for _, words in states.values()}) + 1, "each kind of flaw is mailed once"
    await bench.answer(run, action="it is done", decided_by=SAM)
    assert await bench.waits_for(run) == "gdap-1"


async def test_it_glues_traps_are_stepped_over(bench: Bench) -> None:
    """The category missing: made once. The group without access: asked of an IT Glue admin. Everything once only."""
    sandbox = bench.sandbox
    sandbox.http.delete("records/itglue.password_categories/16").raise_for_status()
    allowed = next(one for one in sandbox.records("itglue.groups") if one["id"] == SENIOR_STAFF)["_organization-ids"]
    sandbox.change("itglue.groups", SENIOR_STAFF, **{"_organization-ids": [o for o in allowed if o != ORGANISATION]})
    run = await signed(bench)
    assert_done(await name_it(bench, run))
    set_up = await set_up_of(bench)
    assert await bench.waits_for(set_up) == "itglue-admin-1"
    [asked] = mails(bench, SAM, "IT Glue refuses")
    assert "access to the organization" in asked.text and MUNSON in asked.text and "senior staff" in asked.text
    key = record(bench, KEY)
    assert key["restricted"] and key["password"] == "not stored yet", "it never lay open"
    assert not sandbox.records("itglue.related_items"), "linked only once it is restricted (itglue.md §5)"

    await bench.answer(set_up, action="it is done", decided_by=SAM)
    assert await bench.waits_for(set_up) == "itglue-admin-2", "nobody's word is taken"
    sandbox.change("itglue.groups", SENIOR_STAFF, **{"_organization-ids": allowed})
    await bench.answer(set_up, action="it is done", decided_by=SAM)
    assert await bench.waits_for(set_up) == "admin-account"
    named = [one["name"] for one in sandbox.records("itglue.password_categories")]
    assert named.count("OTP secret key") == 1
    assert len(sandbox.records("itglue.related_items")) == 1
    assert record(bench, KEY)["id"] == key["id"]
    reads = [one for one in sandbox.ledger(vendor="itglue") if "/passwords" in one["path"] and one["method"] == "GET"]
    assert reads and all("false" in str(one["query"]) for one in reads), "no value ever travels"


async def test_microsoft_is_read_and_what_it_hides_is_for_a_second_person(bench: Bench) -> None:
    """A key in IT Glue without a second factor at Microsoft is found; without the role, Kim confirms, never Sam."""
    run = await to_admin_account(bench)
    store_all(bench)
    [user] = [one for one in bench.sandbox.records("graph.users") if one["userPrincipalName"] == ADMIN]
    bench.sandbox.change("graph.users", user["id"], softwareOathMethods=[])
    await bench.reconcile()
    approve(bench)
    await bench.reconcile()
    await through_roles(bench, run)
    assert await bench.waits_for(run) == "admin-at-microsoft"
    assert "shows no authenticator" in plain(await form_of(bench, run, "admin-at-microsoft"))
    relationship = next(r for r in bench.sandbox.records("graph.relationships") if MUNSON[:9] in r["displayName"])
    [assigned] = [
        one for one in bench.sandbox.records("graph.access_assignments") if one["_relationship"] == relationship["id"]
    ]
    authentication = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
    roles = [one for one in assigned["accessDetails"]["unifiedRoles"] if one["roleDefinitionId"] != authentication]
    bench.sandbox.change("graph.access_assignments", assigned["id"], accessDetails={"unifiedRoles": roles})
    await bench.answer(run, action="look again", decided_by="clock")
    assert await bench.waits_for(run) == "who-secured", "IT Glue showed it before anybody said so"
    await bench.answer(run, action="I did it", decided_by=SAM)
    assert await bench.waits_for(run) == "who-completed", "and so did Microsoft, what was missing there at first"
    await bench.answer(run, action="I did it", decided_by=KIM)
    assert "nobody could confirm it" in plain(await bench.form(run)), "of the two seniors none would be left"
    await bench.answer(run, action="I did it", decided_by=SAM)
    assert await bench.waits_for(run) == "witness-1"
    assert len(mails(bench, KIM, "second pair of eyes")) == 1
    await bench.answer(run, action="I have seen it", decided_by=SAM)
    assert await bench.waits_for(run) == "witness-1", "whoever set it up can't confirm it"
    await bench.answer(run, action="it is not so", decided_by=KIM)
    assert await bench.waits_for(run) == "holder-again-1"
    await bench.answer(run, action="it is done", decided_by=KIM)
    assert await bench.waits_for(run) == "holder-again-1", "who mends it can't confirm it afterwards"
    assert f"Let {SAM}" in plain(await bench.form(run))
    await bench.answer(run, action="it is done", decided_by=SAM)
    assert await bench.waits_for(run) == "witness-2"
    assert_done(await bench.answer(run, action="I have seen it", decided_by=KIM))


async def to_what_microsoft_hides(bench: Bench, **said: str) -> UUID:
    """The admin account is secured, as IT Glue shows, or as somebody says; our roles don't let us read the rest."""
    run = await to_admin_account(bench)
    store_all(bench)
    if said:
        await bench.answer(run, action="it is done", **said)
    else:
        await bench.reconcile()
    approve(bench)
    await bench.reconcile()
    await through_roles(bench, run)
    return run


FEWER_ROLES = "\n".join(role for role in GDAP_ROLES.splitlines() if "authentication" not in role)


async def test_who_secured_it_unsaid_is_asked_before_a_second_person_counts(bench: Bench) -> None:
    """P9: Kim did it and IT Glue showed it first. Her word as second person is not asked for; Sam confirms."""
    async with settings(gdap_roles=FEWER_ROLES):
        run = await to_what_microsoft_hides(bench)
        assert await bench.waits_for(run) == "who-secured"
        [asked] = mails(bench, SAM, "who secured the admin account?")
        assert KIM in asked.cc and "I did it" in asked.text
        await bench.answer(run, action="I did it", decided_by=TOM)
        assert "may not decide this" in plain(await bench.form(run)), "no senior colleague"
        await bench.answer(run, action="I did it", decided_by=KIM)
        assert f"was secured by {KIM}" in notes(bench, MUNSON_TICKET)["who secured it"]
        assert await bench.waits_for(run) == "witness-1"
        assert not mails(bench, KIM, "second pair of eyes") and mails(bench, SAM, "second pair of eyes")
        await bench.answer(run, action="I have seen it", decided_by=KIM)
        assert "whoever set it up can't confirm it" in plain(await bench.form(run))
        assert_done(await bench.answer(run, action="I have seen it", decided_by=SAM))


async def test_who_said_so_is_not_asked_again(bench: Bench) -> None:
    """Kim says by the form that it is done, although Sam was asked: Sam confirms it at once, Kim never."""
    async with settings(gdap_roles=FEWER_ROLES):
        run = await to_what_microsoft_hides(bench, decided_by=KIM)
        assert await bench.waits_for(run) == "witness-1"
        await bench.answer(run, action="I have seen it", decided_by=KIM)
        assert await bench.waits_for(run) == "witness-1"
        assert_done(await bench.answer(run, action="I have seen it", decided_by=SAM))


async def test_a_second_persons_word_taken_before_it_is_known_who_did_it_does_not_count(bench: Bench) -> None:
    """A run on its way when the question was new: Kim had confirmed, then says that she did it. It is done again."""
    async with settings(gdap_roles=FEWER_ROLES):
        run = await to_what_microsoft_hides(bench)
        seen = {"kind": "Decided", "by": KIM, "choice": "I have seen it", "why": ""}
        async with bench.prefect() as client:
            await client.create_flow_run_input(run, key="settled-witness-1", value=json.dumps(seen))
        await bench.answer(run, action="I did it", decided_by=KIM)
        assert await bench.waits_for(run) == "holder-again-1"
        await bench.answer(run, action="it is done", decided_by=KIM)
        assert await bench.waits_for(run) == "witness-2"
        assert_done(await bench.answer(run, action="I have seen it", decided_by=SAM))


async def form_of(bench: Bench, run: UUID, wait: str) -> str:
    """The words above a wait's first form."""
    async with bench.prefect() as client:
        found = await client.read_flow_run_input(run, f"suspended-{wait}-1-description")
    return found.encode().decode("unicode_escape")


async def test_a_wait_that_nobody_heeds_is_mailed_again_and_goes_to_another_senior(bench: Bench) -> None:
    """I5: Sam is asked, reminded after a business day, and Kim is told after three."""
    run = await to_admin_account(bench)
    for days in (4, 5):
        bench.sandbox.advance(days=days)
        await bench.reconcile()
    assert await bench.waits_for(run) == "admin-account"
    assert len(mails(bench, SAM, "Reminder: ")) == 1
    assert len(mails(bench, KIM, "Nobody has acted")) == 1
