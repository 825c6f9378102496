"""How long an exclusive attempt may go on without the hive.

    beat sent ─────────────▶ heard            the hive counts a session's silence from here
        │◀───────────────── orders            they say which beat they answer, and name the attempt
        │
        ├─ ½ TTL ─▶ the runner ends the attempt, keeps its work, and will report it
        ├─ ¾ TTL ─▶ a guard, a process of its own, kills what is left, whatever became of the runner
        └─ TTL ──▶ no sooner the hive lets its lease end, and it waits as long again before the next

Counted from the sending of the newest beat whose orders named the attempt: the hive heard it no
earlier. On a clock that also counts while the machine sleeps, where there is one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hive_contracts.orders import Orders
from hive_runner.link.slots import Key

SOFT: Final = 1 / 2
HARD: Final = 3 / 4
"""Parts of the session's TTL."""
_REMEMBERED: Final = 1_000
"""Beats of which orders may still come."""

Told = Callable[[float], None]
"""Called with the moment until which an attempt may go on."""


def now() -> float:
    """Seconds since the machine started, its sleep included where the system can say so."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Vigil:
    """Over all exclusive attempts of a runner."""

    def __init__(self, now: Callable[[], float] = now) -> None:
        self._now = now
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._heard: dict[Key, tuple[float, float]] = {}
        """By attempt: when the beat was sent, and the TTL."""
        self._struck: set[Key] = set()
        self._watching: dict[Key, set[Told]] = {}
        self._changed = asyncio.Event()

    def sending(self, number: int) -> None:
        """A beat is about to be sent."""
        self._sent[number] = self._now()
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def heard(self, orders: Orders) -> None:
        """Orders have come: whatever they name may go on."""
        sent = self._sent.get(orders.answers)
        if sent is None or not orders.session_ttl:
            return
        named = [(lease.task.task_id, lease.epoch) for lease in orders.leases]
        named += [(kept.task_id, kept.epoch) for kept in orders.keep]
        for key in named:
            before, _ = self._heard.get(key, (sent, 0.0))
            self._heard[key] = (max(sent, before), orders.session_ttl)
            for told in self._watching.get(key, ()):
                told(self.until(key))
        self._heard = {key: heard for key, heard in self._heard.items() if key in named} | {
            key: self._heard[key] for key in self._watching if key in self._heard
        }
        self._changed.set()
        self._changed = asyncio.Event()

    def until(self, key: Key) -> float:
        """The moment at which nothing of an attempt may be left; long ago where none is known."""
        sent, ttl = self._heard.get(key, (0.0, 0.0))
        return sent + HARD * ttl

    def is_silent(self, key: Key) -> bool:
        """Whether an attempt is to be ended."""
        return self._left(key) <= 0

    def struck(self, key: Key) -> None:
        """A guard has killed a command of an attempt."""
        self._struck.add(key)

    def forget(self, key: Key) -> bool:
        """An attempt is over; answers whether a guard has killed a command of it."""
        struck = key in self._struck
        self._struck.discard(key)
        return struck

    async def silence(self, key: Key) -> None:
        """Until an attempt is to be ended, as the hive was not heard for too long."""
        while (left := self._left(key)) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue

    @contextmanager
    def watched(self, key: Key, told: Told) -> Iterator[None]:
        """`told` is called each time an attempt may go on for longer."""
        self._watching.setdefault(key, set()).add(told)
        try:
            yield
        finally:
            self._watching[key].discard(told)
            if not self._watching[key]:
                del self._watching[key]

    def _left(self, key: Key) -> float:
        sent, ttl = self._heard.get(key, (0.0, 0.0))
        return sent + SOFT * ttl - self._now()
