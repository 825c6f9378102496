"""The runner's disk, with real files and a disk that says what the test wants."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hive_contracts.orders import Lease, Orders, TaskRelease
from hive_runner import keeper as module
from hive_runner.errors import HiveAway
from hive_runner.footprint import footprint
from hive_runner.keeper import Keeper
from hive_runner.link.crew import Crew
from hive_runner.link.depot import Depot
from hive_runner.link.outbox import Outbox
from hive_runner.link.reports import Declined, Report, Started
from hive_runner.link.spool import Spool
from hive_runner.main import options_of
from hive_shared.settings import RunnerSettings
from tests.integration.runner.workshop import (
    NoHive,
    Source,
    Workshop,
    done,
    git,
    lease,
    new_id,
    until,
)

MONTH = 31 * 24 * 3600


class Disk:
    """A disk of a size of one's own, on which the runner's folder lies."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size

    def free(self) -> int:
        said = subprocess.run(
            ["du", "-sk", str(self.folder)], capture_output=True, text=True, check=True
        )
        return self.size - int(said.stdout.split()[0]) * 1024


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data", warm_seconds=0, keep_free=10 << 20)


async def fill(source: Source, workshop: Workshop) -> None:
    """Some megabytes in a cache, a warm tree and a mirror without work, which is old."""
    source.commit(
        {
            ".hive/repo.yaml": "setup: head -c 3M /dev/urandom > a.log\ncache: [.gradle]\n",
            ".gitignore": "*.log\n",
        }
    )
    script = "head -c 3M /dev/urandom > .gradle/big; echo > new"
    done(await workshop.perform(lease(source, run=script)))
    other = Source(source.path.parent / "other")
    other.commit({"README": "other\n"})
    await workshop.perform(lease(other, "gates", gates={"ok": "true"}))
    for mirror in workshop.mirrors.folders():
        age(mirror)


def age(mirror: Path) -> None:
    old = mirror.stat().st_mtime - MONTH
    os.utime(mirror, (old, old))


def left(workshop: Workshop) -> dict[str, int]:
    return {
        "cache": len(list(workshop.options.folder.glob("caches/*/work/.gradle/big"))),
        "tree": len(workshop.place.trees.warm()),
        "mirror": len(workshop.mirrors.folders()),
    }


def all_kept(workshop: Workshop) -> list[str]:
    mirrors = workshop.mirrors.folders()
    listed = (git(mirror, "for-each-ref", "refs/hive/kept") for mirror in mirrors)
    return [line for lines in listed for line in lines.splitlines()]


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (0, {"cache": 1, "tree": 1, "mirror": 2}),
        (1, {"cache": 0, "tree": 1, "mirror": 2}),
        (4 << 20, {"cache": 0, "tree": 0, "mirror": 2}),
        (100 << 20, {"cache": 0, "tree": 0, "mirror": 1}),
    ],
)
async def test_what_is_made_again_most_easily_goes_first_and_kept_work_never(
    source: Source, workshop: Workshop, missing: int, expected: dict[str, int]
) -> None:
    await fill(source, workshop)
    disk = Disk(workshop.options.folder, 0)
    keep = workshop.options.keep_free
    # What is kept free, and a tenth, is wanted once it is short.
    disk.size = keep + keep // 10 - missing - disk.free() if missing else keep - disk.free()
    before = all_kept(workshop)
    keeper = Keeper(workshop.place, lambda: None, disk.free)
    if missing == 1:
        disk.size -= keep // 10
    await keeper.look()
    assert left(workshop) == expected
    assert before == all_kept(workshop) != []
    assert bool(keeper.closed) is (missing == 100 << 20)


async def test_a_cache_that_an_attempt_uses_stays(source: Source, workshop: Workshop) -> None:
    await fill(source, workshop)
    keeper = Keeper(workshop.place, lambda: None, lambda: 0)
    script = "touch here; until test -e go; do sleep 0.05; done; wc -c < .gradle/big > seen"
    attempt = asyncio.create_task(workshop.perform(lease(source, run=script)))
    await until(lambda: list(workshop.options.folder.glob("trees/*/tree/here")))
    await keeper.look()
    (here,) = workshop.options.folder.glob("trees/*/tree/here")
    here.with_name("go").touch()
    result = done(await attempt)
    assert workshop.mirror_show(result.commit, "seen") == "3145728"


async def test_a_mirror_from_which_an_attempt_borrows_stays(
    source: Source, workshop: Workshop
) -> None:
    script = "touch here; until test -e go; do sleep 0.05; done; git log > seen"
    attempt = asyncio.create_task(workshop.perform(lease(source, run=script)))
    await until(lambda: list(workshop.options.folder.glob("attempts/*/tree/here")))
    (mirror,) = workshop.mirrors.folders()
    age(mirror)
    await Keeper(workshop.place, lambda: None, lambda: 0).look()
    assert workshop.mirrors.folders() == [mirror]
    (here,) = workshop.options.folder.glob("attempts/*/tree/here")
    here.with_name("go").touch()
    done(await attempt)


async def test_a_mirror_that_was_dropped_is_fetched_again(
    source: Source, workshop: Workshop
) -> None:
    await workshop.perform(lease(source, "gates", gates={"ok": "true"}))
    (mirror,) = workshop.mirrors.folders()
    age(mirror)
    left = mirror.with_name(f"{mirror.name}.gone-7")
    left.mkdir()
    keeper = Keeper(workshop.place, lambda: None, lambda: 0)
    await keeper.look()
    await keeper.tidy()
    assert list(mirror.parent.glob("*.git*")) == []
    done(await workshop.perform(lease(source, run="echo > new")))


async def test_many_packs_become_one_and_nothing_is_lost(
    source: Source, workshop: Workshop
) -> None:
    for number in range(4):
        source.commit({"README": f"{number}\n" * 200})
        await workshop.perform(lease(source, "gates", gates={"ok": "true"}))
    (mirror,) = workshop.mirrors.folders()
    git(mirror, "repack", "-q", "-d")
    stray = git(mirror, "hash-object", "-w", "/etc/hostname")
    before = git(mirror, "cat-file", "--batch-check", "--batch-all-objects", "--unordered")
    await (await workshop.mirrors.at(mirror)).compact()
    after = git(mirror, "cat-file", "--batch-check", "--batch-all-objects", "--unordered")
    assert sorted(before.splitlines()) == sorted(after.splitlines())
    assert stray in after
    assert len(list(mirror.glob("objects/pack/*.pack"))) == 1


async def test_a_runner_whose_disk_is_short_gives_work_back_and_says_why(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    room = [0]
    keeper = Keeper(workshop.place, lambda: None, lambda: room[0])
    await keeper.look()
    async with at_work(workshop, keeper, tmp_path) as (crew, outbox):
        assert "10 MiB are to stay free" in crew.beat().closed
        report = await first_report(crew, outbox, lease(source, run="echo > new"))
        assert isinstance(report.report, Declined)
        assert "0 bytes free" in report.report.reason
        room[0] = 1 << 40
        await keeper.look()
        assert crew.beat().closed == ""


@asynccontextmanager
async def at_work(
    workshop: Workshop, keeper: Keeper, folder: Path
) -> AsyncIterator[tuple[Crew, Outbox]]:
    """A crew whose attempts are over afterwards, whatever the test has found: one that is cancelled
    with its loop while it starts a process never ends."""
    outbox = Outbox(
        Spool(folder / "spool"), Depot(folder / "depot", NoHive()), None, lambda: None  # type: ignore[arg-type]
    )  # fmt: skip
    crew = Crew(
        workshop.options, "r", "s", outbox, lambda lease, _, asked: workshop.perform(lease, asked),
        new_id, lambda: None, tuple, lambda: keeper.closed,
        workshop.place.ledger, workshop.place.vigil,
    )  # fmt: skip
    try:
        yield crew, outbox
    finally:
        hurry = asyncio.Event()
        hurry.set()
        async with asyncio.timeout(20):
            await crew.drain(hurry)


async def first_report(crew: Crew, outbox: Outbox, asked: Lease) -> Report:
    """The first that is said of a lease."""
    crew.obey(Orders("s", leases=(asked,)))
    said = [asked.task.task_id]
    await until(lambda: [each for each in outbox.pending if each.task_id in said])
    return next(each for each in outbox.pending if each.task_id in said)


async def kept_folder(workshop: Workshop, size: str) -> str:
    """Work that stays until it is released; the id of its task."""
    one = lease(None, run=f"head -c {size} /dev/urandom > a; false")
    await workshop.perform(one)
    return one.task.task_id


def not_known() -> int:
    """What is used of a disk that holds other things as well."""
    return 1 << 60


@pytest.fixture
def bounded(tmp_path: Path) -> Workshop:
    """One that may take 9 MiB."""
    return Workshop(tmp_path / "data", warm_seconds=0, disk=9 << 20)


async def test_a_runner_that_takes_too_much_frees_caches_and_takes_work(
    source: Source, bounded: Workshop
) -> None:
    await fill(source, bounded)
    await kept_folder(bounded, "4M")
    before = all_kept(bounded)
    keeper = Keeper(bounded.place, lambda: None, used=not_known)
    await keeper.weigh()
    assert left(bounded) == {"cache": 0, "tree": 1, "mirror": 2}
    assert before == all_kept(bounded) != []
    assert await footprint(bounded.options.folder) <= bounded.options.disk / 1.1
    assert keeper.closed == ""


async def test_a_runner_that_still_takes_too_much_takes_no_work_until_some_was_released(
    source: Source, bounded: Workshop, tmp_path: Path
) -> None:
    await fill(source, bounded)
    large = await kept_folder(bounded, "12M")
    changes: list[str] = []
    keeper = Keeper(bounded.place, lambda: changes.append(keeper.closed), used=not_known)
    await keeper.weigh()
    assert left(bounded) == {"cache": 0, "tree": 0, "mirror": 1}
    assert all_kept(bounded) != []
    async with at_work(bounded, keeper, tmp_path) as (crew, outbox):
        assert "and may take 9 MiB" in crew.beat().closed
        report = await first_report(crew, outbox, lease(source, run="echo > new"))
        assert isinstance(report.report, Declined)
        assert f"{bounded.options.folder} takes 1" in report.report.reason
        assert "set `runner_disk`" in report.report.reason
        await let_go(bounded, TaskRelease(large, all=True))
        await keeper.weigh()
        assert crew.beat().closed == ""
        assert [bool(reason) for reason in changes] == [True, False]
        report = await first_report(crew, outbox, lease(source, run="echo > new"))
        assert isinstance(report.report, Started)


async def test_a_runner_that_takes_too_much_lets_go_of_nothing_that_is_used(
    source: Source, tmp_path: Path
) -> None:
    workshop = Workshop(tmp_path / "data", warm_seconds=0, disk=1)
    await fill(source, workshop)
    keeper = Keeper(workshop.place, lambda: None, used=not_known)
    script = "touch here; until test -e go; do sleep 0.05; done; wc -c < .gradle/big > seen"
    attempt = asyncio.create_task(workshop.perform(lease(source, run=script)))
    await until(lambda: list(workshop.options.folder.glob("trees/*/tree/here")))
    await keeper.weigh()
    assert keeper.closed != ""
    (here,) = workshop.options.folder.glob("trees/*/tree/here")
    here.with_name("go").touch()
    result = done(await attempt)
    assert workshop.mirror_show(result.commit, "seen") == "3145728"


def test_a_runner_keeps_to_what_the_settings_say(tmp_path: Path) -> None:
    assert options_of(RunnerSettings(data=tmp_path, runner_disk="1.5GiB")).disk == 3 << 29
    assert options_of(RunnerSettings(data=tmp_path)).disk == 0


async def test_a_folder_on_a_disk_of_which_less_is_used_is_not_walked(
    source: Source, bounded: Workshop
) -> None:
    await fill(source, bounded)
    await kept_folder(bounded, "12M")
    keeper = Keeper(bounded.place, lambda: None, used=lambda: 9 << 20)
    await keeper.weigh()
    assert (left(bounded)["cache"], keeper.closed) == (1, "")


async def test_a_walk_that_takes_long_holds_up_no_look_at_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Path) -> int:
        walking.set()
        await go_on.wait()
        return 2 << 20

    monkeypatch.setattr(module, "footprint", slow)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    workshop = Workshop(tmp_path / "data", disk=1 << 20, keep_free=10 << 20)
    workshop.options.folder.mkdir(exist_ok=True)
    room = [1 << 40]
    keeper = Keeper(workshop.place, lambda: None, lambda: room[0], used=not_known)
    running = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(20):
            await walking.wait()
        room[0] = 0
        await until(lambda: "0 bytes free" in keeper.closed)
        go_on.set()
        await until(lambda: "takes 2 MiB, and may take 1 MiB" in keeper.closed)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_disk_that_is_short_and_a_folder_that_is_too_large_are_both_told(
    tmp_path: Path,
) -> None:
    workshop = Workshop(tmp_path / "data", disk=1 << 20, keep_free=10 << 20)
    room = [0]
    keeper = Keeper(workshop.place, lambda: None, lambda: room[0], used=not_known)
    large = await kept_folder(workshop, "2M")
    await keeper.look()
    await keeper.weigh()
    assert "0 bytes free" in keeper.closed
    assert "may take 1 MiB" in keeper.closed
    await let_go(workshop, TaskRelease(large, all=True))
    await keeper.weigh()
    assert "may take 1 MiB" not in keeper.closed
    assert "0 bytes free" in keeper.closed
    room[0] = 1 << 40
    await keeper.look()
    assert keeper.closed == ""


class Hive:
    """Answers what may go, as it is told to."""

    def __init__(self, *releases: TaskRelease) -> None:
        self.releases = releases
        self.asked: list[str] = []

    async def __call__(self, task_ids: Sequence[str]) -> list[TaskRelease]:
        self.asked += task_ids
        return [release for release in self.releases if release.task_id in task_ids]


async def let_go(workshop: Workshop, *releases: TaskRelease) -> Hive:
    hive = Hive(*releases)
    await Keeper(workshop.place, lambda: None, ask=hive).release()
    return hive


def refs(workshop: Workshop) -> list[str]:
    return [line.split("\t")[1] for line in all_kept(workshop)]


async def test_released_work_goes_and_then_its_mirror_may(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"README": "a\n"})
    one, other = lease(source, run="echo 1 > a"), lease(source, run="echo 2 > b", epoch=2)
    done(await workshop.perform(one))
    done(await workshop.perform(other))
    before = refs(workshop)
    hive = await let_go(workshop, TaskRelease(one.task.task_id, all=True))
    assert set(hive.asked) == {one.task.task_id, other.task.task_id}
    assert (len(before), refs(workshop)) == (2, before[1:])
    await let_go(workshop, TaskRelease(other.task.task_id, all=True))
    assert refs(workshop) == []
    (mirror,) = workshop.mirrors.folders()
    age(mirror)
    await Keeper(workshop.place, lambda: None, lambda: 0).look()
    assert workshop.mirrors.folders() == []


async def test_with_a_landed_commit_goes_what_it_contains_and_no_other_attempt(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"README": "a\n"})
    first = lease(source, run="echo 1 > a")
    again = lease(source, run="echo 2 > a", epoch=2, task_id=first.task.task_id)
    done(await workshop.perform(first))
    landed = done(await workshop.perform(again)).commit
    await let_go(workshop, TaskRelease(first.task.task_id, commit=landed))
    (left,) = refs(workshop)
    assert left.endswith("/1")


async def test_work_of_which_nobody_knows_whose_it_is_stays(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"README": "a\n"})
    one = lease(source, run="echo 1 > a")
    done(await workshop.perform(one))
    (mirror,) = workshop.mirrors.folders()
    for note in mirror.glob("hive-owners/**/*.owner"):
        note.unlink()
    hive = await let_go(workshop, TaskRelease(one.task.task_id, all=True))
    assert (hive.asked, len(refs(workshop))) == ([], 1)


async def test_a_hive_that_is_away_is_asked_another_time(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"README": "a\n"})
    done(await workshop.perform(lease(source, run="echo 1 > a")))

    async def away(_: Sequence[str]) -> list[TaskRelease]:
        raise HiveAway("nobody there")

    await Keeper(workshop.place, lambda: None, ask=away).release()
    assert len(refs(workshop)) == 1


async def test_a_folder_without_a_repository_goes_when_its_mission_is_released(
    workshop: Workshop,
) -> None:
    one = lease(None, run="echo 1 > a; false")
    await workshop.perform(one)
    (kept,) = (path for path in workshop.place.kept.glob("*/*/*") if path.is_dir())
    await let_go(workshop, TaskRelease(one.task.task_id, commit="c" * 40))
    assert kept.exists()
    await let_go(workshop, TaskRelease(one.task.task_id, all=True))
    assert list(kept.parent.iterdir()) == []
