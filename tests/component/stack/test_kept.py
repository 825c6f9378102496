"""A program that is kept running."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hive_stack.kept import CALM_S, FIRST_DELAY_S, Kept
from hive_stack.processes import (
    ProcessId,
    deadline,
    identity,
    spawn,
    stop,
    tell,
    wait_tick,
)

GOES = ["sh", "-c", "trap 'exit 0' USR1; while :; do sleep 0.02; done"]
"""Told to go, it ends in good order."""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    def start() -> ProcessId:
        return identity(spawn(GOES, log=tmp_path / "log").pid)

    program = Kept(
        "sleeper",
        start,
        lambda p: stop(p, first=signal.SIGTERM, grace_s=5),
        tell_to_go=lambda p: tell(p, signal.SIGUSR1),
    )
    program.launch(now=0)
    yield program
    program.end()


def killed(program: Kept, now: float) -> ProcessId:
    """SIGKILL; the keeper sees it."""
    process = program.shown().process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until = deadline(5)
    while not program.look(now) and wait_tick(until):
        pass
    assert program.shown().process is None
    assert program.shown().exit_status == -signal.SIGKILL
    return process


def test_what_was_killed_is_started_again_after_a_moment(kept: Kept) -> None:
    before = killed(kept, now=1)
    assert not kept.look(1 + FIRST_DELAY_S / 2)
    assert kept.look(1 + FIRST_DELAY_S)
    assert kept.shown().process not in (None, before)
    assert kept.shown().restarts == 1


def test_each_end_in_a_row_is_waited_for_longer_until_one_ran_in_calm(kept: Kept) -> None:
    killed(kept, now=1)
    assert kept.look(1 + FIRST_DELAY_S)
    killed(kept, now=2)
    assert kept.failures == 2
    assert not kept.look(2 + FIRST_DELAY_S)
    assert kept.look(2 + 2 * FIRST_DELAY_S)
    killed(kept, now=4 + CALM_S)
    assert kept.failures == 1


def retired(program: Kept, now: float) -> None:
    """Tell it to go until it has: at its very start the signal would kill it."""
    program.retire()
    until = deadline(5)
    while not program.look(now) and wait_tick(until):
        pass


def test_what_was_told_to_go_and_has_gone_is_not_started_again(kept: Kept) -> None:
    process = kept.shown().process
    assert process is not None
    until = deadline(5)
    while not _handles(process.pid) and wait_tick(until):
        pass
    retired(kept, now=1)
    assert kept.gone
    assert not kept.look(1000)
    assert kept.shown().process is None


def test_what_was_killed_before_it_had_gone_is_started_again_and_stays(kept: Kept) -> None:
    kept.retiring = True
    killed(kept, now=1)
    assert not kept.gone
    assert not kept.retiring
    assert kept.look(1 + FIRST_DELAY_S)
    assert kept.shown().process is not None


def _handles(pid: int) -> bool:
    """Whether it has a handler for SIGUSR1 yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGUSR1 - 1))
