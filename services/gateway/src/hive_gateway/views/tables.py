"""The rows that one batch of events is about."""

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import (
    BranchAdvanced,
    MissionEvent,
    MissionLaunched,
    PhaseCompleted,
    PhaseSentBack,
    PhaseStarted,
)
from hive_contracts.runner import RunnerEvent
from hive_contracts.task import TaskEvent, TaskPlanned
from hive_gateway.views.rows import (
    MissionDetailRow,
    MissionRow,
    MissionStatus,
    PhaseRow,
    RunnerRow,
    TaskRow,
)

K = TypeVar("K")
R = TypeVar("R")


class Table(Generic[K, R]):
    """Rows by key: those that were loaded, and what became of them."""

    def __init__(self) -> None:
        self._rows: dict[K, R] = {}
        self._changed: set[K] = set()

    def load(self, key: K, row: R) -> None:
        self._rows[key] = row

    def get(self, key: K) -> R | None:
        return self._rows.get(key)

    def put(self, key: K, row: R) -> None:
        self._rows[key] = row
        self._changed.add(key)

    def changed(self) -> list[R]:
        return [self._rows[key] for key in self._changed]


class Views:
    """The rows that one batch of events is about."""

    def __init__(self) -> None:
        self.missions: Table[str, MissionRow] = Table()
        self.details: Table[str, MissionDetailRow] = Table()
        self.phases: Table[tuple[str, str], PhaseRow] = Table()
        self.tasks: Table[str, TaskRow] = Table()
        self.runners: Table[str, RunnerRow] = Table()

    def put_mission(self, mission: MissionRow) -> None:
        """Keep a mission's row, with the status that follows from what it waits for."""
        if mission.ended_at is None:
            waits = mission.pending > 0 or bool(mission.unmet)
            status: MissionStatus = "waiting" if waits else "running"
            if mission.pause is not None:
                status = "paused"
            if status != mission.status:
                mission = replace(mission, status=status)
        self.missions.put(mission.mission_id, mission)


class Needed(msgspec.Struct):
    """Keys of rows to load before a batch is folded; the missions of its tasks come on top."""

    missions: set[str] = msgspec.field(default_factory=set)
    phases: set[str] = msgspec.field(default_factory=set)
    """Missions of which phases are needed."""
    tasks: set[str] = msgspec.field(default_factory=set)
    runners: set[str] = msgspec.field(default_factory=set)


def needed(events: Iterable[AnyEvent]) -> Needed:
    keys = Needed()
    for event in events:
        match event:
            case TaskEvent(task_id=id):
                keys.tasks.add(id)
                if isinstance(event, TaskPlanned):
                    keys.missions.add(event.mission_id)
            case MissionEvent(mission_id=id):
                keys.missions.add(id)
                if isinstance(event, PhaseStarted | PhaseSentBack | PhaseCompleted):
                    keys.phases.add(id)
                elif isinstance(event, BranchAdvanced):
                    keys.tasks.add(event.task_id)
                elif isinstance(event, MissionLaunched) and event.repository is not None:
                    keys.missions.add(event.repository.start_of)
            case RunnerEvent(runner_id=id):
                keys.runners.add(id)
    return keys
