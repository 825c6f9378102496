"""What commands may use and see: limits, control groups and the sandbox of this machine."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hive_contracts.dialogue import Answered
from hive_runner.processes import cgroups, process_group, processes, sandbox
from hive_runner.processes.bounds import Limits
from hive_runner.processes.cgroups import Cgroups
from hive_runner.processes.confinement import Confinement, SandboxMissing, said
from hive_runner.processes.confinement import find as find_confinement
from hive_runner.processes.output import Output
from hive_runner.processes.process_group import Command, Ended
from hive_runner.processes.sandbox import Sandbox
from hive_shared.profiles import Profile, Server
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    lease,
    new_id,
    nothing_left_behind,
    until,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own limits are Linux's")
PYTHON = sys.executable
MIB = 1 << 20


async def run(
    tmp_path: Path,
    script: str,
    limits: Limits,
    groups: Cgroups | None = None,
    marker: str = "",
) -> tuple[Ended, str]:
    confinement = Confinement(limits=limits, cgroups=groups)
    output = Output(tmp_path / "output.log", 1 << 20)
    command = Command(
        argv=("/bin/sh", "-c", script),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], processes.MARKER: marker or new_id()},
        folder=tmp_path,
        run_timeout=60,
        grace=0.3,
        confinement=confinement,
    )
    try:
        return await process_group.run(command, output), output.tail()
    finally:
        output.close()


# --- limits


@pytest.mark.parametrize(
    ("script", "limits", "said"),
    [
        (
            f"{PYTHON} -c 'x = b\"x\" * 300_000_000; import time; time.sleep(60)'",
            Limits(memory=200 * MIB),
            "it used more than 200 MiB of memory",
        ),
        (
            "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; wait",
            Limits(processes=6),
            "it had more than 6 processes",
        ),
        (
            f"{PYTHON} -c 'while True: pass'",
            Limits(cpu=1),
            "it used more than 1 s of processor time",
        ),
        (
            "head -c 60M /dev/zero > big; sleep 60",
            Limits(disk=20 * MIB),
            "its files took more than 20 MiB",
        ),
        (
            "exec head -c 60M /dev/zero > big",
            Limits(file_size=20 * MIB),
            "it wrote a file of more than 20 MiB",
        ),
    ],
    ids=["memory", "processes", "processor time", "disk", "a file"],
)
@linux
async def test_a_command_that_uses_too_much_is_ended_and_told_why(
    tmp_path: Path, script: str, limits: Limits, said: str
) -> None:
    ended, _ = await run(tmp_path, script, limits)
    assert (ended.reason, ended.limit) == ("limit", said)
    assert ended.seconds < 30


SHARES = """
import os, time
x, children = bytearray(100_000_000), []
for _ in range(2):
    pid = os.fork()
    children = [*children, pid] if pid else []
time.sleep(2.5)
for pid in children:
    os.waitpid(pid, 0)
"""
"""Four processes, and none is left over."""


async def test_memory_that_processes_share_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "shares.py").write_text(SHARES)
    script = f"{PYTHON} {tmp_path / 'shares.py'}"
    ended, _ = await run(tmp_path, script, Limits(memory=250 * MIB))
    assert ended == Ended("exit", 0, ended.seconds)


@linux
async def test_the_kernels_limits_hold_from_the_first_instruction(tmp_path: Path) -> None:
    limits = Limits(open_files=64, file_size=20 * MIB)
    script = "ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"
    _, printed = await run(tmp_path, script, limits)
    assert printed.split() == ["64", "64", "0", "500"]


async def test_an_attempt_that_was_ended_for_what_it_used_says_so_to_people(
    source: Source, tmp_path: Path
) -> None:
    workshop = Workshop(
        tmp_path / "data", confinement=Confinement(limits=Limits(disk=20 * MIB)), kill_grace=0.1
    )
    failed = failure(
        await workshop.perform(lease(source, run="head -c 60M /dev/zero > b.log; sleep 60"))
    )
    assert failed.kind == "agent"
    assert failed.detail == "the command was ended: its files took more than 20 MiB"


# --- processes that get away


ESCAPE = (
    "import os, sys, time\n"
    "if os.fork(): time.sleep({seconds}); sys.exit()\n"
    "os.setsid()\n"
    "if os.fork(): os._exit(0)\n"
    "os.execve('/bin/sh', ['/bin/sh', '-c', '{nap}'], {{}})\n"
)
"""Forks twice, leaves its session, and wipes its environment."""


def escape(tmp_path: Path, nap: str, seconds: float) -> str:
    (tmp_path / "escape.py").write_text(ESCAPE.format(nap=nap, seconds=seconds))
    return f"{PYTHON} {tmp_path}/escape.py"


@linux
async def test_a_daemon_without_marker_session_or_parent_is_ended_if_it_was_seen(
    tmp_path: Path, nap: str
) -> None:
    # Its parents live long enough to be met by the look at processes that comes each second.
    slow = ESCAPE.replace("os._exit(0)", "(time.sleep(1.8), os._exit(0))")
    (tmp_path / "escape.py").write_text(slow.format(nap=nap, seconds=2.2))
    with nothing_left_behind(nap):
        ended, _ = await run(tmp_path, f"{PYTHON} {tmp_path}/escape.py", Limits())
    assert ended.exit_code == 0


@pytest.fixture
def groups() -> Cgroups:
    """Control groups of this machine, in one of the test's own."""
    found = cgroups.find()
    if isinstance(found, str):
        pytest.skip(f"no control groups: {found}")
    return found


async def test_a_control_group_lets_nothing_get_away(
    tmp_path: Path, nap: str, groups: Cgroups
) -> None:
    marker = new_id()
    with nothing_left_behind(nap):
        ended, _ = await run(tmp_path, escape(tmp_path, nap, 0.1), Limits(), groups, marker)
    assert ended.exit_code == 0
    assert list(groups.folder.glob(f"hive-{marker}*")) == [], "others are of other tests"


def test_a_control_group_is_told_the_limits_that_the_kernel_can_keep(tmp_path: Path) -> None:
    groups = Cgroups(tmp_path)
    groups.controllers = ("memory", "pids")
    group = groups.open("m", Limits(memory=2 << 30, processes=100))
    assert (group.folder / "memory.max").read_text() == str(2 << 30)
    assert (group.folder / "pids.max").read_text() == "100"
    assert group.struck() == ""
    (group.folder / "pids.events").write_text("max 3\n")
    assert group.struck() == "it had more than 100 processes"
    (group.folder / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert group.struck() == "it used more than 2 GiB of memory"


# --- the sandbox


SECRETS = ("secrets/admin.token", "secrets/runner.token", "runner/other/work", "pg/base")


@pytest.fixture
async def boxed(tmp_path: Path) -> Workshop:
    """A runner whose attempts are in a sandbox, with secrets in its data folder."""
    data = tmp_path / "data"
    home = tmp_path / "home"
    for name in SECRETS:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("s3cret")
        (data / name).chmod(0o600)
    (home / ".config" / "agent-hive").mkdir(parents=True)
    (home / ".config" / "agent-hive" / "hive.toml").write_text("s3cret")
    person = PERSON | {"HOME": str(home)}
    found = await sandbox.find("auto", data, person)
    if not isinstance(found, Sandbox):
        pytest.skip(f"no sandbox: {found}")
    return Workshop(data, person, Confinement(sandbox=found), kill_grace=0.5)


async def test_a_command_in_the_sandbox_finds_no_secret_of_the_hives(
    source: Source, boxed: Workshop
) -> None:
    data = boxed.options.data
    script = (
        f"grep -rs s3cre[t] {data} ~/.config > found; ls {data} {data}/runner > seen;"
        " cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c SECRET >> found; :"
    )
    result = done(await boxed.perform(lease(source, run=script)))
    files = boxed.files_of(result.commit)
    assert files["found"] == "0"
    assert "secrets" not in files["seen"]


async def test_an_agent_in_the_sandbox_finds_what_it_is_told(
    source: Source, boxed: Workshop
) -> None:
    """Its servers, which the hive writes into a file for it, and the answer to what it asked."""
    script = 'cat "$HIVE_ANSWER_FILE" > answer; cat "$2" > servers; echo x >> "$2"; :'
    boxed.options.profiles["agent"] = Profile(
        ("/bin/sh", "-c", script, "agent"),
        speaks="claude",
        mcp={"issues": Server("issues-mcp")},
    )
    question = Answered("Which?", "That one.", "ann")
    asked = lease(source, agent="agent", prompt="Do it.", answers=(question,))
    files = boxed.files_of(done(await boxed.perform(asked)).commit)
    assert files["answer"] == "That one."
    assert "issues-mcp" in files["servers"]


async def test_a_command_in_the_sandbox_can_work_as_usual(source: Source, boxed: Workshop) -> None:
    source.commit(
        {".hive/repo.yaml": "setup: echo made > a.log\ncache: [~/.cache/tool, .gradle]\n"}
    )
    script = (
        "cat a.log; echo x > ~/.cache/tool/x; echo y > .gradle/y; echo t > $(mktemp);"
        " git log --oneline | cat; echo n > new; git add new; git commit -qm mine;"
        " echo reason > $HIVE_NO_CHANGE_FILE; echo n > /dev/shm/n; wc -l < /dev/null"
    )
    result = done(await boxed.perform(lease(source, run=f"set -e; {script}")))
    assert boxed.files_of(result.commit)["new"] == "n"
    assert (boxed.options.folder / "caches").is_dir()


async def test_a_command_in_the_sandbox_cannot_change_what_is_not_its_own(
    source: Source, boxed: Workshop
) -> None:
    mirror = f"{boxed.options.folder}/mirrors"
    places = (
        f"{source.path}/README {source.path}/.git/config /etc/hive-was-here {mirror}/*.git/HEAD"
    )
    script = (
        f"for f in {places}; do echo x >> $f && echo $f; done > written; cat README > copy;"
        " rm -f /etc/hive-was-here"
    )
    before = source.state()
    result = done(await boxed.perform(lease(source, run=script)))
    files = boxed.files_of(result.commit)
    assert files["written"] == ""
    assert files["copy"] == "hello"
    assert source.state() == before


async def test_a_command_in_the_sandbox_cannot_get_away(
    source: Source, boxed: Workshop, tmp_path: Path, nap: str
) -> None:
    with nothing_left_behind(nap):
        done(await boxed.perform(lease(source, run=f"{escape(tmp_path, nap, 0.1)}; echo > new")))


async def test_a_command_in_the_sandbox_is_given_time_to_end(
    source: Source, boxed: Workshop
) -> None:
    asked = lease(
        source, run="trap 'echo saved > saved; exit 0' TERM; touch ready; sleep 60 & wait"
    )
    attempt = asyncio.create_task(boxed.perform(asked))
    await until(lambda: list(boxed.options.folder.glob("attempts/*/tree/ready")))
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert boxed.files_of(boxed.kept()["fix-1/build_one/1"])["saved"] == "saved"


async def test_a_command_in_the_sandbox_reaches_the_network(
    source: Source, boxed: Workshop
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"{PYTHON} -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}))'"
        done(await boxed.perform(lease(source, run=f"{script} && echo > new")))


async def test_without_a_sandbox_the_log_says_what_that_means(tmp_path: Path) -> None:
    missing = await sandbox.find("auto", tmp_path, {"PATH": str(tmp_path)})
    assert missing == "bubblewrap is not installed"
    (text,) = (line for line in said(Limits(), "none", missing) if line.startswith("sandbox"))
    assert "the hive's own secrets among it" in text
    with pytest.raises(SandboxMissing, match="bubblewrap is not installed"):
        await find_confinement(Limits(), "on", tmp_path, {"PATH": str(tmp_path)})


async def test_a_sandbox_that_does_not_work_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho no rights >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    found = await sandbox.find("auto", tmp_path, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert isinstance(found, str)
    assert "no rights" in found


@linux
def test_other_processes_of_the_same_user_cannot_read_the_runners_environment() -> None:
    """As the kernel says it of a process: 1 is open to its user, 0 to root alone."""
    script = (
        "import ctypes; from hive_runner.processes.privacy import close_environment as close;"
        " ask = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0); print(ask()); close(); print(ask())"
    )
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


async def test_nothing_of_the_runners_environment_is_in_a_command_or_above_it(
    source: Source, workshop: Workshop
) -> None:
    """Without a sandbox: what is handed to a command, and to the shell that started it."""
    script = "env > env; tr '\\0' '\\n' < /proc/$PPID/environ >> env || true"
    result = done(await workshop.perform(lease(source, run=f"sh -c {script!r}")))
    assert "not for agents" not in workshop.files_of(result.commit)["env"]
