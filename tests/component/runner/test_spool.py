"""The spool: what was added is there after any crash, in order, until it is answered."""

import asyncio
import os
from pathlib import Path

import pytest

from hive_contracts.outcome import Failure, WorkDone
from hive_runner.link.reports import Report, Started
from hive_runner.link.spool import Spool


def report(number: int) -> Report:
    return Report(f"{number:032x}", "1" * 32, number, Started() if number % 2 else WorkDone("c"))


def reopened(path: Path, spool: Spool) -> Spool:
    spool.close()
    return Spool(path)


async def test_reports_come_back_in_order_until_they_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "reports"
    spool = Spool(path)
    for number in range(5):
        await spool.add(report(number))
    assert await spool.answered([report(1).command_id, report(3).command_id, "unknown"]) == [
        report(1),
        report(3),
    ]
    spool = reopened(path, spool)
    assert spool.pending == (report(0), report(2), report(4))
    await spool.answered([report(number).command_id for number in range(5)])
    spool = reopened(path, spool)
    assert spool.pending == ()
    assert path.stat().st_size == 0
    spool.close()


async def test_a_report_is_on_disk_when_it_is_added(tmp_path: Path) -> None:
    path = tmp_path / "reports"
    spool = Spool(path)
    await spool.add(report(1))
    other = Spool(path)
    assert other.pending == (report(1),)
    other.close()
    spool.close()


@pytest.mark.parametrize("cut", range(1, 200, 7))
async def test_a_journal_that_was_cut_off_anywhere_keeps_what_is_whole(
    cut: int, tmp_path: Path
) -> None:
    path = tmp_path / "reports"
    spool = Spool(path)
    await spool.add(report(1))
    whole = path.stat().st_size
    await spool.add(report(2))
    spool.close()
    size = min(whole + cut, path.stat().st_size - 1)
    os.truncate(path, size)
    spool = Spool(path)
    assert spool.pending == (report(1),)
    await spool.add(report(3))
    spool = reopened(path, spool)
    assert spool.pending == (report(1), report(3))
    spool.close()


async def test_reports_added_together_share_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "reports")
    syncs: list[int] = []
    real = os.fsync

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    await asyncio.gather(*(spool.add(report(number)) for number in range(50)))
    assert len(spool.pending) == 50
    assert len(syncs) < 10
    spool.close()


async def test_a_full_disk_is_told_and_leaves_the_journal_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reports"
    spool = Spool(path)
    await spool.add(report(1))
    real = os.pwrite

    def half(descriptor: int, block: bytes, offset: int) -> int:
        real(descriptor, block[:9], offset)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", half)
        with pytest.raises(OSError, match="No space left"):
            await spool.add(report(2))
    assert spool.pending == (report(1),)
    await spool.add(report(3))
    spool = reopened(path, spool)
    assert spool.pending == (report(1), report(3))
    spool.close()


async def test_a_journal_that_is_never_empty_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hive_runner.link.spool._COMPACT_BYTES", 20_000)
    path = tmp_path / "reports"
    spool = Spool(path)
    await spool.add(report(0))
    for number in range(1, 60):
        large = Report(f"{number:032x}", "1" * 32, number, Failure("agent", "x" * 3000))
        await spool.add(large)
        await spool.answered([large.command_id])
    assert path.stat().st_size < 30_000
    spool = reopened(path, spool)
    assert spool.pending == (report(0),)
    spool.close()
