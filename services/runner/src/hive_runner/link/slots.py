"""What a runner holds, and what the hive's orders make of it. Pure.

    order ──▶ starting ──▶ running ──▶ reported ──▶ forgotten, once no order names it
                  └───────────┴──▶ stopped, when no order names it any more

Orders are whole, so a lost one heals with the next. Two of them may overtake each other on their
way: what the hive has not been told of yet is not stopped for being absent, and an epoch that was
reported is never begun again. Where the hive goes on naming one whose report it has answered, it
was put back to a time before the report: the lease is given back.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, Literal

import msgspec

from hive_contracts.orders import Holding, Lease, Orders

Key = tuple[str, int]
"""Task id and epoch."""

PATIENCE: Final = 10
"""Orders that may name an epoch after its report was answered: what the hive reads lags behind."""
_REMEMBERED: Final = 4_096
"""Reported epochs that are recognised if a late order names them."""


class _Held(msgspec.Struct):
    state: Literal["starting", "running", "reported"]
    told: bool = False
    """Whether a beat has named it."""
    overdue: int = 0
    """Orders that have named it since its report was answered."""


class Instructions(msgspec.Struct, frozen=True):
    """What to do so that the runner does what it should."""

    start: tuple[Lease, ...] = ()
    stop: tuple[Key, ...] = ()
    give_back: tuple[Key, ...] = ()
    """Over and reported, and the hive does not know it any more."""
    hand_over: tuple[Key, ...] = ()
    """At work, and taken over by a person."""
    decline: tuple[Key, ...] = ()
    """Taken over by a person, and nothing of it was ever here."""


class Slots:
    def __init__(self) -> None:
        self._held: dict[Key, _Held] = {}
        self._reported: OrderedDict[Key, None] = OrderedDict()

    def obey(self, orders: Orders, unanswered: Collection[Key] = ()) -> Instructions:
        """Compare what is held with what should be. What is to be started is held from here on.

        `unanswered` are epochs whose last report is still on its way.
        """
        leased = {(lease.task.task_id, lease.epoch): lease for lease in orders.leases}
        kept = {(holding.task_id, holding.epoch) for holding in orders.keep}
        taken = {(holding.task_id, holding.epoch) for holding in orders.hand_over}
        dropped = [
            key
            for key, held in self._held.items()
            if held.told and key not in leased and key not in kept and key not in taken
        ]
        stop = tuple(key for key in dropped if self._held[key].state != "reported")
        for key in dropped:
            del self._held[key]
        start = tuple(lease for key, lease in leased.items() if self._take(key))
        decline = tuple(key for key in sorted(taken) if self._take(key))
        at_work = tuple(
            key for key in sorted(taken - {*decline}) if self._held[key].state != "reported"
        )
        named = [key for key in (*leased, *kept, *taken) if key not in unanswered]
        give_back = tuple(key for key in named if self._is_forgotten(key))
        return Instructions(start, stop, give_back, at_work, decline)

    def running(self, key: Key) -> None:
        if key in self._held:
            self._held[key].state = "running"

    def reported(self, key: Key) -> None:
        self._reported[key] = None
        while len(self._reported) > _REMEMBERED:
            self._reported.popitem(last=False)
        if key in self._held:
            self._held[key].state = "reported"

    def drop(self, key: Key) -> None:
        """The hive has said that the epoch is not this runner's."""
        self._held.pop(key, None)

    def holding(self) -> tuple[Holding, ...]:
        return tuple(
            Holding(task_id, epoch, held.state) for (task_id, epoch), held in self._held.items()
        )

    def told(self, holding: tuple[Holding, ...]) -> None:
        """A beat with this has been sent."""
        for known in holding:
            held = self._held.get((known.task_id, known.epoch))
            if held is not None:
                held.told = True

    def _is_forgotten(self, key: Key) -> bool:
        held = self._held.get(key)
        if held is None or held.state != "reported":
            return False
        held.overdue += 1
        return held.overdue == PATIENCE

    def _take(self, key: Key) -> bool:
        """Hold a leased epoch; answers whether it is to be begun."""
        if key in self._held:
            return False
        done = key in self._reported
        self._held[key] = _Held("reported" if done else "starting")
        return not done
