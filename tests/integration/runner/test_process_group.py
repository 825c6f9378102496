"""Commands that end as a whole, whatever they do."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from hive_runner.processes import process_group, processes
from hive_runner.processes.output import Output
from hive_runner.processes.process_group import Command, Ended, Group
from tests.integration.runner.workshop import new_id, nothing_left_behind, until


def command(tmp_path: Path, script: str, **fields: object) -> Command:
    env = {"PATH": os.environ["PATH"], processes.MARKER: new_id()}
    values: dict[str, object] = {"run_timeout": 30, "grace": 0.3, **fields}
    return msgspec.convert(
        {
            "argv": ("/bin/sh", "-c", script),
            "cwd": tmp_path,
            "env": env,
            "folder": tmp_path,
            **values,
        },
        Command,
        from_attributes=True,
    )


OPEN: list[Output] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def output(tmp_path: Path, limit: int = 1 << 20) -> Output:
    OPEN.append(Output(tmp_path / "output.log", limit))
    return OPEN[-1]


async def test_a_command_that_ends_says_how(tmp_path: Path) -> None:
    ended = await process_group.run(command(tmp_path, "exit 7"), output(tmp_path))
    assert (ended.reason, ended.exit_code) == ("exit", 7)


async def test_a_command_that_does_not_exist_ends_with_127_and_a_message(tmp_path: Path) -> None:
    kept = output(tmp_path)
    ended = await process_group.run(command(tmp_path, "no-such-thing --now"), kept)
    assert ended.exit_code == 127
    assert "no-such-thing" in kept.tail()


async def test_all_output_is_there_without_a_last_newline(tmp_path: Path) -> None:
    kept = output(tmp_path)
    await process_group.run(command(tmp_path, "printf out; printf err >&2; printf end"), kept)
    assert kept.tail() == "outerrend"


async def test_output_that_is_no_text_becomes_text(tmp_path: Path) -> None:
    kept = output(tmp_path)
    await process_group.run(command(tmp_path, r"printf 'a\377b\000c'"), kept)
    assert kept.tail() == "a\ufffdb\ufffdc"


async def test_a_hundred_megabytes_of_output_leave_their_beginning_and_end(tmp_path: Path) -> None:
    kept = output(tmp_path, 1 << 20)
    script = "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last"
    ended = await process_group.run(command(tmp_path, script), kept)
    assert ended.exit_code == 0
    assert kept.size > 100_000_000
    assert kept.tail(5) == "last\n"
    content = kept.finish().read_bytes()
    assert content.startswith(b"first\n")
    assert content.endswith(b"x\nlast\n")
    assert b"bytes are left out here" in content
    assert len(content) < 1.1 * (1 << 20)


async def test_a_daemon_ends_with_the_command_that_left_it(tmp_path: Path, nap: str) -> None:
    with nothing_left_behind(nap):
        script = f"setsid {nap} >/dev/null 2>&1 & ({nap} &) ; echo done"
        ended = await process_group.run(command(tmp_path, script), output(tmp_path))
        assert ended.exit_code == 0


async def test_a_daemon_that_holds_the_output_open_does_not_hold_up_the_end(
    tmp_path: Path, nap: str
) -> None:
    with nothing_left_behind(nap):
        async with asyncio.timeout(10):
            await process_group.run(command(tmp_path, f"{nap} &"), output(tmp_path))


async def test_a_command_that_ignores_term_is_killed(tmp_path: Path) -> None:
    # It ends by itself some day, so that a runner which does not kill it leaves nothing either.
    script = "trap '' TERM; for i in $(seq 100); do sleep 0.1; done"
    ended = await process_group.run(command(tmp_path, script, run_timeout=0.4), output(tmp_path))
    assert (ended.reason, ended.exit_code) == ("run", -signal.SIGKILL)
    assert ended.seconds < 5


async def test_a_command_is_given_time_to_end_by_itself(tmp_path: Path) -> None:
    kept = output(tmp_path)
    script = "trap 'echo saved; exit 0' TERM; sleep 100 & wait"
    ended = await process_group.run(command(tmp_path, script, run_timeout=0.4, grace=5), kept)
    assert ended == Ended("run", 0, ended.seconds)
    assert kept.tail() == "saved\n"


async def test_silence_is_measured_from_the_last_byte(tmp_path: Path) -> None:
    kept = output(tmp_path)
    script = "for i in $(seq 15); do printf .; sleep 0.1; done; sleep 100"
    ended = await process_group.run(command(tmp_path, script, silence_timeout=1.2), kept)
    assert (ended.reason, kept.tail()) == ("silence", "." * 15)


async def test_cancelling_ends_the_command(tmp_path: Path, nap: str) -> None:
    with nothing_left_behind(nap):
        running = asyncio.create_task(
            process_group.run(command(tmp_path, f"{nap}"), output(tmp_path))
        )
        await until((tmp_path / process_group.GROUP_FILE).exists)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not (tmp_path / process_group.GROUP_FILE).exists()


async def test_an_output_that_cannot_be_kept_ends_the_command(tmp_path: Path, nap: str) -> None:
    class FullDisk(Output):
        def write(self, piece: bytes) -> None:
            raise OSError(28, "No space left on device")

    full = FullDisk(tmp_path / "o", 1 << 20)
    OPEN.append(full)
    with nothing_left_behind(nap), pytest.raises(OSError, match="No space left"):
        await process_group.run(command(tmp_path, f"echo hello; {nap}"), full)


RUNNER = """
import asyncio, os, sys
from pathlib import Path
from hive_runner.processes import process_group
from hive_runner.processes import processes
from hive_runner.processes.output import Output
folder = Path(sys.argv[1])
env = {"PATH": os.environ["PATH"], processes.MARKER: folder.name}
if sys.argv[2] == "before":
    def die(*_):
        os.kill(os.getpid(), 9)
    process_group._let_go = die
command = process_group.Command(("/bin/sh", "-c", sys.argv[3]), folder, env, folder)
asyncio.run(process_group.run(command, Output(folder / "output.log", 1 << 20)))
"""


def killed_runner(folder: Path, when: str, script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(folder), when, script],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    """A folder whose name no other process of this machine is marked with."""
    folder = tmp_path / new_id()
    folder.mkdir()
    return folder


async def test_a_group_whose_runner_was_killed_is_ended_by_the_next_one(
    attempt: Path, nap: str
) -> None:
    with nothing_left_behind(nap):
        script = f"trap '' TERM PIPE HUP; setsid {nap} & touch begun; {nap}"
        runner = killed_runner(attempt, "after", script)
        await until(lambda: (attempt / "begun").exists())
        runner.kill()
        runner.wait()
        process_group.kill_left(attempt)
        await until(lambda: not processes.marked(attempt.name))


async def test_a_command_whose_runner_was_killed_before_it_was_written_down_never_begins(
    attempt: Path, nap: str
) -> None:
    with nothing_left_behind(nap):
        runner = killed_runner(attempt, "before", f"touch begun; {nap}")
        assert runner.wait(20) == -signal.SIGKILL
        await until(lambda: not processes.marked(attempt.name))
        assert not (attempt / "begun").exists()


def test_a_process_that_only_has_the_number_of_a_group_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        group = Group(bystander.pid, psutil.Process(bystander.pid).create_time() - 60, "gone")
        (tmp_path / process_group.GROUP_FILE).write_bytes(msgspec.json.encode(group))
        process_group.kill_left(tmp_path)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("content", [b"", b'{"pid": 1'])
def test_a_group_that_was_not_written_to_its_end_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / process_group.GROUP_FILE).write_bytes(content)
    process_group.kill_left(tmp_path)
