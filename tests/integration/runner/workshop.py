"""A runner's place without a hive: real git, real processes, artifacts in a folder."""

import asyncio
import functools
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from hive_contracts.ids import uuid7
from hive_contracts.orders import Lease
from hive_contracts.outcome import Failure, MergeDone, Outcome, WorkDone
from hive_contracts.plan import (
    ArtifactRef,
    CommandGate,
    Globbed,
    MergeOf,
    Repository,
    Step,
    TaskSpec,
    Timeouts,
    Tip,
)
from hive_contracts.task import TaskPlanned
from hive_runner.agents.roster import Roster
from hive_runner.errors import ArtifactUnavailable
from hive_runner.link.depot import Depot
from hive_runner.options import Options
from hive_runner.place import place_of
from hive_runner.processes.confinement import Confinement
from hive_runner.repositories.git import Git
from hive_runner.steps.attempt import perform
from hive_runner.steps.handover import Handover
from hive_shared.profiles import Profile
from hive_stack.processes import deadline, wait_tick

PERSON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "SECRET": "not for agents"}
DATES = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def new_id() -> str:
    return uuid7(1_700_000_000_000, os.urandom(10))


def git(folder: Path, *arguments: str) -> str:
    """A call of git as a person would make it, in a person's repository."""
    return git_said(folder, *arguments).decode("utf-8", "replace").strip()


def git_said(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """The same, with all that it says."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "4",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Ada",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "ada@example.org",
        "GIT_CONFIG_KEY_2": "init.defaultBranch",
        "GIT_CONFIG_VALUE_2": "main",
        "GIT_CONFIG_KEY_3": "maintenance.auto",
        "GIT_CONFIG_VALUE_3": "false",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env | DATES, input=stdin, capture_output=True,
        check=True,
    )  # fmt: skip
    return done.stdout


_BLANKS: Final[dict[str, Path]] = {}
"""The empty git directories that runners of this process have made, for others to copy."""
Files = tuple[tuple[str, str], ...]


@functools.cache
def _ground() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="hive-sources-")


@functools.cache
def _made(files: Files | None) -> Path:
    """An empty repository, or one with a commit of these files. To copy it takes less time than to
    have git make another."""
    folder = Path(tempfile.mkdtemp(dir=_ground().name)) / "repo"
    if files is None:
        folder.mkdir()
        git(folder, "init", "-q")
        for sample in folder.glob(".git/hooks/*.sample"):
            sample.unlink()
    else:
        Source(folder).commit(dict(files))
    return folder


class Source:
    """A person's repository."""

    def __init__(self, path: Path, files: dict[str, str] | None = None) -> None:
        """Empty, or with a first commit of these files."""
        self.path = path
        made = _made(None if files is None else tuple(files.items()))
        shutil.copytree(made, path, symlinks=True)

    def commit(self, files: dict[str, str], message: str = "change") -> str:
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode())
        git(self.path, "add", "--all")
        git(self.path, "commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def commit_unhooked(self, files: dict[str, str]) -> str:
        """A commit that none of its hooks takes part in."""
        hooks = self.path / ".git" / "hooks"
        hooks.rename(hooks.with_name("hooks-away"))
        try:
            return self.commit(files)
        finally:
            hooks.with_name("hooks-away").rename(hooks)

    @property
    def head(self) -> str:
        """As `rev-parse HEAD` says it, which is asked where it cannot be read."""
        git_dir = self.path / ".git"
        said = (git_dir / "HEAD").read_text().strip() if git_dir.is_dir() else ""
        name = said.removeprefix("ref: ")
        if name != said and (git_dir / name).is_file():
            said = (git_dir / name).read_text().strip()
        return said if _COMMIT.fullmatch(said) else git(self.path, "rev-parse", "HEAD")

    @property
    def repository(self) -> Repository:
        return Repository(str(self.path), self.head, "main")

    def state(self) -> tuple[str, ...]:
        """All that a runner must leave as it is."""
        git_dir = self.path / ".git"
        refs = [path for path in sorted(git_dir.glob("refs/**/*")) if path.is_file()]
        packed = git_dir / "packed-refs"
        return (
            self.head,
            *(f"{path.relative_to(git_dir)} {path.read_text()}" for path in refs),
            packed.read_text() if packed.exists() else "",
            git(self.path, "status", "--porcelain", "--ignored"),
            (git_dir / "config").read_text(),
        )


class NoHive:
    """The artifacts of a hive that has none."""

    async def get(self, digest: str, into: Path) -> None:
        raise ArtifactUnavailable(f"artifact {digest} is not here")


class Workshop:
    """A runner's place, and leases for it."""

    def __init__(
        self,
        folder: Path,
        person: dict[str, str] | None = None,
        confinement: Confinement | None = None,
        **options: Any,
    ) -> None:
        self.options = Options(
            data=folder,
            gateway="127.0.0.1:1",
            token_file=folder / "token",
            name="test",
            kill_grace=options.pop("kill_grace", 0.3),
            profiles=options.pop("profiles", {"cat": Profile(("cat",))}),
            **options,
        )
        self.depot = Depot(self.options.folder / "artifacts", NoHive())
        self.git = Git(self.options.folder / "git", person or PERSON)
        self.git.prepare()
        for name, blank in _BLANKS.items():
            copied = self.options.folder / "git" / name
            shutil.copytree(blank, copied)
            self.git._blanks.add(copied)
        roster = Roster(self.options.profiles, person or PERSON)
        self.place = place_of(
            self.options, self.git, self.depot, person or PERSON, roster,
            confinement or Confinement(),
        )  # fmt: skip
        self.mirrors = self.place.mirrors

    async def perform(self, lease: Lease, handover: Handover | None = None) -> Outcome:
        outcome = await perform(self.place, lease, lease.traceparent, handover)
        for blank in self.git._blanks:
            if blank.name not in _BLANKS:
                made = Path(tempfile.mkdtemp(dir=_ground().name)) / blank.name
                _BLANKS[blank.name] = shutil.copytree(blank, made)
        return outcome

    def artifact(self, ref: ArtifactRef | None) -> bytes:
        assert ref is not None
        path = self.depot.waiting(ref.digest)
        assert path is not None
        content = path.read_bytes()
        assert len(content) == ref.size
        return content

    def mirror_git(self, *arguments: str) -> str:
        """A call of git in the only mirror."""
        (mirror,) = self.options.folder.glob("mirrors/*.git")
        return git(mirror, *arguments)

    def mirrors_git(self, *arguments: str) -> str:
        """A call of git in the one mirror of several that can answer it."""
        for mirror in sorted(self.options.folder.glob("mirrors/*.git")):
            try:
                return git(mirror, *arguments)
            except subprocess.CalledProcessError:
                continue
        raise AssertionError(f"no mirror answers {arguments}")

    def mirror_show(self, commit: str, path: str) -> str:
        return self.mirrors_git("show", f"{commit}:{path}")

    def kept(self) -> dict[str, str]:
        """Commits by their kept refs, without the common prefix."""
        listed = self.mirror_git(
            "for-each-ref", "--format=%(refname) %(objectname)", "refs/hive/kept"
        )
        pairs = (line.split() for line in listed.splitlines())
        return {ref.removeprefix("refs/hive/kept/"): commit for ref, commit in pairs}

    def files_of(self, commit: str) -> dict[str, str]:
        """Contents by path."""
        (mirror,) = self.options.folder.glob("mirrors/*.git")
        listed = git(mirror, "ls-tree", "-r", "-z", commit)
        entries = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
        asked = "".join(f"{fields.split()[2]}\n" for fields, _ in entries)
        left = git_said(mirror, "cat-file", "--batch", stdin=asked.encode())
        found = {}
        for _, name in entries:
            head, _, left = left.partition(b"\n")
            size = int(head.split()[2])
            found[name] = left[:size].decode("utf-8", "replace").strip()
            left = left[size + 1 :]
        return found

    def folders_left(self) -> list[str]:
        return [path.name for path in self.options.folder.glob("attempts/*")]


def lease(
    source: Source | None,
    step: Step = "work",
    *,
    run: str = "",
    prompt: str = "",
    agent: str = "",
    name: str = "one",
    phase: str = "build",
    mission: str = "fix-1",
    epoch: int = 1,
    tip: Tip | None = None,
    gates: dict[str, str] | None = None,
    timeouts: Timeouts | None = None,
    task_id: str = "",
    merge: MergeOf | None = None,
    expand: Globbed | None = None,
    paths: tuple[str, ...] = (),
    review: bool = False,
    **fields: Any,
) -> Lease:
    repository = source.repository if source else None
    spec = TaskSpec(
        name,
        prompt=prompt,
        run=run,
        agent=agent,
        gates=tuple(CommandGate(key, command) for key, command in (gates or {}).items()),
        timeouts=timeouts or Timeouts(),
        paths=paths,
        review=review,
    )
    task = TaskPlanned(
        task_id or new_id(),
        new_id(),
        mission,
        phase,
        "gate" if step == "gates" else step,
        spec,
        objective=fields.pop("objective", ""),
        repository=repository,
        tip=tip or (Tip(repository.base) if repository else None),
        merge=merge,
        expand=expand,
    )
    return Lease(epoch=epoch, step=step, task=task, attempt=fields.pop("attempt", 1), **fields)


def merge_of(work: WorkDone, name: str = "build/one", epoch: int = 1) -> MergeOf:
    assert work.bundle is not None
    return MergeOf(new_id(), name, epoch, work.commit, work.bundle)


def done(outcome: Outcome) -> WorkDone:
    assert isinstance(outcome, WorkDone), outcome
    return outcome


def merged(outcome: Outcome) -> MergeDone:
    assert isinstance(outcome, MergeDone), outcome
    return outcome


def failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure), outcome
    return outcome


def with_epoch(lease: Lease, epoch: int) -> Lease:
    return msgspec.structs.replace(lease, epoch=epoch)


def with_repository(lease: Lease, repository: Repository) -> Lease:
    task = msgspec.structs.replace(lease.task, repository=repository)
    return msgspec.structs.replace(lease, task=task)


def new_nap() -> str:
    """A command that sleeps for minutes, recognisable among all processes of this machine."""
    return f"sleep {random.randrange(300, 900)}.{random.randrange(10**9):09}"


DYING_SECONDS: Final = 5.0


@contextmanager
def nothing_left_behind(marker: str) -> Iterator[None]:
    """No process whose command line has this marker is alive afterwards: one that was killed a
    moment ago may take that moment."""
    yield
    until = deadline(DYING_SECONDS)
    while alive := [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if marker in " ".join(process.info["cmdline"] or ())
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]:
        assert wait_tick(until), alive


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait for something that other processes do. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # processes set no events
            await asyncio.sleep(0.01)
