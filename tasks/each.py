"""Acting on many, one after the other: what can't be done for one keeps nothing from the others."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class PartlyDone(Exception):
    """Some could not be acted on; `done` is what was done for the others, `errors` why not, one each."""

    def __init__(self, done: list[Any], errors: list[Exception]) -> None:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{str(errors[0]) or type(errors[0]).__name__}{more}")
        self.done = done
        self.errors = errors


async def each(items: Iterable[T], act: Callable[[T], Awaitable[R | None]]) -> list[R]:
    """Act on each; what comes of it, without the Nones. Raises `PartlyDone` once all have had their turn."""
    done: list[R] = []
    errors: list[Exception] = []
    for item in items:
        try:
            result = await act(item)
        except Exception as error:
            errors.append(error)
        else:
            done += [result] if result is not None else []
    if errors:
        raise PartlyDone(done, errors)
    return done


async def all_of(*parts: Callable[[], Awaitable[list[R]]]) -> list[R]:
    """Do one part after the other, as `each`: what comes of all of them."""
    done: list[R] = []
    errors: list[Exception] = []
    for part in parts:
        try:
            done += await part()
        except PartlyDone as partly:
            done += partly.done
            errors += partly.errors
        except Exception as error:
            errors.append(error)
    if errors:
        raise PartlyDone(done, errors)
    return done
