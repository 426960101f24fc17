"""`make check`: one line for each block, saying whether what it holds works."""

import asyncio
import sys

from prefect.blocks.core import Block

from deployments.blocks import BLOCKS, BadSetup, load, title
from tasks.settings import CountersignSettings
from vendors.errors import VendorError


class NotWorking(Exception):
    """What is wrong with a block, in words for people, without any of its secrets."""


async def check(kind: type[Block]) -> str:
    """One line saying that the saved block works, and as whom; raises `NotWorking`."""
    try:
        return await check_block(await load(kind))
    except BadSetup as wrong:
        raise NotWorking(str(wrong)) from None


async def check_block(block: Block) -> str:
    """One line saying that a block works, and as whom; raises `NotWorking`."""
    try:
        if isinstance(block, CountersignSettings):
            settings = block.read()
            return f"can be read: {settings.msp_name}, {len(settings.product_map.products)} products in the map"
        works: str = await block.check()  # type: ignore[attr-defined] # all six have it, Prefect's class hasn't
        return works
    except (VendorError, ValueError) as wrong:
        raise NotWorking(str(wrong)) from None


async def check_all() -> bool:
    """Check every block at once, print a line each, and say whether all work."""
    results = await asyncio.gather(*(check(kind) for kind in BLOCKS.values()), return_exceptions=True)
    for kind, result in zip(BLOCKS.values(), results, strict=True):
        if isinstance(result, NotWorking):
            print(f"FAILS  {title(kind)}: {result}")
        elif isinstance(result, BaseException):  # its text may hold anything, so only its kind is shown
            print(f"FAILS  {title(kind)}: {type(result).__name__} while checking")
        else:
            print(f"works  {title(kind)}: {result}")
    return not any(isinstance(result, BaseException) for result in results)


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(check_all()) else 1)
