"""The run's own memory in Prefect's database: the checked request, answers, and events that were settled.

Kept as inputs of the flow run, so it survives an emptied result store, edited code and another host. Read once a
segment. Entries are written once: the first one stands.
"""

import hashlib
import json
import re
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError

ALL = 100_000
"""More than any run writes down: at one entry a minute two months and more."""


class Journal:
    """What a run remembers, by key. Values are JSON."""

    def __init__(self, run_id: UUID, entries: dict[str, Any]) -> None:
        self.run_id = run_id
        self._entries = entries

    @classmethod
    async def load(cls, run_id: UUID) -> "Journal":
        """Read everything in one call; `RuntimeError` where there is more than that call would bring.

        Prefect caps nothing here, and gives the oldest first: what is left out would be the latest answers.
        """
        async with get_client() as client:
            found = await client.filter_flow_run_input(run_id, key_prefix="", limit=ALL + 1, exclude_keys=set())
        if len(found) > ALL:
            raise RuntimeError(
                f"flow run {run_id} remembers more than {ALL} entries: it can't be read whole, so it doesn't go on. "
                "Look at what wakes it so often; cancel it, and start the procedure again."
            )
        return cls(run_id, {one.key: json.loads(one.value) for one in found})

    def get(self, key: str) -> Any | None:
        """The value under a key, or None. As of the segment's start and this segment's own entries."""
        return self._entries.get(key)

    def starting(self, prefix: str) -> dict[str, Any]:
        """All entries whose key starts so."""
        return {key: value for key, value in self._entries.items() if key.startswith(prefix)}

    async def put(self, key: str, value: Any) -> Any:
        """Write an entry once, and return the one that stands: an earlier one wins."""
        if key in self._entries:
            return self._entries[key]
        async with get_client() as client:
            try:
                await client.create_flow_run_input(self.run_id, key=key, value=json.dumps(value))
            except (ObjectAlreadyExists, PrefectHTTPStatusError) as error:
                if not _is_conflict(error):
                    raise
                value = json.loads(await client.read_flow_run_input(self.run_id, key))
        self._entries[key] = value
        return value

    async def replace(self, client: PrefectClient, key: str) -> None:
        """Forget an entry, so that it can be written anew (a form's schema)."""
        if key in self._entries:
            await client.delete_flow_run_input(self.run_id, key)
            del self._entries[key]


def as_key(text: str) -> str:
    """A text from outside as part of a key: Prefect takes lower-case letters, digits and dashes only."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _is_conflict(error: Exception) -> bool:
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code == 409
    return isinstance(error, ObjectAlreadyExists)
