"""The case file: the one page that tells what happened, on whose word, and who is awaited (decision 11)."""

import functools
from datetime import datetime
from typing import NoReturn

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter
from pydantic import AwareDatetime

from rules.calendar import Calendar
from rules.order import Frozen
from tasks.journal import Journal

ARTIFACT = "case-file-artifact"


class Entry(Frozen):
    """One thing that happened. `by` is who says so; `link` leads to the thing itself."""

    stage: str
    at: AwareDatetime
    text: str
    by: str = ""
    link: str = ""


class Awaited(Frozen):
    """Whose turn it is. `until`: when the procedure looks again or turns to somebody else, by itself."""

    who: str
    what: str
    since: AwareDatetime
    until: AwareDatetime | None = None
    link: str = ""


class CaseFile(Frozen):
    """What the page shows. `facts` are the request in words, `links` where to look."""

    reference: str
    title: str
    status: str
    facts: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    entries: tuple[Entry, ...] = ()
    awaited: Awaited | None = None
    problems: tuple[str, ...] = ()


@functools.cache
def environment() -> Environment:
    """Jinja for pages and mails: unknown names are errors, and what people typed is text, never markup.

    One a process: it holds the templates that it has read.
    """
    made = Environment(
        loader=PackageLoader("tasks", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html", "html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"md": in_markdown, "when": needs_a_calendar, "short": needs_a_calendar}
    return made


def needs_a_calendar(_moment: datetime) -> NoReturn:
    """What stands for a filter until whoever renders has given it a calendar's."""
    raise RuntimeError("no calendar was given to show this moment by")


def in_markdown(text: str) -> str:
    """A text from outside as plain words: no table, link, image or heading can be made of it."""
    flat = " ".join(text.split())
    for mark in ("\\", "|", "[", "]", "<", ">", "`", "*", "_", "#", "!"):
        flat = flat.replace(mark, "\\" + mark)
    return flat


def render(case: CaseFile, calendar: Calendar, now: datetime) -> str:
    """The page as Markdown, times in the MSP's zone."""
    env = environment()
    env.filters["when"] = calendar.in_words
    env.filters["short"] = calendar.in_short
    return env.get_template("casefile.md.j2").render(case=case, now=now)


async def publish(journal: Journal, case: CaseFile, markdown: str) -> None:
    """Write the page: created once a run, afterwards rewritten in place, so its address stays."""
    async with get_client() as client:
        known = journal.get(ARTIFACT)
        if known is None:  # also where the process died between creating the page and remembering it
            mine = {"flow_run_id": {"any_": [journal.run_id]}, "key": {"any_": [f"case-{case.reference.lower()}"]}}
            found = await client.read_artifacts(artifact_filter=ArtifactFilter.model_validate(mine))
            known = await journal.put(ARTIFACT, str(found[0].id)) if found else None
        if known is None:
            created = await client.create_artifact(
                ArtifactCreate(
                    key=f"case-{case.reference.lower()}",
                    type="markdown",
                    description=f"Case file of {case.reference}",
                    data=markdown,
                    flow_run_id=journal.run_id,
                )
            )
            await journal.put(ARTIFACT, str(created.id))
            return
        await client.update_artifact(known, ArtifactUpdate(data=markdown))
