"""The audit, daily and on demand: what no step would notice, found from outside (invariants I1 to I5)."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from rules.audit import new_since
from tasks import rounds
from tasks.audit import judged, read_everything
from tasks.audit_report import in_numbers, known_to, last_table, tell_new, write_table
from tasks.net_torn import tell_if_it_stands_still
from tasks.office import open_office

FINDINGS, INCOMPLETE = "Findings", "Incomplete"


@flow(name="audit")
async def audit() -> State[Any]:
    """Find licences without paper, and whatever else is wrong though every step did its work.

    Reads all of Pax8, DocuSign, the Application assets, our markers and reminders, and the open procedures; changes
    nothing. Rewrites the table "audit" and mails contracts what is new. Ends as Completed where nothing is wrong, as
    Findings where something is, as Incomplete where nothing was found but not everything could be looked at. Mails the
    senior staff where reconcile has not come to its end lately. After an outage one that a later one has made up for
    ends at once.
    """
    began = datetime.now(UTC)
    if await rounds.is_made_up_for("audit"):
        return Completed(message="A later round has looked.")
    async with open_office():
        await tell_if_it_stands_still()
        read, calls = await read_everything()
        found = judged(read)
        table = await last_table()
        new = new_since(found, known_to(table))
        # The mail first: cut off between the two, the next attempt finds the mail sent and the table still to write.
        await tell_new(str(runtime.flow_run.id), new, len(found), read.missing)
        await write_table(table, found, read, calls.in_words())
        await rounds.remember_begin("audit", began)
    for one in read.missing:
        get_run_logger().warning(one)
    message = " ".join([in_numbers(found), f"{len(new)} new.", *read.missing, f"Calls: {calls.in_words()}."])
    if found:
        return Completed(name=FINDINGS, message=message)
    return Completed(name=INCOMPLETE if read.missing else None, message=message)
