"""No full collection comes by itself in a service, and cycles are freed all the same."""

import subprocess
import sys
from typing import Final

# In a process of its own: the collector's settings are the process's.
_SCRIPT: Final = """
import asyncio, gc, weakref
from hive_shared import garbage

class Node: pass

def cycle():
    node = Node()
    node.self = node
    return weakref.ref(node)

class Clock:
    def __init__(self): self.naps = []
    async def sleep(self, seconds):
        self.naps.append(seconds)
        if len(self.naps) == 2:
            raise asyncio.CancelledError

garbage.settle()
full = gc.get_stats()[2]["collections"]
gone = cycle()
kept = [[n] for n in range(3_000_000)]
assert gc.get_stats()[2]["collections"] == full, "it stopped for a full collection"
assert gc.get_freeze_count() > 1_000
clock = Clock()
try:
    asyncio.run(garbage.collect(clock))
except asyncio.CancelledError:
    pass
assert clock.naps == [garbage.FULL_SECONDS] * 2
assert gone() is None
print("ok")
"""


def test_full_collections_come_once_a_minute_and_not_with_the_load() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stdout == "ok\n", ended.stderr
