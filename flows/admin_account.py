"""The admin account of a new tenant: secured by a named person, checked in IT Glue and at Microsoft (P9, P12)."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from flows.witness import have_it_witnessed, who_did
from rules.admin_account import Finding, flaws_at_microsoft, unread
from rules.events import Decided, Event
from rules.order import Frozen
from rules.people import Person
from rules.tenant import initial_domain
from tasks import admin_account
from tasks.admin_account import AdminRecords
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.forms import AnswerAgain, DeskForm
from tasks.letters import Letter
from tasks.net_tenants import ITGLUE_AWAITED, MICROSOFT_AWAITED
from tasks.office import office
from tasks.tenant_forms import SecuredForm
from tasks.waiting import Wait, has_waited, wait_for
from vendors.errors import Refused as VendorRefused

RECORDS, HOLDER = "admin-records", "admin-holder"
AT_MICROSOFT = "admin-at-microsoft"

LOOK_AGAIN_AFTER = timedelta(hours=4)
MOST_TRIES = 30


async def make_records(case: Case) -> AdminRecords:
    """P11, P12: the two records, with placeholders. What only an IT Glue administrator can mend is asked of one."""
    for attempt in range(1, MOST_TRIES):
        kept = case.journal.get(RECORDS)
        if kept is not None:
            break
        try:
            made = await admin_account.make_records(case.request, attempt)
        except VendorRefused as no:
            await ask_itglue_admin(case, attempt, no.message)
            continue
        await case.journal.put(RECORDS, made.model_dump(mode="json"))
    records = AdminRecords.model_validate(case.journal.get(RECORDS))
    for name, record_id in (("admin account", records.account_id), ("secret key", records.key_id)):
        case.links[f"IT Glue: {name}"] = record_link(case, record_id)
    settings = office().settings.tenants
    await case.record(
        "admin records",
        f"Two records in IT Glue, with placeholders: the admin account, and its key as '{settings.key_category}', "
        f"restricted to '{settings.senior_group}' and related, read back.",
        link=record_link(case, records.account_id),
    )
    return records


def record_link(case: Case, record_id: int) -> str:
    return f"{office().settings.itglue_url}/{case.request.customer.itglue_id}/passwords/{record_id}"


async def ask_itglue_admin(case: Case, attempt: int, why: str) -> None:
    """IT Glue refused: an administrator of IT Glue is told in its own words, and what is needed."""
    settings = office().settings
    admin = settings.tenants.itglue_admin or settings.senior_staff[0]
    todo = (
        f"In IT Glue, see to it that the group '{settings.tenants.senior_group}' exists once and has access to the "
        f"organisation {case.request.customer.name}; then answer the form. IT Glue said: {why}"
    )
    await wait_for(
        case,
        Wait(
            name=f"itglue-admin-{attempt}",
            awaited=admin,
            what=todo[:400],
            form=DeskForm,
            role="itglue",
            letter=Letter(
                kind=f"itglue-admin-{attempt}",
                to=(admin,),
                cc=(case.requester,),
                subject=f"{case.title}: IT Glue refuses the record of the secret key",
                todo=todo[:600],
                otherwise="The admin account of the new tenant stays without its second factor until then.",
                link=case.run_link,
                link_text="Say that it is done",
                from_person=case.requester,
            ),
        ),
    )


class Secured(Frozen):
    """Who holds the admin account, and who secured it; `by` is None where IT Glue showed it before anybody said so."""

    holder: Person
    by: Person | None = None


async def secure(case: Case, records: AdminRecords) -> Secured:
    """P9, P12: a senior colleague changes the password, enrols the second factor, stores both; IT Glue is read.

    It ends when IT Glue shows everything, whoever says so.
    """
    senior, customer = case.request.senior, case.request.customer
    event = await wait_until_secured(case, records, "admin-account", senior, instructions(case))
    said = who_did(event)
    whose = f"the admin of {initial_domain(customer.prefix)}"
    done = (
        f"{said.name} changed the password of {whose} and enrolled the second factor"
        if said is not None
        else f"The password of {whose} was changed and the second factor enrolled, by whom nobody has said"
    )
    await case.record(
        "admin account",
        f"{done}; IT Glue shows both as stored, and the key for senior staff only.",
        by=event.by,
    )
    return Secured(holder=said or senior, by=said)


async def wait_until_secured(
    case: Case, records: AdminRecords, name: str, awaited: Person, steps: tuple[str, ...], tenant_id: str = ""
) -> Decided:
    """The wait for the person at the admin account. With a tenant's id, Microsoft is asked too, not IT Glue alone."""
    settings = office().settings
    found: tuple[Finding, ...] = ()
    changed: datetime | None = None

    async def look(_hinted: bool) -> Event | None:
        nonlocal found, changed
        found, changed = await all_flaws(case, records, tenant_id)
        return None if found else Decided(by="IT Glue" if not tenant_id else "Microsoft", choice="seen")

    async def check(event: Event) -> None:
        if not isinstance(event, Decided):
            return
        missing, _ = await all_flaws(case, records, tenant_id)
        if missing:
            await tell_missing(case, awaited, event.by, missing)
            raise AnswerAgain("not yet: " + " ".join(str(one) for one in missing))

    def as_found(wait: Wait) -> Wait:
        seen = f"itglue-seen:{changed.isoformat()}" if changed is not None else "itglue-seen:"
        tags = (*wait.tags, f"itglue:{records.account_id}", f"itglue:{records.key_id}", seen)
        missing = [f"- {in_markdown(str(one))}" for one in found]
        return replace(wait, tags=tags, explain="\n".join([wait.explain, "", "Missing so far:", "", *missing]))

    what = steps[0]
    event = await wait_for(
        case,
        Wait(
            name=name,
            awaited=awaited,
            what=what,
            form=SecuredForm,
            may_decide=settings.senior_staff,
            role="senior",
            until=case.now() + LOOK_AGAIN_AFTER,
            tags=(ITGLUE_AWAITED, *((MICROSOFT_AWAITED,) if tenant_id else ())),
            check=check,
            after_look=as_found,
            explain="\n".join(f"{number}. {in_markdown(one)}" for number, one in enumerate(steps[1:], start=1)),
            letter=Letter(
                kind=name,
                to=(awaited,),
                cc=(case.requester,),
                subject=f"{case.title}: secure the admin account of {initial_domain(case.request.customer.prefix)}",
                todo=what,
                facts=tuple((f"Step {number}", one) for number, one in enumerate(steps[1:], start=1)),
                otherwise="Until then nobody but Pax8's mail protects the customer's new tenant.",
                link=case.run_link,
                link_text="Say that it is done",
                from_person=case.requester,
            ),
        ),
        look,
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    return event


async def all_flaws(case: Case, records: AdminRecords, tenant_id: str) -> tuple[tuple[Finding, ...], datetime | None]:
    """What IT Glue, and with a tenant's id Microsoft, show to be undone; and when the records were changed last."""
    looked = await admin_account.look_at_records(case.request.customer, records)
    if looked.flaws or not tenant_id:
        return looked.flaws, looked.changed_at
    seen = await admin_account.look_at_microsoft(tenant_id, looked.user_name)
    return flaws_at_microsoft(seen), looked.changed_at


async def tell_missing(case: Case, awaited: Person, by: str, missing: Iterable[Finding]) -> None:
    """Somebody said that it is done, and it isn't: what is missing is mailed, once for the same findings."""
    found = tuple(missing)
    digest = hashlib.sha256("".join(one.flaw for one in found).encode()).hexdigest()[:8]
    await case.send(
        Letter(
            kind=f"admin-account-missing-{digest}",
            to=tuple({one.email: one for one in (awaited, Person(name=by, email=by))}.values()),
            subject=f"{case.title}: the admin account is not secured yet",
            todo="Complete what is missing, and answer the form again.",
            facts=tuple((one.what, f"{one.way_out} ({one.clause})") for one in found),
            otherwise="The procedure does not go on until IT Glue and Microsoft show it.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )


async def check_at_microsoft(case: Case, records: AdminRecords, secured: Secured) -> None:
    """P9: once our delegated roles work, Microsoft is read; what no system tells us, a second named person confirms."""
    request, (_, *steps) = case.request, instructions(case)
    again = ("Microsoft shows that the admin account is not secured: complete it.", *steps)
    seen = await wait_until_secured(case, records, AT_MICROSOFT, secured.holder, again, request.customer.tenant_id)
    missing = case.journal.get("unread")
    if missing is None:
        looked = await admin_account.look_at_records(request.customer, records)
        shown = await admin_account.look_at_microsoft(request.customer.tenant_id, looked.user_name)
        missing = await case.journal.put("unread", list(unread(looked.otp, shown)))
    if missing:
        did_it = {"secured": secured.by}
        if has_waited(case, AT_MICROSOFT):
            did_it["completed"] = who_did(seen)
        await have_it_witnessed(case, secured.holder, did_it, tuple(missing), tuple(steps))
    await case.record("admin account checked", "IT Glue and Microsoft show it secured.", by="Microsoft")


def instructions(case: Case) -> tuple[str, ...]:
    """What the senior colleague does, word for word: first the sentence, then the steps."""
    customer, settings = case.request.customer, office().settings
    user = f"{settings.tenants.admin_user}@{initial_domain(customer.prefix)}"
    return (
        f"Secure the admin account of {customer.name}'s new tenant, {initial_domain(customer.prefix)}.",
        f"Pax8 has mailed user name and first password to {settings.shared_mailbox} (usually {user}). Leave that mail "
        "where it is: don't forward, quote or attach it.",
        f"In a private browser window, sign in at {admin_account.ADMIN_CENTRE} with it, and change the password.",
        "Enrol the second factor as an authenticator app. When Microsoft shows the secret key ('can't scan'), copy it.",
        f"IT Glue, '{admin_account.account_record_name(customer)}': store user name and new password, and enter the "
        "secret key as its OTP.",
        f"IT Glue, '{admin_account.key_record_name(customer)}': paste the secret key into the password field. Leave "
        "its category, restriction and link as they are.",
        "Delete the mail with the first password, then answer the form. Write no secret into a form, note or mail.",
    )
