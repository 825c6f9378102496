"""An alert, its incident and its runbook; a used-up budget and what follows: on real processes."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from hive_client import Hive
from hive_client.checkout import GitProblem
from hive_client.errors import HiveError
from hive_client.landing import land
from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.files.runbook import PROFILE
from hive_contracts.plan import POLICY_GATE, RUNBOOK_GATE, Phase, Plan, Retry, TaskSpec
from hive_contracts.policy import NOTHING, PolicyConfigured, PolicyRelaxed, PolicyTightened
from hive_contracts.v1 import mission_pb2, operations_pb2
from hive_shared.restraints import FRESH_SECONDS
from hive_stack.ports import free_port
from tests.system.hive import Ground, RealHive, ends, eventually, of_type, open_folder, running

COUNT_EVERY: Final = 2.0
"""Seconds between two counts, and between two looks at budgets."""
COUNTED_SECONDS: Final = 60.0
WIDE: Final = 3
RESPONDER: Final = {"command": ["sh", "-c", 'cat > "$SEEN"; echo "it was full" > found.txt']}
_WORK: Final = (
    'echo begun >> "$BEGUN"; until [ -e "$GO" ]; do sleep 0.05; done;'
    " echo done > done-$(cat /proc/sys/kernel/random/uuid).txt"
)
WORKER: Final = {"command": ["sh", "-c", _WORK]}


class Post(RealHive):
    """A hive that takes alerts, with an agent that responds and one that works."""

    def __init__(self, folder: Path) -> None:
        self.door = free_port()
        self.seen, self.begun, self.go = (folder / name for name in ("seen", "begun", "go"))
        responder = RESPONDER | {"set_env": {"SEEN": str(self.seen)}}
        worker = WORKER | {"set_env": {"BEGUN": str(self.begun), "GO": str(self.go)}}
        super().__init__(
            folder,
            HIVE_ALERTS_PORT=str(self.door),
            HIVE_COUNT_EVERY=str(COUNT_EVERY),
            HIVE_RUNNER_SLOTS=str(WIDE + 1),
            HIVE_PROFILES=json.dumps({PROFILE: responder, "worker": worker}),
        )

    def writes(self, name: str, text: str) -> None:
        path = self.data / name
        path.parent.mkdir(exist_ok=True)
        # Whoever reads it at this moment reads the old one or the new one.
        part = path.with_name(f".{path.name}")
        part.write_text(text)
        part.rename(path)

    async def alert(self, status: str) -> None:
        """As Alertmanager tells of it."""
        token = (self.stack.paths.secrets / "alerts.token").read_text().strip()
        alert = {
            "status": status,
            "labels": {"alertname": "ShopDiskFull", "instance": "anvil", "severity": "page"},
            "annotations": {"summary": "The shop's disk is full"},
            "startsAt": "2026-01-01T00:00:00Z",
            "fingerprint": "f00d",
        }
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"http://127.0.0.1:{self.door}/alerts",
                headers={"Authorization": f"Bearer {token}"},
                json={"version": "4", "status": status, "alerts": [alert]},
            )
        answer.raise_for_status()


@pytest.fixture(scope="module")
def hive(request: pytest.FixtureRequest) -> Iterator[Post]:
    """One for both tests: each looks at what is its own."""
    with open_folder("post", request.session) as folder, running(Post(folder)) as hive:
        yield hive


INCIDENTS: Final = """\
resolve_after: 10s
causes:
  - {alert: ShopDiskFull, runbook: runbooks/disk.yaml}
"""
RUNBOOK: Final = """\
mission: make-room
objective: Find out what fills the disk.
prompt: Look at what is large, and say what may go.
"""


@pytest.mark.full("a hive of its own; each step of it has tests of its own")
async def test_an_alert_s_runbook_waits_for_a_person_runs_and_its_incident_is_mitigated_and_over(
    hive: Post,
) -> None:
    before = len(await hive.log())
    hive.writes("runbooks/disk.yaml", RUNBOOK)
    hive.writes("incidents.yaml", INCIDENTS)
    async with hive.client() as client:
        await until_the_file_counts(client)
        await hive.alert("firing")
        report = await until(client, lambda report: bool(report.summary.mission))
        name, mission = report.summary.name, report.summary.mission
        assert (report.summary.status, report.summary.severity) == ("open", "page")

        log = await hive.until(lambda log: of_type(log[before:], "ApprovalRequested"), 10)
        view = await client.get(mission, at_least_position=log[-1].position)
        assert [each.gate for each in view.approvals] == [RUNBOOK_GATE]
        assert not of_type(log[before:], "TaskLeased"), "nothing runs before somebody says so"
        assert not hive.seen.exists()

        await client.approve(mission, RUNBOOK_GATE, "look at it")
        log = await hive.until(lambda log: ends(log[before:]))
        assert [event.type for event in ends(log[before:])] == ["MissionSucceeded"]
        asked = hive.seen.read_text()
        assert "Look at what is large" in asked
        assert "never do" in asked
        assert f'"incident": "{name}"' in asked

        await client.operations.tell_incident(name, "mitigate", "there is room again")
        await hive.alert("resolved")
        report = await until(client, lambda report: report.summary.status == "resolved")
    told = [entry.what for entry in report.timeline if entry.what.startswith(("Inc", "Run"))]
    assert told == ["IncidentOpened", "RunbookLaunched", "IncidentMitigated", "IncidentResolved"]
    assert report.mitigated_by.startswith("admin-")
    assert report.resolved_by == ""
    opened = of_type(await hive.log(), "IncidentOpened")
    assert [each.name for each in opened if each.cause == "ShopDiskFull"] == [name]  # type: ignore[attr-defined]


async def until_the_file_counts(client: Hive) -> None:
    """It is read as soon as health looks; before that it has no runbook to launch."""

    async def probe() -> bool | None:
        with suppress(HiveError):
            return True if not (await client.operations.incidents()).problem else None
        return None

    await eventually(probe)


async def until(client: Hive, wanted: Any) -> operations_pb2.IncidentReport:
    """The one incident, once it is as wanted."""

    async def probe() -> operations_pb2.IncidentReport | None:
        found = [
            each
            for each in (await client.operations.incidents()).incidents
            if each.cause == "ShopDiskFull"
        ]
        assert len(found) <= 1
        if not found:
            return None
        report = await client.operations.incident(found[0].name)
        return report if wanted(report) else None

    return await eventually(probe, 60, every=0.2)


OBJECTIVE: Final = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: mission-success
  displayName: Missions that succeed
  annotations: {confidence: "0.5"}
spec:
  description: Half of them are to succeed.
  service: missions
  indicator:
    spec:
      ratioMetric:
        good: {metricSource: {spec: {query: 'hive_missions_ended_total{outcome="succeeded"}'}}}
        total: {metricSource: {spec: {query: 'hive_missions_ended_total'}}}
  timeWindow: [{duration: 28d}]
  objectives: [{target: 0.5}]
"""
POLICY: Final = """\
enforce: false
states:
  careful: {budgets: {mission-success: 25%}, until: 35%, hold: 0s, slots: 1, approve: true,
            freeze_landing: true}
"""
BAD, GOOD = 3, 5


@pytest.mark.full("twenty missions; what a budget demands and who obeys have tests of their own")
@pytest.mark.timeout(400)
async def test_a_used_up_budget_acts_only_where_it_is_enforced_and_no_longer_than_it_is_used_up(
    hive: Post, ground: Ground
) -> None:
    hive.writes("slos/mission-success.yaml", OBJECTIVE)
    hive.writes("policy.yaml", POLICY)
    async with hive.client() as client:
        await run_missions(hive, client, "bad", "false", BAD)
        [tightened] = of_type(await until_recorded(hive, "PolicyTightened"), "PolicyTightened")
        assert isinstance(tightened, PolicyTightened)

        # A dry run says what would be, and does nothing.
        assert tightened.demanded == NOTHING
        shown = await client.operations.policy()
        assert [state.name for state in shown.states if state.entered_ms] == ["careful"]
        assert (shown.enforced, shown.in_force.approve, shown.would.approve) == (False, False, True)
        first = await all_at_once(hive, client, ground, "dry")
        await lands(hive, client, ground, first, done=1 * WIDE)

        # Enforced: fewer at once, people approve, nothing is landed.
        hive.writes("policy.yaml", POLICY.replace("false", "true"))
        await until_obeyed(hive)
        second = await one_by_one_with_approvals(hive, client, ground, "careful")
        shown = await client.operations.policy()
        assert (shown.enforced, shown.in_force.slots_most) == (True, 1)
        assert shown.in_force.freeze_landing
        with pytest.raises(GitProblem, match=r"landing is frozen: .*careful.*mission-success"):
            await land(client, await ended_view(hive, client, second), ground.path)

        # The budget has recovered: all that is reversed.
        await run_missions(hive, client, "good", "true", GOOD)
        [relaxed] = of_type(await until_recorded(hive, "PolicyRelaxed"), "PolicyRelaxed")
        assert isinstance(relaxed, PolicyRelaxed)
        assert relaxed.demanded == NOTHING
        shown = await client.operations.policy()
        assert [state.entered_ms for state in shown.states] == [0]
        assert not (shown.in_force.approve or shown.in_force.freeze_landing)
        await lands(hive, client, ground, second, done=2 * WIDE)
        third = await all_at_once(hive, client, ground, "calm")
        await lands(hive, client, ground, third, done=3 * WIDE)


async def ended_view(hive: Post, client: Hive, mission: str) -> mission_pb2.Mission:
    """The mission with all that the log, which told of its end, knows of it."""
    return await client.get(mission, at_least_position=(await hive.log())[-1].position)


async def lands(hive: Post, client: Hive, ground: Ground, mission: str, done: int) -> None:
    """With the work of all its tasks."""
    view = await ended_view(hive, client, mission)
    await land(client, view, ground.path)
    told = [(task.name, task.status, task.attempts) for task in view.tasks]
    assert len(list(ground.path.glob("done-*.txt"))) == done, told


async def run_missions(hive: RealHive, client: Hive, name: str, run: str, many: int) -> None:
    before = len(ends(await hive.log()))
    task = TaskSpec("task", run=run, retry=Retry(attempts=1))
    for _ in range(many):
        await client.launch(Plan(name, (Phase("main", tasks=(task,)),)))
    await hive.ended(before + many, seconds=90)


async def until_recorded(hive: RealHive, type: str) -> list[Recorded]:
    return await hive.until(lambda log: of_type(log, type), COUNTED_SECONDS)


async def until_obeyed(hive: RealHive) -> None:
    """Whoever obeys is late by what it has read last."""

    async def probe() -> bool | None:
        told = [each for each in await hive.log() if each.type == "PolicyConfigured"]
        last = decode(told[-1])
        assert isinstance(last, PolicyConfigured)
        age = (datetime.now(UTC) - told[-1].recorded_at).total_seconds()
        return True if last.demanded.approve and age > 2 * FRESH_SECONDS else None

    await eventually(probe, COUNTED_SECONDS, every=0.2)


def wide(ground: Ground, name: str) -> Plan:
    tasks = tuple(TaskSpec(f"t{n}", agent="worker", prompt="Work.") for n in range(WIDE))
    plan = ground.plan(name, tasks=0)
    return Plan(name, (Phase("main", tasks=tasks),), repository=plan.repository)


def begun(hive: Post) -> int:
    return len(hive.begun.read_text().split()) if hive.begun.exists() else 0


async def all_at_once(hive: Post, client: Hive, ground: Ground, name: str) -> str:
    """Nobody holds them up: all begin before one may end, and nobody is asked."""
    hive.go.unlink(missing_ok=True)
    before, asked = begun(hive), len(of_type(await hive.log(), "ApprovalRequested"))
    ended = len(ends(await hive.log()))
    launched = await client.launch(wide(ground, name))

    async def probe() -> bool | None:
        return True if begun(hive) == before + WIDE else None

    await eventually(probe, 60)
    hive.go.touch()
    log = await hive.ended(ended + 1, seconds=60)
    assert ends(log)[-1].type == "MissionSucceeded"
    assert len(of_type(log, "ApprovalRequested")) == asked
    return launched.mission_id


async def one_by_one_with_approvals(hive: Post, client: Hive, ground: Ground, name: str) -> str:
    """One begins, and the others wait though there are slots; each is merged once approved."""
    hive.go.unlink(missing_ok=True)
    before, ended = begun(hive), len(ends(await hive.log()))
    given = len(of_type(await hive.log(), "ApprovalGiven"))
    launched = await client.launch(wide(ground, name))

    async def one_waits_for_the_other() -> bool | None:
        capacity = (await client.operations.capacity()).capacity
        counted = (capacity.working, capacity.waiting) == (1, WIDE - 1)
        return True if counted and begun(hive) == before + 1 else None

    await eventually(one_waits_for_the_other, 60)
    hive.go.touch()

    async def all_are_approved() -> bool | None:
        with suppress(HiveError):
            await client.approve(launched.mission_id, POLICY_GATE)
        return True if len(ends(await hive.log())) == ended + 1 else None

    await eventually(all_are_approved, 90, every=0.2)
    log = await hive.log()
    assert ends(log)[-1].type == "MissionSucceeded"
    assert len(of_type(log, "ApprovalGiven")) == given + WIDE
    assert begun(hive) == before + WIDE
    return launched.mission_id
