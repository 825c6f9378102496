"""examples/modernise-files.yaml on a source distribution as it is published, through two kills.

    python -m tests.system.modernise                          # boltons 20.2.1, whose suite is red
    python -m tests.system.modernise --package more-itertools==9.0.0
        --suite ""                                            # what pytest is given there
        --calmly                                              # nobody is killed

The package is taken from the package index that pip knows, unpacked, put under git, and given a
repository file whose gate compares with the base. A person agrees to the rest after the first
file; then the runner and the orchestrator are killed while tasks run. At the end the branch is
landed, and the suite run there has to find what it found on the base. Exit status 3: no package
index can be reached, and nothing was tried.
"""

import argparse
import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import msgspec

from hive_contracts.envelope import Recorded
from hive_contracts.mission import BranchAdvanced, MissionSucceeded, TasksPlanned
from hive_contracts.task import ApprovalGiven, AttemptStarted
from tests.component.client.repositories import run_git
from tests.system.hive import RealHive, of_type

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "modernise-files.yaml"
PACKAGE: Final = "boltons==20.2.1"
SUITE: Final = "--doctest-modules --continue-on-collection-errors boltons"
"""Its examples are its tests; one of its modules cannot be imported any more."""
DOWNLOAD_SECONDS: Final = 300
MISSION_SECONDS: Final = 1800
TOLD: Final = 20
"""Lines of `hive why` that are said."""
REPOSITORY_FILE: Final = """\
gates:
  tests:
    run: {command}
    compare: base
    report: junit.xml
"""


class NoIndex(Exception):
    """The package cannot be had here."""


class Modernised(msgspec.Struct, frozen=True):
    """What came of it."""

    files: int
    merged: int
    killed: tuple[str, ...]
    before: dict[str, str]
    """By test: passed, failed or skipped, on the base."""
    after: dict[str, str]
    """The same after `hive land`."""
    changed: tuple[str, ...]
    why: str
    """What `hive why` says of it."""
    log: str
    """What `hive logs` says of the first task that was merged."""
    seconds: float


class Modernising:
    def __init__(self, folder: Path, package: str, suite: str, say: Callable[[str], None]) -> None:
        """`suite` is what pytest is given, as it is typed."""
        self._folder = folder
        self._package = package
        self._say = say
        pytest = f"python -m pytest -q -p no:cacheprovider --junitxml=junit.xml {suite}"
        self._suite = pytest.strip()
        tools = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        self._hive = RealHive(folder, PATH=tools)
        self._env = {**os.environ, "HIVE_DATA": str(self._hive.data), "PATH": tools}

    def run(self, *, calmly: bool = False) -> Modernised:
        """Raises NoIndex; AssertionError where something is not as it should be."""
        path = self._repository()
        before = self._tests(path)
        self._hive.stack.up()
        began = time.monotonic()
        try:
            killed = asyncio.run(self._mission(path, calmly))
        finally:
            self._hive.stack.down()
        files, merged = self._counted
        changed = run_git(path, "diff", "--name-only", "base", "HEAD").splitlines()
        seconds = time.monotonic() - began
        return Modernised(
            files, merged, killed, before, self._tests(path), tuple(changed), *self._told, seconds
        )

    def _repository(self) -> Path:
        archive = download(self._package, self._folder / "download")
        self._say(f"{archive.name} is here")
        with tarfile.open(archive) as packed:
            packed.extractall(self._folder / "source", filter="data")
        (path,) = (self._folder / "source").iterdir()
        (path / ".hive").mkdir()
        written = REPOSITORY_FILE.format(command=self._suite)
        (path / ".hive/repo.yaml").write_text(written)
        run_git(path, "init", "-q", "-b", "main")
        run_git(path, "add", "--all", "--force")
        run_git(path, "commit", "-q", "-m", f"{self._package}, as published")
        run_git(path, "tag", "base")
        return path

    def _tests(self, path: Path) -> dict[str, str]:
        """The suite on what is checked out, outside of the hive."""
        copy = Path(tempfile.mkdtemp(dir=self._folder, prefix="suite-"))
        run_git(self._folder, "clone", "-q", str(path), str(copy / "tree"))
        subprocess.run(
            shlex.split(self._suite), cwd=copy / "tree", env=self._env, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=MISSION_SECONDS,
        )  # fmt: skip
        found = ElementTree.parse(copy / "tree" / "junit.xml")  # our own suite's
        return {
            f"{case.get('classname')}::{case.get('name')}": _outcome(case)
            for case in found.iter("testcase")
        }

    async def _mission(self, path: Path, calmly: bool) -> tuple[str, ...]:
        asked = await self._typed(f"run {EXAMPLE} --no-wait", path, exit=3)
        typed = re.search(r"hive (mission approve \S+ --gate \S+)", asked)
        assert typed is not None, asked
        name = typed[1].split()[2]
        self._say(f"{name} has done its first file, and asks: hive {typed[1]}")
        await self._typed(typed[1], path)
        killed: list[str] = []
        if not calmly:
            await self._hive.until(_rest_is_at_work)
            for program in ("runner", "orchestrator"):
                before = self._hive.send(program, signal.SIGKILL)
                if before is not None:
                    killed.append(program)
                    self._say(f"the {program} is killed")
                    await self._hive.again(program, before)
        ended = await self._typed(f"watch {name}", path)
        self._say(next(line for line in ended.splitlines() if line.startswith("✓")))
        log = await self._hive.log()
        assert len(of_type(log, MissionSucceeded.__name__)) == 1
        planned = [e for e in of_type(log, TasksPlanned.__name__) if isinstance(e, TasksPlanned)]
        moved = [e for e in of_type(log, BranchAdvanced.__name__) if isinstance(e, BranchAdvanced)]
        twice = [id for id, times in Counter(e.task_id for e in moved).items() if times > 1]
        assert not twice, f"merged more than once: {twice}"
        files = [task for event in planned for task in event.tasks if task.kind == "work"]
        self._counted = len(files), len(moved)
        first = next(task for task in files if task.task_id == moved[0].task_id)
        why = await self._typed(f"why {name}", path)
        self._told = why, await self._typed(f"logs {name}/files/{first.name}", path)
        for line in why.splitlines()[:TOLD]:
            self._say(f"hive why: {line.strip()}")
        self._say((await self._typed(f"land {name}", path)).strip().splitlines()[0])
        return tuple(killed)

    async def _typed(self, line: str, folder: Path, exit: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hive_cli.main", *shlex.split(line), cwd=folder, env=self._env,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(MISSION_SECONDS):
            said = (await process.communicate())[0].decode()
        assert process.returncode == exit, f"hive {line}: {process.returncode}\n{said}"
        return said


def download(package: str, folder: Path) -> Path:
    """Its source distribution. Raises NoIndex."""
    pip = [f"{sys.base_prefix}/bin/python3", "-m", "pip", "--disable-pip-version-check"]
    wanted = ["download", "-q", "--no-deps", "--no-binary", ":all:", "--retries", "0"]
    try:
        said = subprocess.run(
            [*pip, *wanted, "--timeout", "15", "-d", str(folder), package],
            capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoIndex(f"pip cannot download {package}: {error}") from error
    if said.returncode != 0:
        last = (said.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise NoIndex(f"no package index has {package} for us; pip says: {last}")
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _rest_is_at_work(log: list[Recorded]) -> bool:
    """Whether a file after the first one is being worked on."""
    asked = next((r.position for r in log if r.type == ApprovalGiven.__name__), None)
    return asked is not None and any(
        r.type == AttemptStarted.__name__ and r.position > asked for r in log
    )


def _outcome(case: ElementTree.Element) -> str:
    for name in ("failure", "error", "skipped"):
        if case.find(name) is not None:
            return name
    return "passed"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.modernise")
    parser.add_argument("--package", default=PACKAGE, help=f"name==version (default: {PACKAGE})")
    parser.add_argument("--suite", default=SUITE, help=f"what pytest is given (default: {SUITE})")
    parser.add_argument("--calmly", action="store_true", help="nobody is killed")
    told = parser.parse_args()
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="hive-modernise-") as made:
        Path(made).chmod(0o755)
        try:
            came = Modernising(Path(made), told.package, told.suite, say).run(calmly=told.calmly)
        except NoIndex as reason:
            say(f"left out: {reason}")
            return 3
    say(
        f"{came.files} files, {came.merged} merged, in {came.seconds:.0f} s from launch to landing;"
        f" the suite: {len(came.before)} tests, as on the base: {came.before == came.after}"
    )
    return 0 if came.before == came.after else 1


if __name__ == "__main__":
    sys.exit(main())
