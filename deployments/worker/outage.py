"""What the worker outlives: a server that refuses or doesn't answer, be it for a second or for a night."""

from collections.abc import Awaitable
from typing import TypeVar

from httpx import HTTPError
from prefect.logging import get_logger

Result = TypeVar("Result")


class Outage:
    """Says once that something fails for want of the server, and once that it works again."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasts = False

    async def outlive(self, doing: Awaitable[Result], otherwise: Result) -> Result:
        """What comes of doing it; `otherwise` where the server refuses or doesn't answer."""
        log = get_logger("worker.outage")
        try:
            result = await doing
        except HTTPError as error:
            if not self._lasts:
                why = f"{type(error).__name__}: {error}"
                log.warning("%s fails, and is tried on and on until the server answers: %s", self._what, why)
            self._lasts = True
            return otherwise
        if self._lasts:
            log.info("%s works again", self._what)
        self._lasts = False
        return result
