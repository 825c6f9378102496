"""What stands beside an exclusive attempt, and ends it whatever became of the runner."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from hive_contracts.orders import Holding, Orders
from hive_contracts.outcome import Failure
from hive_runner.link.crew import Crew
from hive_runner.link.depot import Depot
from hive_runner.link.outbox import Outbox
from hive_runner.link.spool import Spool
from hive_runner.processes import process_group, processes
from hive_runner.processes.guard import STRUCK
from hive_runner.processes.guarded import Watch
from hive_runner.processes.vigil import Vigil, now
from hive_runner.steps.attempt import perform
from tests.integration.runner.test_process_group import command, output
from tests.integration.runner.workshop import (
    NoHive,
    Source,
    Workshop,
    lease,
    new_id,
    new_nap,
    nothing_left_behind,
    until,
)

KEY = ("a" * 32, 1)
PATIENCE = 20.0


class Guarded:
    """A command in a group of its own that left one process outside of it, and its guard."""

    def __init__(self, command: subprocess.Popen[bytes], guard: subprocess.Popen[bytes]) -> None:
        self.command = command
        self.guard = guard

    def say(self, line: str) -> None:
        assert self.guard.stdin is not None
        self.guard.stdin.write(f"{line}\n".encode())
        self.guard.stdin.flush()


@contextmanager
def guarded(seconds: float) -> Iterator[Guarded]:
    nap, marker = new_nap(), new_id()
    env = {"PATH": os.environ["PATH"], processes.MARKER: marker}
    script = f"setsid {nap} & exec {nap}"
    with nothing_left_behind(nap):
        command = subprocess.Popen(["/bin/sh", "-c", script], env=env, start_new_session=True)
        started = processes.start_time(command.pid)
        guard = subprocess.Popen(
            [sys.executable, "-m", "hive_runner.processes.guard", str(command.pid), repr(started),
             marker, "-", repr(now() + seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert guard.stdin is not None and guard.stdout is not None
        assert guard.stdout.readline() == b"ready\n"
        try:
            yield Guarded(command, guard)
        finally:
            processes.send(command.pid, marker, signal.SIGKILL)
            command.wait(PATIENCE)
            guard.stdin.close()
            guard.wait(PATIENCE)
            guard.stdout.close()


def test_at_its_deadline_nothing_of_the_command_is_left() -> None:
    with guarded(seconds=0.5) as both:
        assert both.command.wait(PATIENCE) == -signal.SIGKILL
        assert both.guard.wait(PATIENCE) == STRUCK


def test_a_runner_that_is_gone_takes_its_attempt_with_it() -> None:
    with guarded(seconds=600) as both:
        assert both.guard.stdin is not None
        both.guard.stdin.close()
        assert both.command.wait(PATIENCE) == -signal.SIGKILL


def test_a_later_deadline_lets_it_go_on_and_done_ends_the_guard_alone() -> None:
    with guarded(seconds=5) as both:
        both.say("nonsense")
        both.say(repr(now() + 600))
        both.say("done")
        assert both.guard.wait(PATIENCE) == 0
        assert both.command.poll() is None


async def test_a_command_under_a_vigil_ends_although_nobody_in_the_runner_ends_it(
    tmp_path: Path, nap: str
) -> None:
    vigil = Vigil()
    vigil.sending(1)
    vigil.heard(Orders("s", keep=(Holding(*KEY),), answers=1, session_ttl=2.0))
    with nothing_left_behind(nap):
        ended = await process_group.run(
            command(tmp_path, nap, watch=Watch(vigil, KEY)), output(tmp_path)
        )
    assert ended.exit_code == -signal.SIGKILL
    assert ended.seconds < 20


async def test_while_the_hive_is_heard_a_command_under_a_vigil_goes_on(tmp_path: Path) -> None:
    vigil = Vigil()

    def heard(number: int) -> None:
        vigil.sending(number)
        orders = Orders("s", keep=(Holding(*KEY),), answers=number, session_ttl=4.0)
        vigil.heard(orders)

    heard(1)
    go_on = tmp_path / "go-on"
    script = f"touch {tmp_path}/begun; while [ ! -e {go_on} ]; do sleep 0.05; done"
    running = asyncio.create_task(
        process_group.run(command(tmp_path, script, watch=Watch(vigil, KEY)), output(tmp_path))
    )
    await until((tmp_path / "begun").exists)
    # Longer than the first beat alone would have let it.
    over = vigil.until(KEY) + 0.3
    number = 1
    while now() < over:
        number += 1
        heard(number)
        await asyncio.sleep(0.05)  # the hive is heard again and again: time is what is tested
    go_on.touch()
    ended = await running
    assert (ended.reason, ended.exit_code) == ("exit", 0)


@pytest.mark.parametrize("step", ["run", "gate"])
async def test_what_a_guard_has_ended_is_nobody_s_failure_though_the_hive_is_heard_again(
    source: Source, tmp_path: Path, nap: str, step: str
) -> None:
    stood = now()
    vigil = Vigil(lambda: stood)  # the runner stood still, and never knew of the silence
    workshop = Workshop(tmp_path / "data")
    place = replace(workshop.place, vigil=vigil)
    outbox = Outbox(
        Spool(tmp_path / "spool"), Depot(tmp_path / "depot", NoHive()), None, lambda: None  # type: ignore[arg-type]
    )  # fmt: skip
    crew = Crew(
        workshop.options, "r", "s", outbox,
        lambda lease, trace, asked: perform(place, lease, trace, asked),
        new_id, lambda: None, tuple, str, place.ledger, vigil,
    )  # fmt: skip
    asked = lease(source, run=nap) if step == "run" else lease(source, "gates", gates={"slow": nap})
    spec = replace(asked.task.spec, exclusive=True)
    asked = replace(asked, task=replace(asked.task, spec=spec))
    beat = crew.beat()
    crew.sending(beat)
    with nothing_left_behind(nap):
        crew.obey(Orders("s", leases=(asked,), answers=beat.number, session_ttl=3.0))
        await until(lambda: any(report.ends for report in outbox.pending))
    (told,) = (report.report for report in outbox.pending if report.ends)
    assert isinstance(told, Failure)
    assert (told.kind, told.detail) == (
        "infrastructure",
        "it is exclusive, and was ended as the hive was not heard for too long",
    )


@pytest.fixture
def nap() -> str:
    return new_nap()
