"""The net that can't look: noticed by itself, and told to the senior staff before anything is missed by it (I5)."""

from datetime import datetime, timedelta

from prefect.variables import Variable

from tasks.letters import Letter
from tasks.mail import send_letter
from tasks.office import office

TORN_SINCE = "countersign_net_torn_since"
LASTS = timedelta(hours=1)


def in_words(torn: dict[str, str]) -> str:
    """Which parts of the net could not look, each with its reason."""
    return "; ".join(f"{name} ({why})" for name, why in torn.items())


async def tell_if_it_lasts(torn: dict[str, str]) -> None:
    """Mail the senior staff, once a day, when parts of the net have not been able to look for an hour."""
    if not torn:
        if await Variable.aget(TORN_SINCE):
            await Variable.aset(TORN_SINCE, "", overwrite=True)
        return
    now, settings = office().clock.now(), office().settings
    kept = await Variable.aget(TORN_SINCE)
    if not kept:
        await Variable.aset(TORN_SINCE, now.isoformat(), overwrite=True)
        return
    since = datetime.fromisoformat(str(kept))
    if now - since < LASTS:
        return
    await send_letter(
        "reconcile",
        Letter(
            kind=f"net-torn-{settings.calendar.day_of(now)}",
            to=tuple(settings.senior_staff),
            subject=f"The net can't look: {', '.join(torn)}",
            todo="Look at what stands in the way and mend it: the vendor's status page, its credentials in the blocks.",
            by_when="today",
            facts=(
                ("Since", settings.calendar.in_words(since)),
                *((name.capitalize(), why[:500]) for name, why in torn.items()),
            ),
            otherwise="Until then a missed webhook, reply or deadline of that kind is noticed by nobody.",
            link=f"{settings.prefect_url}/deployments",
            link_text="Open the deployments, reconcile among them",
        ),
    )
