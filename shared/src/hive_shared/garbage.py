"""Python's collector of cycles, kept from stopping a service in the middle of its work.

A full collection looks at every object that lives: with ten thousand missions in memory it takes
longer than a tenth of a second, and it comes when many objects are made, which is when there is
much to do. So what was made before the start counts as immortal, young objects are collected as
ever, and all of them once a minute.

https://docs.python.org/3/library/gc.html
"""

import gc
from typing import Final

from hive_shared.clock import Clock

FULL_SECONDS: Final = 60.0
_YOUNG: Final = 20_000
"""Objects made, less those freed, before the youngest are looked at."""
_NEVER: Final = 1_000_000_000


def settle() -> None:
    """The process has started: what there is stays, and no full collection comes by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, _NEVER)


async def collect(clock: Clock) -> None:
    """All cycles once a minute, until cancelled."""
    while True:
        await clock.sleep(FULL_SECONDS)
        gc.collect()
