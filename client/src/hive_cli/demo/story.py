"""The demonstration, told while it happens."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from hive_cli import outcome, task_row
from hive_cli.demo.ground import MISSION_FILE, Ground, prepared
from hive_cli.demo.verdict import Finding, Killed, judge
from hive_cli.problems import Problem
from hive_client.branch import branch_of, fetch_branch
from hive_client.checkout import git, read_checkout
from hive_client.hive import ENDED, Hive
from hive_client.watched import Change
from hive_contracts.codec import AnyEvent, decode
from hive_contracts.files import compile_plan, parse_mission
from hive_contracts.plan import Plan
from hive_contracts.v1 import event_pb2, mission_pb2
from hive_stack.vault import Vault

VICTIMS: Final = ("orchestrator", "runner")
STORY_SECONDS: Final = 120.0
"""How long the mission may take; it takes a quarter of that."""
_TICK: Final = 0.05
BACK_SECONDS: Final = 20.0
"""How long a killed process may take to be back."""


def tell(keep: Path | None, *, as_json: bool) -> bool:
    """Whether all went as it should."""
    began = time.monotonic()
    console = Console(highlight=False, soft_wrap=True, quiet=as_json)
    console.print("The agents of this demonstration are scripted commands: no model is asked.\n")
    with prepared(keep) as ground:
        state = ground.stack.up()
        console.print(f"hive up in {state.up_in_s:.1f} s, of its own, in {ground.folder}")
        findings = asyncio.run(_Story(ground, console).told())
    for finding in findings:
        mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
        console.print(Text(f"  {mark} {finding.text}", style=style))
    good = all(finding.ok for finding in findings)
    took = time.monotonic() - began
    said = "all as promised" if good else "NOT as promised"
    console.print(f"{said} · {took:.0f} s · the hive is down again")
    if keep is not None:
        console.print(f"kept: {ground.folder}")
    if as_json:
        for finding in findings:
            print(json.dumps(msgspec.to_builtins(finding)))
        print(json.dumps({"result": "succeeded" if good else "failed", "exit": int(not good)}))
    return good


class _Story:
    def __init__(self, ground: Ground, console: Console) -> None:
        self._ground = ground
        self._console = console
        self._killed: list[Killed] = []

    async def told(self) -> list[Finding]:
        state = self._ground.stack.state()
        assert state is not None
        token = Vault(self._ground.stack.paths.secrets).admin_token()
        async with Hive(state.gateway, token, patience=60) as hive:
            launched = await hive.launch(self._plan())
            self._say(f"launched {launched.name}: four tasks at once, then one that needs them\n")
            try:
                async with asyncio.timeout(STORY_SECONDS):
                    mission = await self._followed(hive, launched.mission_id, launched.position)
            except TimeoutError:
                raise Problem(
                    f"the mission did not end within {STORY_SECONDS:.0f} s",
                    code="too-slow",
                    where=str(self._ground.folder),
                    remedy="read the logs in hive/logs there",
                ) from None
            self._console.print(outcome.ending(mission), "")
            events = await _record(hive, launched.mission_id)
            merges = await self._merges(hive, mission)
        return judge(events, merges, self._killed)

    def _plan(self) -> Plan:
        checkout = read_checkout(self._ground.repository)
        file = parse_mission(MISSION_FILE.read_text(), MISSION_FILE.name)
        return compile_plan(file, checkout.file, checkout.repository)

    async def _followed(self, hive: Hive, id: str, position: int) -> mission_pb2.Mission:
        mission = mission_pb2.Mission()
        shown: dict[str, str] = {}
        async for change in hive.watch(id, at_least_position=position):
            mission = change.mission
            for task in change.tasks:
                line = task_row.change_line(task)
                told = task.kind != "merge" and task.status != "queued"
                if told and shown.get(task.task_id) != line:
                    shown[task.task_id] = line
                    self._say(f"  {line}")
            if not self._killed and _is_midway(change):
                await self._kill()
            if mission.summary.status in ENDED:
                break
        return mission

    async def _kill(self) -> None:
        """SIGKILL, which no process can catch, and wait until others have taken their places."""
        before = {name: self._pid(name) for name in VICTIMS}
        for name, pid in before.items():
            os.kill(pid, signal.SIGKILL)
            self._say(f"  ━━ SIGKILL to the {name} (pid {pid})", style="bold yellow")
        began = time.monotonic()
        for name, pid in before.items():
            again = await _until(partial(self._other, name, pid), BACK_SECONDS)
            self._killed.append(Killed(name, pid, again))
            if again:
                took = f"{time.monotonic() - began:.1f} s"
                self._say(f"  ━━ the {name} is back (pid {again}) after {took}", style="yellow")

    def _pid(self, name: str) -> int:
        state = self._ground.stack.state()
        program = state.program(name) if state is not None else None
        return program.process.pid if program is not None and program.process is not None else 0

    def _other(self, name: str, pid: int) -> int:
        """The pid of the process that took its place; 0 while there is none."""
        now = self._pid(name)
        return now if now != pid else 0

    async def _merges(self, hive: Hive, mission: mission_pb2.Mission) -> list[str]:
        """Show the branch and its diff; answer the subjects of its merges."""
        path = self._ground.repository
        tip = await fetch_branch(hive, mission, path)
        base = mission.repository.base
        span = f"{base}..{tip}"
        self._say(f"the branch {branch_of(mission)}, fetched into the repository:\n")
        self._say(git(path, "log", "--graph", "--format=%h %s", span).stdout)
        self._say(git(path, "diff", "--stat", base, tip).stdout)
        self._say(git(path, "diff", base, tip, "--", "shop/refunds.py").stdout, style="dim")
        return git(path, "log", "--merges", "--format=%s", span).stdout.splitlines()

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))


def _is_midway(change: Change) -> bool:
    """Something is merged already, and somebody is at work."""
    merged = any(task.merged for task in change.mission.tasks)
    at_work = any(task.kind == "work" and task.status == "running" for task in change.mission.tasks)
    return merged and at_work


async def _record(hive: Hive, mission_id: str) -> list[AnyEvent]:
    """All events of the mission and of its tasks."""
    events: list[AnyEvent] = []
    position = 0
    while True:
        page = await hive.read(event_pb2.EventFilter(mission=mission_id), after=position, limit=500)
        events += [decode(event) for event in page.events]
        position = page.next
        if position >= page.head:
            return events


async def _until(look: Callable[[], int], seconds: float) -> int:
    """What `look` answers first that is not 0; 0 after so many seconds."""
    for _ in range(int(seconds / _TICK)):
        if found := look():
            return found
        await asyncio.sleep(_TICK)
    return 0
