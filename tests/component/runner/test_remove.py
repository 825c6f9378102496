"""Folders of attempts are removed whole, and nothing beside them is touched."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from hive_runner.repositories.removal import remove


def test_a_folder_goes_whatever_rights_its_contents_have(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    (folder / "cache" / "deep").mkdir(parents=True)
    (folder / "cache" / "deep" / "file").write_text("x")
    (folder / "cache" / "deep").chmod(0o500)
    (folder / "cache").chmod(0o500)
    asyncio.run(remove(folder))
    assert not folder.exists()


def test_what_the_folder_is_in_keeps_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was just killed made a file when the folder had been emptied."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "attempt"
    folder.mkdir()
    rmdir = os.rmdir
    late = [folder / "late"]

    def racing(path: Any, **options: Any) -> None:
        if late and Path(path) == folder:
            late.pop().touch()
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", racing)
    asyncio.run(remove(folder))
    assert late == []
    assert not folder.exists()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
