"""Which missions are paused, and what those with a budget have left: a part of the board.

Most missions have no standing, and cost nothing here.

The own time of a mission passes while at least one of its tasks is queued, with a runner or backing
off, and the mission is not paused: so not while it waits for people or for another mission. It is
counted from event to event in database time; timers ring where a cap on it comes near and where it
is reached.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hive_contracts.budget import Purse
from hive_contracts.mission import (
    BudgetRaised,
    BudgetWarned,
    MissionCancelled,
    MissionEvent,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionResumed,
    MissionRevised,
    MissionSucceeded,
    ReservationMade,
    ReservationSettled,
    SpendWall,
)
from hive_orchestrator.deciders.mission_state import accounted

WALL: Final = ("wall", "wall warning")
"""What a mission's timers are for."""


class Standing(Struct, frozen=True):
    mission_id: str
    paused: bool = False
    purse: Purse | None = None
    spent: float = 0
    """Seconds of its own time, up to `since`."""
    since: datetime | None = None
    """Since when its own time passes; None while it does not."""
    set_for: float = 0
    """The cap that its timers were set for, in seconds."""

    @property
    def capped(self) -> bool:
        """Whether what its agents use is capped."""
        return self.purse is not None and bool(self.purse.caps)

    @property
    def wall(self) -> float:
        """The cap on its own time, in seconds; 0 for none."""
        return self.purse.budget.wall if self.purse else 0


class Standings:
    """Mutable, as the board is."""

    def __init__(self, standings: Iterable[Standing] = ()) -> None:
        self.of = {standing.mission_id: standing for standing in standings}
        """By mission."""
        self._changes: dict[str, Standing | None] = {}

    def is_paused(self, mission_id: str) -> bool:
        standing = self.of.get(mission_id)
        return standing is not None and standing.paused

    def apply(self, event: MissionEvent) -> None:
        """Fold one event."""
        id = event.mission_id
        match event:
            case MissionLaunched(budget=budget) if budget is not None:
                self._put(Standing(id, purse=Purse(budget)))
            case MissionRevised(purse=purse) if purse is not None:
                # Its own time begins anew: how much of it had passed was of those that ended.
                self._put(replace(self.of.get(id, Standing(id)), purse=purse))
            case MissionPaused():
                self._put(replace(self.of.get(id, Standing(id)), paused=True))
            case MissionResumed():
                self._resume(id)
            case BudgetRaised(budget=budget) if id in self.of:
                purse = self.of[id].purse
                raised = purse.raised(budget) if purse else None
                self._put(replace(self.of[id], purse=raised))
            case BudgetWarned() | ReservationMade() | ReservationSettled() if id in self.of:
                standing = self.of[id]
                self._put(replace(standing, purse=accounted(standing.purse, event)))
            case MissionSucceeded() | MissionFailed() | MissionRefused() | MissionCancelled():
                # Its timers are stopped once the board has folded the event: see `turn_clock`.
                if id in self.of:
                    self._put(Standing(id))

    def turn_clock(
        self, mission_id: str, now: datetime, *, busy: bool
    ) -> list[tuple[float, SpendWall]] | None:
        """Whether a mission's own time passes from now on, and what rings after which delay.

        None where nothing changes for its timers.
        """
        standing = self.of.get(mission_id)
        if standing is None:
            return None
        if not standing.paused and standing.purse is None:
            self._drop(mission_id)
            return []
        runs = bool(busy and standing.wall and not standing.paused)
        if runs == (standing.since is not None) and standing.set_for == standing.wall:
            return None
        if standing.since is not None:
            passed = max(0.0, (now - standing.since).total_seconds())
            standing = replace(standing, spent=standing.spent + passed)
        since = now if runs else None
        self._put(replace(standing, since=since, set_for=standing.wall))
        return _rings(standing) if runs else []

    def take_changes(self) -> dict[str, Standing | None]:
        """What changed since the last call."""
        changes, self._changes = self._changes, {}
        return changes

    def _resume(self, id: str) -> None:
        standing = self.of.get(id)
        if standing is not None:
            self._put(replace(standing, paused=False))

    def _put(self, standing: Standing) -> None:
        self.of[standing.mission_id] = self._changes[standing.mission_id] = standing

    def _drop(self, mission_id: str) -> None:
        self.of.pop(mission_id, None)
        self._changes[mission_id] = None


def _rings(standing: Standing) -> list[tuple[float, SpendWall]]:
    """Delays in seconds from now."""
    assert standing.purse is not None
    id, limit, spent = standing.mission_id, standing.wall, standing.spent
    rings = [(max(0.0, limit - spent), SpendWall(id, limit, limit))]
    near = limit * standing.purse.budget.warn
    if 0 < near < limit and "wall" not in standing.purse.warned:
        rings.append((max(0.0, near - spent), SpendWall(id, limit, near)))
    return rings
