"""A list that a vendor hands out page by page."""

from collections.abc import AsyncIterator, Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pages(Generic[T]):
    """Records fetched page by page: walk them with `async for`, or `await` them all as a list.

    Nothing is asked of the vendor before that. A page that fails raises its `VendorError` from the walk.
    """

    def __init__(self, walk: Callable[[], AsyncIterator[T]]) -> None:
        self._walk = walk

    def __aiter__(self) -> AsyncIterator[T]:
        return self._walk()

    def __await__(self) -> Generator[object, None, list[T]]:
        return self._all().__await__()

    async def _all(self) -> list[T]:
        return [record async for record in self._walk()]
