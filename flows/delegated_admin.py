"""The MSP as delegated administrator of a customer: invited, approved, roles in our groups; each way out of it (P8)."""

from dataclasses import replace
from datetime import timedelta

from rules.delegated import Standing, approval_link
from rules.events import Decided, Event
from rules.people import Person
from tasks import delegated_admin
from tasks.case import Case
from tasks.delegated_admin import Assigned, Proposed
from tasks.letters import Letter
from tasks.net_tenants import GDAP_AWAITED, MICROSOFT_AWAITED
from tasks.office import office
from tasks.tenant_forms import InviteForm, SeenForm
from tasks.waiting import Wait, wait_for

LOOK_AGAIN_AFTER = timedelta(hours=12)
SOON = timedelta(minutes=2)
MOST_INVITATIONS = 30
IN_WORDS = {
    Standing.REFUSED.value: "was refused, or ended",
    Standing.EXPIRED.value: "expired before anybody approved it",
    Standing.FEWER_ROLES.value: "is active, but with fewer roles than we need",
    Standing.OTHER_TENANT.value: "was accepted by another tenant",
}


async def establish(case: Case, approver: Person) -> str:
    """P8: an active relationship with every role; returns its id. What goes another way is told, and asked again."""
    for attempt in range(1, MOST_INVITATIONS):
        proposed = await delegated_admin.propose(case.request, attempt)
        if proposed.exists:
            await case.record("delegated admin exists", f"{proposed.name} is active with every role.", by="Microsoft")
            return proposed.relationship_id
        case.links["Approve the delegated administration"] = approval_link(proposed.relationship_id)
        event = await wait_for_approval(case, proposed, approver, attempt)
        if event.choice == Standing.ACTIVE.value:
            await case.record("delegated admin", f"{proposed.name} is active with every role.", by="Microsoft")
            return event.why
        await case.record(f"invitation {attempt} failed", f"{proposed.name} {event.why}", by="Microsoft")
        await ask_to_invite_again(case, proposed, approver, attempt, event.why)
    raise RuntimeError("thirty invitations and none approved; a person must look at this run")


async def wait_for_approval(case: Case, proposed: Proposed, approver: Person, attempt: int) -> Decided:
    """The link is mailed to whoever may approve it; Microsoft is read, and nobody's word taken (P8)."""
    tenant_id, settings = case.request.customer.tenant_id, office().settings
    moved = False

    async def look(_hinted: bool) -> Event | None:
        nonlocal moved
        standing, relationship_id, roles, moved = await delegated_admin.how_it_stands(proposed, tenant_id)
        if standing is Standing.ACTIVE:
            return Decided(by="Microsoft", choice=standing.value, why=relationship_id)
        if standing is Standing.UNDER_WAY:
            return None
        missing = sorted(set(settings.gdap_roles) - roles) if standing is Standing.FEWER_ROLES else []
        words = IN_WORDS[standing.value] + (f": {', '.join(missing)} missing" if missing else "")
        return Decided(by="Microsoft", choice=standing.value, why=f"{words}.")

    def as_found(wait: Wait) -> Wait:
        return replace(wait, until=case.now() + SOON) if moved else wait

    what = f"Approve our delegated administration of {case.request.customer.name}"
    event = await wait_for(
        case,
        Wait(
            name=f"gdap-{attempt}",
            awaited=approver,
            what=what,
            form=SeenForm,
            role="approver",
            until=case.now() + LOOK_AGAIN_AFTER,
            tags=(GDAP_AWAITED, f"gdap:{proposed.relationship_id}"),
            after_look=as_found,
            turn_to=case.request.senior,
            explain=f"[{proposed.name}]({approval_link(proposed.relationship_id)}) is approved at Microsoft by a "
            "Global Administrator of the customer; the run sees it there.",
            letter=Letter(
                kind=f"gdap-{attempt}",
                to=(approver,),
                cc=(case.requester,),
                subject=f"Please approve our administration of your Microsoft 365 ({case.request.customer.name})",
                todo="Open the link, sign in as Global Administrator, read the roles, and approve.",
                facts=(("Relationship", proposed.name), ("Roles", str(len(settings.gdap_roles)))),
                otherwise="Without it we can't look after the licences and accounts there.",
                link=approval_link(proposed.relationship_id),
                link_text="Approve at Microsoft",
                from_person=case.requester,
            ),
        ),
        look,
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    return event


async def ask_to_invite_again(case: Case, proposed: Proposed, approver: Person, attempt: int, why: str) -> None:
    """Refused, expired, fewer roles: the requester speaks with the approver, and a new invitation goes out."""
    tenant_id = case.request.customer.tenant_id

    async def look(_hinted: bool) -> Event | None:
        standing, *_ = await delegated_admin.how_it_stands(proposed, tenant_id)
        return Decided(by="Microsoft", choice="active by now") if standing is Standing.ACTIVE else None

    what = f"The invitation {proposed.name} {why}"
    await wait_for(
        case,
        Wait(
            name=f"gdap-again-{attempt}",
            awaited=case.requester,
            what=what,
            form=InviteForm,
            role="requester",
            until=case.now() + LOOK_AGAIN_AFTER,
            tags=(GDAP_AWAITED,),
            letter=Letter(
                kind=f"gdap-again-{attempt}",
                to=(case.requester,),
                subject=f"{case.title}: delegated administration did not come about",
                todo=f"{what} Speak with {approver}, then choose 'invite again' in the form: a new link is mailed.",
                otherwise="We have no rights in the customer's tenant until then.",
                facts=(("Relationship", proposed.name),),
                link=case.run_link,
                link_text="Invite again",
            ),
        ),
        look,
    )


async def assign_roles(case: Case, relationship_id: str) -> None:
    """P8: every role in each of our groups, active at Microsoft; a group with fewer is mended by a person."""
    settings = office().settings
    groups, roles = settings.tenants.groups, settings.gdap_roles
    await delegated_admin.assign_roles(relationship_id, groups, roles)
    found = Assigned()

    async def look(_hinted: bool) -> Event | None:
        nonlocal found
        found = await delegated_admin.how_assigned(relationship_id, groups, roles)
        done = not found.pending and not found.fewer
        return Decided(by="Microsoft", choice="assigned", why=", ".join(found.active)) if done else None

    def as_found(wait: Wait) -> Wait:
        if not found.fewer:
            return wait
        what = f"In Partner Center give {', '.join(found.fewer)} every role of the relationship: it has fewer"
        letter = Letter(
            kind="gdap-roles",
            to=(case.requester,),
            subject=f"{case.title}: a group of ours has too few roles",
            todo=what,
            otherwise="The procedure goes on by itself once Microsoft shows them.",
            link=case.run_link,
            link_text="Open the run",
        )
        return replace(wait, awaited=case.requester, what=what, letter=letter, until=case.now() + LOOK_AGAIN_AFTER)

    event = await wait_for(
        case,
        Wait(
            name="gdap-roles",
            awaited=Person(name="Microsoft", email="delegated-roles"),
            what="The delegated roles become active in our groups",
            form=SeenForm,
            role="requester",
            until=case.now() + SOON,
            tags=(MICROSOFT_AWAITED,),
            after_look=as_found,
        ),
        look,
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    await case.record("roles assigned", f"Every role is active in {event.why}.", by="Microsoft")
