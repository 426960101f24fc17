"""What an audit tells: one table rewritten in place, and one mail to contracts for what is new."""

import json
from collections import Counter
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact

from rules.audited import Finding, Read
from tasks.casefile import in_markdown
from tasks.letters import Letter
from tasks.mail import send_letter
from tasks.office import office

KEY = "audit"
REFERENCE = "CS-AUDIT"
MOST_IN_MAIL = 40


async def last_table() -> Artifact | None:
    """The table as the last audit left it."""
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [KEY]}}))
    return found[0] if found else None


def rows_of(table: Artifact | None) -> list[dict[str, str]]:
    """The rows of the last audit."""
    kept: Any = table.data if table is not None else None
    rows: list[dict[str, str]] = json.loads(kept) if isinstance(kept, str) else list(kept or ())
    return rows


def known_to(table: Artifact | None) -> dict[str, str]:
    """What the last audit had found: keys, and when each was found first."""
    return {row["id"]: row["found"] for row in rows_of(table)}


def row(finding: Finding, found: str, today: str) -> dict[str, str]:
    """One wrong thing as the table shows it."""
    return {
        "kind": finding.kind.value,
        "customer": in_markdown(finding.customer),
        "what is wrong": in_markdown(finding.what),
        "since": finding.since.isoformat() if finding.since else "",
        "do": in_markdown(finding.action),
        "links": " ".join(f"[{in_markdown(text)}]({url})" for text, url in finding.links if url),
        "found": found,
        "looked at": today,
        "id": finding.key,
    }


def rows_to_write(table: Artifact | None, found: tuple[Finding, ...], today: str, whole: bool) -> list[dict[str, str]]:
    """The new rows. Where a part could not be read, what the last audit found stays: nothing says that it is mended."""
    known, keys = known_to(table), {one.key for one in found}
    kept = [] if whole else [one for one in rows_of(table) if one["id"] not in keys]
    return [row(one, known.get(one.key, today), today) for one in found] + kept


async def write_table(table: Artifact | None, found: tuple[Finding, ...], read: Read, calls: str) -> None:
    """Rewrite the table in place, so its address stays; what was not looked at stands above it."""
    today = read.today.isoformat()
    data = json.dumps(rows_to_write(table, found, today, read.is_whole))
    told = [f"Audit of {today}: {in_numbers(found)}", *read.missing, f"Calls: {calls}."]
    description = "\n\n".join(in_markdown(line) for line in told)
    async with get_client() as client:
        if table is not None and table.id is not None:
            await client.update_artifact(table.id, ArtifactUpdate(data=data, description=description))
        else:
            await client.create_artifact(ArtifactCreate(key=KEY, type="table", description=description, data=data))


def in_numbers(found: tuple[Finding, ...]) -> str:
    """How many wrong things of each kind."""
    if not found:
        return "nothing wrong."
    counts = Counter(one.kind.value for one in found)
    return f"{len(found)} wrong: " + ", ".join(f"{count} × {kind}" for kind, count in counts.items()) + "."


async def tell_new(run_id: str, new: tuple[Finding, ...], all_found: int, missing: tuple[str, ...]) -> None:
    """One mail to contracts, if anything is new since the last audit; a run repeated sends it once."""
    if not new:
        return
    settings = office().settings
    listed = [
        (one.customer or one.kind.value, f"{one.kind.value}: {one.what} → {one.action}") for one in new[:MOST_IN_MAIL]
    ]
    if len(new) > MOST_IN_MAIL:
        listed.append(("and", f"{len(new) - MOST_IN_MAIL} more, in the table"))
    await send_letter(
        REFERENCE,
        Letter(
            kind=f"audit-{run_id}",
            to=(settings.contracts,),
            subject=f"Audit: {len(new)} new, {all_found} in all",
            todo="Go through what is new, and do or hand on what stands beside it.",
            otherwise="It stays in the table, but is not mailed again.",
            facts=tuple(listed),
            paragraphs=missing,
            link=f"{settings.prefect_url}/artifacts/key/{KEY}",
            link_text="Open the table",
        ),
    )
