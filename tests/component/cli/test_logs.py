"""`hive logs` against a gateway of the real protocol."""

import base64
import json
from collections.abc import Iterable

import grpc

from hive_contracts.v1 import log_pb2, mission_pb2
from tests.component.cli.test_verbs import Hive, gateway, hive
from tests.component.client.fake_gateway import FakeGateway, begun, ended, missing, printed

__all__ = ["gateway", "hive"]  # fixtures

TASKS = (("fix", "app"), ("fix", "lib"), ("test", "app"))


def mission(
    tasks: Iterable[tuple[str, str]] = TASKS, status: str = "running", of: str = "running"
) -> mission_pb2.Mission:
    summary = mission_pb2.MissionSummary(name="fix-1", mission_id="m", status=status)
    views = [
        mission_pb2.TaskView(
            task_id=f"{phase}-{name}", phase=phase, name=name, kind="work", status=of, epoch=1
        )
        for phase, name in tasks
    ]
    views.append(mission_pb2.TaskView(task_id="x", phase="fix", name="merge-app", kind="merge"))
    phases = [mission_pb2.PhaseView(name=name) for name in dict.fromkeys(p for p, _ in tasks)]
    return mission_pb2.Mission(summary=summary, tasks=views, phases=phases)


def whole(*contents: bytes) -> list[log_pb2.LogsResponse]:
    """One epoch that printed this."""
    told, offset = [begun(1)], 0
    for content in contents:
        told.append(printed(1, offset, content))
        offset += len(content)
    return [*told, ended(1)]


async def test_one_task_is_shown_as_it_was_printed_and_harmless(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = mission()
    gateway.logs["fix-app"] = [whole(b"one\n\x1b[3", b"1mtwo\x1b]0;x\x07\x08\xc3", b"\xa9 and")]
    result = await hive("logs", "fix-1/fix/app")
    assert (result.exit_code, result.stdout) == (0, "one\ntwo\\x08é and")
    assert result.stderr.splitlines() == ["── attempt 1 · output", "── attempt 1 · work succeeded"]


async def test_raw_is_as_it_was_printed(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions["fix-1"] = mission()
    gateway.logs["fix-lib"] = [whole(b"\x1b[31m", b"\xff")]
    result = await hive("logs", "--raw", "fix-1/lib")
    assert result.stdout_bytes == b"\x1b[31m\xff"
    refused = await hive("logs", "--raw", "fix-1")
    assert refused.exit_code == 2
    assert "name one" in refused.stderr


async def test_each_line_of_several_tasks_says_whose_it_is(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = mission()
    gateway.logs = {
        "fix-app": [whole(b"one\ntw", b"o\n\nend")],
        "fix-lib": [whole(b"three\n")],
        "test-app": [[]],
    }
    result = await hive("logs", "fix-1")
    assert result.stdout.splitlines() == [
        "fix/app  | one",
        "fix/app  | two",
        "fix/app  | ",
        "fix/app  | end",
        "fix/lib  | three",
    ]
    assert "test/app | ── nothing was printed yet; it is running" in result.stderr


async def test_tasks_at_work_are_followed_until_the_mission_has_ended(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = mission(of="queued")
    again = mission(of="leased")
    for task in again.tasks:
        task.epoch = 2
    gateway.streams = [
        [
            mission_pb2.WatchResponse(mission=state, position=n)
            for n, state in enumerate((mission(), again, mission(status="succeeded")), 1)
        ]
    ]
    gateway.logs = {f"{phase}-{name}": [whole(b"x\n"), whole()] for phase, name in TASKS}
    result = await hive("logs", "-f", "fix-1")
    assert result.exit_code == 0, result.output
    assert sorted(result.stdout.splitlines()) == [
        f"{name:<8} | x" for name in ("fix/app", "fix/lib", "test/app")
    ]
    asked = [one for one in gateway.asked if isinstance(one, log_pb2.LogsRequest)]
    assert all(one.follow and one.from_epoch > 0 for one in asked)


async def test_what_is_missing_is_named_where_it_is_and_shown_where_it_comes(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = mission()
    gateway.logs["fix-app"] = [
        [
            begun(1), missing(1, 0, 4), printed(1, 4, b"two "), grpc.StatusCode.UNAVAILABLE,
        ],
        [
            begun(1), missing(1, 0, 4), printed(1, 4, b"two "), printed(1, 0, b"one "),
            printed(1, 8, b"three"), missing(1, 13, 5, "left-out"),
            ended(1, "failed", "agent: \x1b[2Jno"),
        ],
    ]  # fmt: skip
    result = await hive("logs", "-f", "fix-1/fix/app")
    assert result.stdout == "two one three"
    assert [line.removeprefix("── ") for line in result.stderr.splitlines()] == [
        "4 bytes of output (from byte 0) are missing here; they come when the attempt has ended",
        "attempt 1 · output",
        "output: what was missing above, from byte 0",
        "output goes on, from byte 8",
        "5 bytes of output (from byte 13) are left out here: so much is not kept",
        "attempt 1 · work failed: agent: no",
    ]


async def test_as_json_each_piece_is_a_line(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions["fix-1"] = mission()
    gateway.logs["fix-app"] = [whole(b"\x1b[31mred", b"\xff")]
    result = await hive("logs", "--json", "fix-1/fix/app", "--attempt", "1")
    first, second, third, last, end = map(json.loads, result.stdout.splitlines())
    assert (first["said"], first["step"], first["task"]) == ("begun", "work", "fix/app")
    assert (second["text"], second["offset"], second["output"]) == ("\x1b[31mred", 0, "output")
    assert base64.b64decode(third["base64"]) == b"\xff"
    assert (last["said"], last["outcome"]) == ("ended", "succeeded")
    assert end == {"result": "shown", "exit": 0}
    assert gateway.asked[-1].attempt == 1


async def test_a_name_that_is_none_or_several_is_refused(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions["fix-1"] = mission()
    unknown, several = await hive("logs", "fix-1/nope"), await hive("logs", "fix-1/app")
    assert (unknown.exit_code, several.exit_code) == (2, 2)
    assert "hive mission show fix-1" in unknown.stderr
    assert "fix-1/fix/app, fix-1/test/app" in several.stderr


async def test_a_phase_is_all_its_tasks_that_run_commands(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions["fix-1"] = mission(status="succeeded", of="succeeded")
    gateway.logs = {"fix-app": [whole(b"a")], "fix-lib": [whole(b"b")]}
    result = await hive("logs", "-f", "fix-1/fix")
    assert result.stdout.splitlines() == ["fix/app | a", "fix/lib | b"]
