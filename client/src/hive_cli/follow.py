"""Following a mission: a live screen, a line per change, or a JSON line per event."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hive_cli import outcome, screen, task_row
from hive_cli.at_work import Activities, following
from hive_cli.console import console
from hive_cli.exits import OF_STATUS, Exit
from hive_client.hive import ENDED, Hive
from hive_client.watched import Change
from hive_contracts.envelope import Recorded
from hive_contracts.v1 import event_pb2, mission_pb2

MAX_APPEND: Final = 256
"""Events of one append at most: the launch's end at the position that it answers."""


_FRAMES: Final = 4
"""A second, of the live screen."""
_ENDS: Final = {
    "MissionSucceeded": "succeeded",
    "MissionFailed": "failed",
    "MissionRefused": "refused",
    "MissionCancelled": "cancelled",
}


async def follow(hive: Hive, mission_id: str, position: int, *, as_json: bool, wait: bool) -> Exit:
    """Show the mission until it has ended, or until a person is asked and nobody waits for them.

    `wait`: on a terminal, whether to stay when a person is asked.
    """
    if as_json:
        return await _follow_events(hive, mission_id, position, wait=wait)
    out = console()
    changes = hive.watch(mission_id, at_least_position=position)
    if out.is_terminal:
        async with following(hive) as activities:
            mission = await _follow_live(out, changes, activities, wait=wait)
    else:
        mission = await _follow_lines(out, changes)
    if mission.summary.status in ENDED:
        out.print(outcome.ending(mission))
    elif mission.summary.status == "paused":
        out.print(Group(*screen.pause_lines(mission)))
    else:
        out.print(f"waiting for a person: hive mission show {mission.summary.name}")
        out.print(Group(*screen.question_lines(mission), *screen.approval_lines(mission)))
    return exit_of(mission)


def exit_of(mission: mission_pb2.Mission) -> Exit:
    return Exit.AT_CAP if is_at_cap(mission) else OF_STATUS[mission.summary.status]


def is_at_cap(mission: mission_pb2.Mission) -> bool:
    return mission.summary.status == "paused" and bool(mission.pause.cap)


def asks_a_person(mission: mission_pb2.Mission) -> bool:
    """Whether nothing goes on until a person answers; what is paused still has to end its work."""
    if mission.summary.status == "paused":
        return not any(task.status in ("leased", "running") for task in mission.tasks)
    return mission.summary.status == "waiting" and bool(mission.approvals or mission.questions)


async def _follow_live(
    console: Console, changes: AsyncIterator[Change], activities: Activities, *, wait: bool
) -> mission_pb2.Mission:
    mission = mission_pb2.Mission()
    with Live(console=console, refresh_per_second=_FRAMES, transient=True) as live:

        def draw() -> None:
            now = activities.now(mission.tasks)
            live.update(Group(_head(mission), screen.progress(mission, now, console.width)))

        async def redraw() -> None:
            while True:
                await activities.changed.wait()
                activities.changed.clear()
                draw()
                await asyncio.sleep(1 / _FRAMES)

        drawing = asyncio.create_task(redraw())
        try:
            async for change in changes:
                mission = change.mission
                stays = wait and not is_at_cap(mission)
                if mission.summary.status in ENDED or (asks_a_person(mission) and not stays):
                    break
                activities.follow(screen.at_hand(mission.tasks))
                draw()
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)
    return mission


async def _follow_lines(console: Console, changes: AsyncIterator[Change]) -> mission_pb2.Mission:
    mission = mission_pb2.Mission()
    shown: dict[str, str] = {}
    async for change in changes:
        mission = change.mission
        for task in change.tasks:
            line = task_row.change_line(task)
            if task.status != "queued" and shown.get(task.task_id) != line:
                shown[task.task_id] = line
                console.print(Text(f"  {line}"), soft_wrap=True)
        if mission.summary.status in ENDED or asks_a_person(mission):
            break
    return mission


async def _follow_events(hive: Hive, mission_id: str, position: int, *, wait: bool) -> Exit:
    """Every event of the mission, then one line with its end."""
    asked, status, exit = False, "", Exit.FAILED
    # The filter is resolved by the read models: a launch that was just answered must be in them.
    await hive.get(mission_id, at_least_position=position)
    filter = event_pb2.EventFilter(mission=mission_id)
    async for arrived in hive.subscribe(filter, after=max(0, position - MAX_APPEND)):
        event = arrived.event
        print_event(event, arrived.log_id)
        status = _ENDS.get(event.type, "")
        asked = asked or event.type in ("ApprovalRequested", "QuestionAsked", "MissionPaused")
        if status or asked:
            # What is asked next of the hive, by anyone, is to know of this event.
            mission = await hive.get(mission_id, at_least_position=event.position)
            stays = wait and not is_at_cap(mission)
            if status or (asks_a_person(mission) and not stays):
                status, exit = mission.summary.status, exit_of(mission)
                break
    print_result(exit, status)
    return exit


def print_event(event: Recorded, log_id: str) -> None:
    """One line of JSON on stdout."""
    line: dict[str, Any] = {
        "position": event.position,
        "log_id": log_id,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "recorded_at": _iso(event.recorded_at),
        "data": msgspec.Raw(event.data),
        "meta": event.meta,
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def print_result(exit: Exit, result: str) -> None:
    """The last line of --json."""
    print(json.dumps({"result": result, "exit": int(exit)}), flush=True)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _head(mission: mission_pb2.Mission) -> Text:
    summary = mission.summary
    return Text(f"{summary.name} · {summary.status} · {summary.tasks_done} of {summary.tasks} done")
