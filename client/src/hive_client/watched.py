"""A mission that is kept up to date from the messages of a watch.

The first message, and each after a break, holds the whole mission; one that carries an event holds
all but the tasks, and of those the ones that the event is about.
"""

import msgspec

from hive_client.recorded import recorded
from hive_contracts.envelope import Recorded
from hive_contracts.v1 import mission_pb2


class Change(msgspec.Struct, frozen=True):
    mission: mission_pb2.Mission
    """The whole mission: one object, brought up to date with each change."""
    tasks: tuple[mission_pb2.TaskView, ...]
    """Those that changed; all of them where the mission is sent as it stands."""
    event: Recorded | None
    """What changed it; None where the mission is sent as it stands."""
    position: int


class Watched:
    def __init__(self) -> None:
        self._mission = mission_pb2.Mission()
        self._places: dict[str, int] = {}

    def take(self, answer: mission_pb2.WatchResponse) -> Change:
        if answer.HasField("event"):
            self._merge(answer.mission)
        else:
            self._mission.CopyFrom(answer.mission)
            self._places = {task.task_id: n for n, task in enumerate(self._mission.tasks)}
        event = recorded(answer.event) if answer.HasField("event") else None
        return Change(self._mission, tuple(answer.mission.tasks), event, answer.position)

    def _merge(self, news: mission_pb2.Mission) -> None:
        """Everything but the tasks is replaced; tasks one by one, however many there are."""
        for field in news.DESCRIPTOR.fields:
            if field.name != "tasks":
                self._mission.ClearField(field.name)  # type: ignore[arg-type]  # any field's name
        rest = mission_pb2.Mission()
        rest.CopyFrom(news)
        del rest.tasks[:]
        self._mission.MergeFrom(rest)
        for task in news.tasks:
            place = self._places.get(task.task_id)
            if place is None:
                self._places[task.task_id] = len(self._mission.tasks)
                self._mission.tasks.add().CopyFrom(task)
            else:
                self._mission.tasks[place].CopyFrom(task)
