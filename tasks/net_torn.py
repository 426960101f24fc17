"""The net that can't look, or doesn't: noticed, and told to the senior staff before anything is missed by it (I5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.variables import Variable

from tasks.letters import Letter
from tasks.mail import send_letter
from tasks.office import office
from tasks.rounds import is_of_the_future

TORN_SINCE = "countersign_net_torn_since"
TORN = "countersign_net_torn"
"""Which parts could not look in the latest round, and since when some can't, by a real clock: for `/net`."""
LASTS = timedelta(hours=1)
LAST_ROUND = "countersign_net_round"
STANDS_STILL_AFTER = timedelta(minutes=45)
"""Three rounds: the net is taken for stopped then."""


def in_words(torn: dict[str, str]) -> str:
    """Which parts of the net could not look, each with its reason."""
    return "; ".join(f"{name} ({why})" for name, why in torn.items())


async def note_torn(torn: dict[str, str]) -> None:
    """Keep for whoever asks from outside that parts of the net can't look: a mail about it may be what can't be sent.

    Names only: a reason may quote what a vendor answered, and the receiver's door is the internet's.
    """
    kept: Any = await Variable.aget(TORN)
    if torn:
        since = kept["since"] if kept else datetime.now(UTC).isoformat()
        await Variable.aset(TORN, {"since": since, "parts": list(torn)}, overwrite=True)
    elif kept:
        await Variable.aset(TORN, {}, overwrite=True)


async def torn_for_long() -> str:
    """Since when parts of the net can't look, and which, once it lasts; empty: none. Raises without Prefect."""
    kept: Any = await Variable.aget(TORN)
    if not kept or datetime.now(UTC) - datetime.fromisoformat(kept["since"]) < LASTS:
        return ""
    return f"torn since {kept['since']}: {', '.join(kept['parts'])}"


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
            kind=f"net-torn-{settings.calendar.day_of(now)}-{'-'.join(sorted(torn))}",
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


async def remember_round() -> None:
    """A round has come to its end: whatever it could not look at is told by itself."""
    await Variable.aset(LAST_ROUND, datetime.now(UTC).isoformat(), overwrite=True)


async def last_round() -> datetime | None:
    """When the net's latest round came to its end, by a real clock; None before the first. Raises without Prefect."""
    kept = await Variable.aget(LAST_ROUND)
    return datetime.fromisoformat(str(kept)) if kept else None


def stands_still(last: datetime | None) -> bool:
    """Whether the net is taken for stopped: its latest round is long ago, or none, or of a day that hasn't come yet."""
    return last is None or datetime.now(UTC) - last > STANDS_STILL_AFTER or is_of_the_future(last)


async def tell_if_it_stands_still() -> None:
    """Mail the senior staff, once a day, that no round has come to its end for long. For the audit, which isn't it."""
    last, settings = await last_round(), office().settings
    if not stands_still(last):
        return
    today = settings.calendar.day_of(office().clock.now())
    await send_letter(
        "audit",
        Letter(
            kind=f"net-still-{today}",
            to=tuple(settings.senior_staff),
            subject="The net does not look any more: reconcile has not come to its end",
            todo="Look at reconcile's deployment: is its schedule active, the pool or its queue paused, a worker "
            "there, and what do its latest runs say?",
            by_when="today",
            facts=(("Last round", settings.calendar.in_words(last) if last is not None else "none yet"),),
            otherwise="Until then a missed webhook, reply, deadline or lost run is noticed by nobody.",
            link=f"{settings.prefect_url}/deployments",
            link_text="Open the deployments, reconcile among them",
        ),
    )
