"""What a folder takes, beside what `du` says of it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hive_runner import footprint as module
from hive_runner.footprint import footprint


def du(folder: Path) -> int:
    said = subprocess.run(
        ["du", "-s", "-B1", str(folder)], capture_output=True, text=True, check=True
    )
    return int(said.stdout.split()[0])


def write(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


async def test_it_is_what_du_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_A_TIME", 7)
    folder = tmp_path / "runner"
    for number in range(50):
        write(folder / f"{number % 5}/{number % 3}/{number}", number * 1000)
    with (folder / "hole").open("wb") as sparse:
        sparse.truncate(1 << 30)
    (folder / "away").symlink_to(tmp_path)
    assert await footprint(folder) == du(folder) < 4 << 20


async def test_a_file_with_many_names_counts_once(tmp_path: Path) -> None:
    folder = tmp_path / "runner"
    one = write(folder / "cache/one", 1 << 20)
    outside = write(tmp_path / "outside", 1 << 20)
    for number in range(5):
        (folder / f"{number}").hardlink_to(one)
    (folder / "outside").hardlink_to(outside)
    assert await footprint(folder) == du(folder)
    assert 2 << 20 <= await footprint(folder) < 3 << 20


async def test_what_vanishes_meanwhile_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runner"
    write(folder / "stays", 1 << 20)
    gone = write(folder / "gone/file", 1 << 20)
    listed = os.scandir

    def vanishing(path: str) -> Any:
        entries = listed(path)
        if path == str(folder):
            gone.unlink()
            gone.parent.rmdir()
        return entries

    monkeypatch.setattr(os, "scandir", vanishing)
    assert await footprint(folder) < 2 << 20


async def test_a_folder_that_is_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "runner"
    write(folder / "file", 1 << 20)
    (tmp_path / "link").symlink_to(folder)
    assert await footprint(tmp_path / "link") == du(folder)


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await footprint(tmp_path / "nowhere")
