"""Which missions wait for a success of which series: a part of the board."""

from collections.abc import Iterable

from msgspec import Struct, field

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRefused,
    MissionSucceeded,
    PrerequisiteMet,
)

Wait = tuple[str, str]
"""A series, and a mission that waits for it."""


class WaitChanges(Struct):
    succeeded: set[str] = field(default_factory=set)
    """Series that have succeeded for the first time."""
    waits: dict[Wait, bool] = field(default_factory=dict)
    """Waits that began (True) or are over."""


class Prerequisites:
    """Mutable, as the board is."""

    def __init__(self, succeeded: Iterable[str] = (), waits: Iterable[Wait] = ()) -> None:
        self.succeeded = set(succeeded)
        self.waiting: dict[str, set[str]] = {}
        """Missions by series."""
        self._of_mission: dict[str, set[str]] = {}
        self._changes = WaitChanges()
        for series, mission in waits:
            self._begin(series, mission)
        self.take_changes()

    def apply(self, event: AnyEvent) -> None:
        """Fold one event."""
        match event:
            case MissionLaunched(mission_id=mission, prerequisites=prerequisites):
                for series in prerequisites:
                    self._begin(series, mission)
            case PrerequisiteMet(mission_id=mission, series=series):
                self._end(series, mission)
            case MissionSucceeded(series=series):
                if series not in self.succeeded:
                    self.succeeded.add(series)
                    self._changes.succeeded.add(series)
            case MissionFailed() | MissionRefused() | MissionCancelled():
                for series in sorted(self._of_mission.get(event.mission_id, ())):
                    self._end(series, event.mission_id)

    def take_changes(self) -> WaitChanges:
        """What changed since the last call."""
        changes, self._changes = self._changes, WaitChanges()
        return changes

    def _begin(self, series: str, mission: str) -> None:
        self.waiting.setdefault(series, set()).add(mission)
        self._of_mission.setdefault(mission, set()).add(series)
        self._changes.waits[series, mission] = True

    def _end(self, series: str, mission: str) -> None:
        for index, key, member in (
            (self.waiting, series, mission),
            (self._of_mission, mission, series),
        ):
            members = index.get(key, set())
            members.discard(member)
            if not members:
                index.pop(key, None)
        self._changes.waits[series, mission] = False
