"""One mission is one trace, through real processes, a retry, a kill and a person's answer."""

import asyncio
import signal
from collections import defaultdict
from functools import partial
from pathlib import Path

from hive_contracts.envelope import Recorded
from tests.service.traces.collector import Collector, Seen
from tests.service.traces.command import command, mission_file
from tests.service.traces.conftest import StartHive
from tests.system.hive import RealHive, eventually, of_type

MISSION = """
mission: traced
phases:
  one:
    tasks:
      again:
        run: test -e {marks}/failed || {{ touch {marks}/failed; exit 1; }}; echo done > again
        gates: [test -s again]
      killed:
        run: |
          test -e {marks}/begun || {{ echo $TRACEPARENT > {marks}/begun; sleep 600; }}
          echo done > killed
        gates: [{{approval: Is it right?, name: right}}]
gates: [test -e README]
"""
WAITS_FOR_A_PERSON = 3


async def test_a_mission_is_one_trace_from_the_command_to_the_runner(
    collector: Collector, start_hive: StartHive, repository: Path, tmp_path: Path
) -> None:
    hive = start_hive(collector.endpoint)
    log = await run_mission(hive, collector, repository, tmp_path)
    await asyncio.to_thread(collector.wait_for, partial(is_whole, log))
    spans = collector.spans()

    [begun] = named(spans, "hive run")
    assert (begun.service, begun.parent) == ("cli", "")
    trace = {span.id: span for span in spans.values() if span.trace == begun.trace}
    assert {span.service for span in trace.values()} == {
        "cli", "gateway", "orchestrator", "relay", "runner",
    }  # fmt: skip
    # Each step's cause is there, so all of them hang on the command.
    assert [span for span in trace.values() if span.parent not in trace] == [begun]

    causes: dict[str, set[str]] = defaultdict(set)
    for span in trace.values():
        if span.parent:
            causes[kind(span)].add(kind(trace[span.parent]))
    assert causes == {
        "rpc": {"hive"},
        "gateway": {"attempt"},
        "decide": {"rpc", "gateway", "decide"},
        "SELECT": {"decide"},
        "projection": {"decide"},
        "relay": {"decide"},
        "attempt": {"decide"},
    } | {f"attempt.{step}": {"attempt"} for step in ("work", "command", "gates", "gate", "merge")}

    # What the record says of its causes is what was exported.
    for recorded in filter(is_asked_for, log):
        _, id, cause, _ = recorded.meta.traceparent.split("-")
        assert id == begun.trace, recorded
        assert trace[cause].service == "orchestrator", recorded

    assert_waits_are_linked(spans, trace)


def assert_waits_are_linked(spans: dict[str, Seen], trace: dict[str, Seen]) -> None:
    for ended, began in (
        ("RequeueTask", "decide ReportAttempt"),
        ("LoseLease", "decide StartAttempt"),
        ("ApproveGate", "decide ReportAttempt"),
    ):
        [span] = named(trace, f"decide {ended}")
        assert began in {spans[id].name for _, id in span.links}, span
    # Who answered has a trace of their own, and so has the session that was lost.
    [answered] = named(spans, "hive.v1.MissionService/Approve")
    assert answered.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "hive.v1.MissionService/Approve",
        "rpc.response.status_code": "OK",
    }
    [approve] = named(trace, "decide ApproveGate")
    assert answered.trace not in {span.trace for span in trace.values()}
    assert (answered.trace, answered.id) in approve.links
    assert spans[answered.parent].service == "cli"
    [lost] = named(trace, "decide LoseLease")
    # Its runner's next process, or the time: whichever came first.
    causes = {"decide OpenSession", "decide CloseSession"}
    assert causes & {spans[id].name for _, id in lost.links}


def is_asked_for(recorded: Recorded) -> bool:
    """What health counts and keeps by itself follows from nothing that somebody asked for."""
    return not recorded.stream.startswith(("capacity-", "policy-", "incident-"))


def is_whole(log: list[Recorded], spans: dict[str, Seen]) -> bool:
    """Whether nothing is still to come: what each event was decided and published by is there."""
    decided = {
        recorded.meta.traceparent.split("-")[2] for recorded in log if is_asked_for(recorded)
    }
    published = {
        cause
        for span in named(spans, "relay publish")
        for cause in [span.parent, *(id for _, id in span.links)]
    }
    return published >= decided and spans.keys() >= decided and causes_are_there(spans)


def causes_are_there(spans: dict[str, Seen]) -> bool:
    return spans.keys() >= {span.parent for span in spans.values()} - {""}


def kind(span: Seen) -> str:
    if "rpc.method" in span.attributes:
        return "rpc"
    return span.name.split()[0]


def named(spans: dict[str, Seen], name: str) -> list[Seen]:
    return [span for span in spans.values() if span.name == name]


async def run_mission(
    hive: RealHive, collector: Collector, repository: Path, tmp_path: Path
) -> list[Recorded]:
    """All events of the mission: one attempt fails, one is killed with its runner, one waits."""
    file = mission_file(tmp_path, MISSION.format(marks=tmp_path))
    launch = command(hive, collector.endpoint, "run", file, "--repo", str(repository), "--no-wait")
    waited, _ = await asyncio.gather(launch, kill_the_runner(hive, collector, tmp_path / "begun"))
    assert waited == WAITS_FOR_A_PERSON
    assert await command(hive, collector.endpoint, "mission", "approve", "traced-1") == 0
    log = await hive.ended(1, seconds=60)
    return [recorded for recorded in log if not recorded.stream.startswith("runner-")]


def content(file: Path) -> str | None:
    return file.read_text().strip() or None if file.exists() else None


async def kill_the_runner(hive: RealHive, collector: Collector, begun: Path) -> None:
    """As soon as nothing but the endless task is at work, and all that led to it has arrived."""
    await hive.until(lambda log: of_type(log, "BranchAdvanced"))
    _, _, attempt, _ = (await eventually(partial(asyncio.to_thread, content, begun))).split("-")

    def arrived(spans: dict[str, Seen]) -> bool:
        merged = named(spans, "gateway report merge")
        return bool(merged) and attempt in spans and causes_are_there(spans)

    await asyncio.to_thread(collector.wait_for, arrived)
    hive.send("runner", signal.SIGKILL)
