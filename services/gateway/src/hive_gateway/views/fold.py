"""Events folded into rows: pure, and tolerant of rows that were never made.

needed(events)  which rows the events are about (tables)
fold            the rows after one more event
"""

from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.mission import MissionEvent
from hive_contracts.runner import RunnerEvent, SessionClosed, SessionOpened
from hive_contracts.task import TaskEvent
from hive_gateway.views.mission import fold_mission
from hive_gateway.views.rows import RunnerRow
from hive_gateway.views.tables import Views
from hive_gateway.views.task import fold_task


def fold(views: Views, event: AnyEvent, recorded: Recorded) -> None:
    match event:
        case TaskEvent():
            fold_task(views, event, recorded)
        case MissionEvent():
            fold_mission(views, event, recorded)
        case RunnerEvent():
            _fold_runner(views, event, recorded)


def _fold_runner(views: Views, event: RunnerEvent, recorded: Recorded) -> None:
    match event:
        case SessionOpened():
            row = RunnerRow(
                event.runner_id,
                event.name,
                event.session_id,
                event.slots,
                event.agents,
                recorded.recorded_at,
            )
            views.runners.put(event.runner_id, row)
        case SessionClosed():
            runner = views.runners.get(event.runner_id)
            if runner is not None and runner.session_id == event.session_id:
                closed = replace(runner, status="closed", changed_at=recorded.recorded_at)
                views.runners.put(event.runner_id, closed)
