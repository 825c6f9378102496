"""`hive bench attempts`: what an attempt costs on a runner, beside plain git and the bare command.

A task's command adds a line to a file of its own and commits nothing by itself. Beside it, in the
same run: the bare command, and what a person would type for the same with git alone (`worktree
add`, the command, `add`, `commit`, `merge`, `worktree remove`).

Dispatch is the time from a task that may run (`TaskPlanned`) to its lease at a runner that has
nothing to do; the clock of the record is that of this machine.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from grpc import aio

from hive_bench import history
from hive_bench.ground import Ground
from hive_bench.missions import BENCH, its_runner, without_its_runner
from hive_bench.noop_runner import NoopRunner
from hive_bench.result import BenchRefused, CaseResult, result
from hive_client import Hive, Launched
from hive_contracts.envelope import Recorded
from hive_contracts.plan import Phase, Plan, Repository, TaskSpec
from hive_contracts.v1 import event_pb2

SECONDS: Final = 10.0
"""How long each case is measured, at least one mission of it."""
SLOTS: Final = 100
CONCURRENT: Final = (1, 10, 100)
FILES: Final = 50
"""In the small repository."""
LARGE: Final = (100_000, 50_000)
"""Files and commits of the large one, in a run of the usual length."""
_END_SECONDS: Final = 600.0
_DISPATCHES: Final = 200
_LIVE_SECONDS: Final = 3
_STEPS: Final = (
    ("lease to start", "TaskLeased", "AttemptStarted"),
    ("start to report", "AttemptStarted", "AttemptSucceeded"),
)
_KINDS: Final = {"work": "work", "merge": "its merge"}
"""Tasks by kind, as they are called in the table."""


class Told(msgspec.Struct):
    """What the record says of one task."""

    kind: str = ""
    at: dict[str, float] = msgspec.field(default_factory=dict)
    """When its first event of each type was recorded, in seconds since 1970."""


async def run(ground: Ground, *, seconds: float = SECONDS) -> list[CaseResult]:
    """Raises BenchRefused where a mission fails, HiveError where one is refused."""
    folder = ground.record.folder
    small = folder / "small"
    await asyncio.to_thread(history.make, small, files=FILES, commits=10)
    bare = await asyncio.to_thread(_repeated, _bare, small, seconds / 4)
    plain = await asyncio.to_thread(_repeated, _plain, small, seconds / 2)
    results = [
        result("attempts", "the bare command", 1 / _mean(bare), "runs/s", bare),
        result("attempts", "plain git", 1 / _mean(plain), "attempts/s", plain),
    ]
    async with Hive(ground.gateway, ground.token) as hive:
        repository = _repository(small)
        await _mission(hive, repository, 1)  # the mirror is made, and all code is loaded
        results += await _first_output(hive, repository, folder, seconds)
        for many in dict.fromkeys(max(1, int(many * _part(seconds))) for many in CONCURRENT):
            results += await _attempts(hive, repository, many, seconds, 1 / _mean(plain))
        results.append(await _on_disk(hive, repository, ground))
        results += await _dispatch(ground, hive, seconds)
        await its_runner(ground, connected=True)
        # The last: the disk is busy with so many files for a while.
        files, commits = (int(each * _part(seconds)) for each in LARGE)
        results += await _large(hive, folder / "large", files, commits)
    return results


def _part(seconds: float) -> float:
    """Of what is measured: all of it, unless somebody is in a hurry."""
    return min(1.0, seconds / SECONDS)


# --- beside it


def _bare(repository: Path, number: int) -> None:
    subprocess.run(["/bin/sh", "-c", f"echo x >> bare-{number}"], cwd=repository, check=True)


def _plain(repository: Path, number: int) -> None:
    tree = repository.with_name(f"{repository.name}-{number}")
    history.git(repository, "worktree", "add", "-q", "--detach", str(tree))
    subprocess.run(["/bin/sh", "-c", f"echo x >> plain-{number}"], cwd=tree, check=True)
    history.git(tree, "add", "--all")
    history.git(tree, "commit", "-q", "-m", f"plain {number}")
    commit = history.git(tree, "rev-parse", "HEAD")
    history.git(repository, "merge", "-q", "--no-ff", "--no-edit", commit)
    history.git(repository, "worktree", "remove", str(tree))


def _repeated(work: Callable[[Path, int], None], repository: Path, seconds: float) -> list[float]:
    durations: list[float] = []
    until = time.perf_counter() + seconds
    while not durations or time.perf_counter() < until:
        began = time.perf_counter()
        work(repository, len(durations))
        durations.append(time.perf_counter() - began)
    return durations


# --- attempts


async def _attempts(
    hive: Hive, repository: Repository, many: int, seconds: float, plain: float
) -> list[CaseResult]:
    """Missions of so many tasks at once, one after the other."""
    head = (await hive.read(limit=1)).head
    durations: list[float] = []
    until = time.perf_counter() + seconds
    while not durations or time.perf_counter() < until:
        began = time.perf_counter()
        await _mission(hive, repository, many)
        durations.append(time.perf_counter() - began)
    rate = many * len(durations) / sum(durations)
    told = [result("attempts", f"{many} at once", rate, "attempts/s", durations, plain)]
    times = await _times(hive, head)
    for kind, called in _KINDS.items():
        of_kind = [task for task in times.values() if task.kind == kind]
        for case, first, last in _STEPS:
            between = between_of(of_kind, first, last)
            name = f"{many} at once: {called}, {case}"
            told.append(result("attempts", name, len(between), "steps", between))
    return told


async def _first_output(
    hive: Hive, repository: Repository, folder: Path, seconds: float
) -> list[CaseResult]:
    """From the call that launches to the first line that the command prints.

    And from the attempt's start, which is what its worktree takes.
    """
    said = folder / "said"
    durations: list[float] = []
    printed: list[float] = []
    head = (await hive.read(limit=1)).head
    until = time.perf_counter() + seconds / 2
    while not durations or time.perf_counter() < until:
        said.unlink(missing_ok=True)
        began = time.time()
        await _mission(hive, repository, 1, f"date +%s.%N > {said}; ")
        printed.append(float(said.read_text()))
        durations.append(printed[-1] - began)
    times = await _times(hive, head)
    started = [told.at["AttemptStarted"] for told in times.values() if told.kind == "work"]
    worktrees = [line - start for line, start in zip(printed, sorted(started), strict=True)]
    return [
        result("attempts", case, 1 / _mean(measured), unit, measured)
        for case, unit, measured in (
            ("launch to the first output", "launches/s", durations),
            ("start to the first output", "starts/s", worktrees),
        )
    ]


async def _on_disk(hive: Hive, repository: Repository, ground: Ground) -> CaseResult:
    """What the folders of attempts take while their commands run."""
    many = 10
    waiting = asyncio.create_task(_mission(hive, repository, many, f"sleep {_LIVE_SECONDS}; "))
    most = 0
    folder = ground.stack.paths.data / "runner" / "attempts"
    while not waiting.done():
        size = await asyncio.to_thread(_kilobytes, folder)
        most = max(most, size)
        await asyncio.sleep(0.2)
    await waiting
    return result("attempts", f"disk of one of {many}", most / many, "KiB")


def _kilobytes(folder: Path) -> int:
    said = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=False)
    return int(said.stdout.split()[0]) if said.stdout else 0


async def _large(hive: Hive, path: Path, files: int, commits: int) -> list[CaseResult]:
    """What a large repository costs: its first attempt, which fetches it, and the later ones."""
    await asyncio.to_thread(history.make, path, files=files, commits=commits)
    plain = await asyncio.to_thread(_repeated, _plain, path, 0)
    repository = _repository(path)
    durations = []
    for _ in range(3):
        began = time.perf_counter()
        await _mission(hive, repository, 1)
        durations.append(time.perf_counter() - began)
    first, *later = durations
    size = f"{files:,} files, {commits:,} commits"
    return [
        result("attempts", f"{size}: plain git", 1 / _mean(plain), "attempts/s", plain),
        result("attempts", f"{size}: the first", 1 / first, "attempts/s", [first]),
        result(
            "attempts", f"{size}: later", 1 / _mean(later), "attempts/s", later, 1 / _mean(plain)
        ),
    ]


# --- dispatch


async def _dispatch(ground: Ground, hive: Hive, seconds: float) -> list[CaseResult]:
    arrived: dict[str, float] = {}
    plan = Plan("bench-dispatch", (Phase("main", tasks=(TaskSpec("work", run="true"),)),))
    head = (await hive.read(limit=1)).head
    async with _idle(ground, arrived):
        until = time.perf_counter() + seconds
        for _ in range(_DISPATCHES):
            await _ended(hive, await hive.launch(plan))
            if time.perf_counter() > until:
                break
    times = await _times(hive, head)
    durations = [
        arrived[stream.removeprefix("task-")] - told.at["TaskPlanned"]
        for stream, told in times.items()
        if stream.removeprefix("task-") in arrived and "TaskPlanned" in told.at
    ]
    rate = len(durations) / seconds
    return [result("attempts", "dispatch on an idle fleet", rate, "leases/s", durations)]


@asynccontextmanager
async def _idle(ground: Ground, arrived: dict[str, float]) -> AsyncIterator[None]:
    """A runner with nothing to do, and no other."""

    def note(task: str) -> None:
        arrived.setdefault(task, time.time())

    async with without_its_runner(ground), aio.insecure_channel(ground.gateway) as channel:
        runner = NoopRunner(channel, ground.token, name=f"{BENCH}idle", slots=SLOTS, leased=note)
        working = asyncio.create_task(runner.run())
        try:
            await runner.ready.wait()
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


# --- missions and what the record says of them


def _repository(path: Path) -> Repository:
    return Repository(str(path), history.git(path, "rev-parse", "HEAD"), "main")


async def _mission(hive: Hive, repository: Repository, many: int, first: str = "") -> None:
    tasks = tuple(TaskSpec(f"t{n}", run=f"{first}echo x >> bench-{n}") for n in range(many))
    plan = Plan("bench", (Phase("main", tasks=tasks),), repository=repository)
    await _ended(hive, await hive.launch(plan))


async def _ended(hive: Hive, launched: Launched) -> None:
    """Raises BenchRefused where it did not succeed."""
    async with asyncio.timeout(_END_SECONDS):
        async for change in hive.watch(launched.mission_id, at_least_position=launched.position):
            summary = change.mission.summary
            if summary.status == "succeeded":
                return
            if summary.status in ("failed", "refused", "cancelled"):
                raise BenchRefused(f"{summary.name} is {summary.status}: {summary.reason}")


async def _times(hive: Hive, after: int) -> dict[str, Told]:
    """What was recorded of each task after a position, by stream."""
    found: dict[str, Told] = {}
    filter = event_pb2.EventFilter(categories=["task"])
    while True:
        page = await hive.read(filter, after=after)
        for event in page.events:
            note(found.setdefault(event.stream, Told()), event)
        if page.next >= page.head or page.next <= after:
            return found
        after = page.next


def note(told: Told, event: Recorded) -> None:
    """One event more of a task."""
    told.at.setdefault(event.type, event.recorded_at.timestamp())
    if event.type == "TaskPlanned":
        told.kind = msgspec.json.decode(event.data)["kind"]


def between_of(tasks: Iterable[Told], first: str, last: str) -> list[float]:
    """Seconds from one event to another, of those that have both."""
    return [
        told.at[last] - told.at[first] for told in tasks if first in told.at and last in told.at
    ]


def _mean(durations: Sequence[float]) -> float:
    return sum(durations) / len(durations)
