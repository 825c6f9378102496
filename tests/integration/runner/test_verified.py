"""Kept work is looked at where it was put before its folder goes: a git that says that it has
fetched it is not believed."""

import os
import shutil
from pathlib import Path

import pytest

from hive_runner.repositories.retire import left_behind, retire_left
from tests.integration.runner.workshop import PERSON, Source, Workshop, done, failure, lease

LIAR = """\
#!/bin/sh
if test -e '{lies}'; then
    case "$*" in *' fetch '*refs/hive/kept/*) exit 0 ;; esac
fi
exec '{git}' "$@"
"""
"""A git that, told to bring what is to be kept, does nothing and says that it is done."""


@pytest.fixture
def lies(tmp_path: Path) -> Path:
    """As long as this file is there, git lies."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    flag = tmp_path / "lies"
    program.write_text(LIAR.format(lies=flag, git=shutil.which("git")))
    program.chmod(0o755)
    flag.touch()
    return flag


@pytest.fixture
def workshop(tmp_path: Path, lies: Path) -> Workshop:
    path = f"{tmp_path / 'bin'}{os.pathsep}{PERSON['PATH']}"
    return Workshop(tmp_path / "data", PERSON | {"PATH": path})


def tells_the_truth(lies: Path) -> None:
    lies.unlink()


async def test_a_folder_stays_whose_work_is_not_where_it_was_put(
    source: Source, workshop: Workshop, lies: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = lease(source, run="echo 1 > one")
    found = failure(await workshop.perform(asked))
    assert found.kind == "infrastructure"
    assert "refs/hive/kept/fix-1/build_one/1 does not hold " in found.detail
    assert workshop.kept() == {}
    (folder,) = workshop.folders_left()
    assert f"{folder} stays, its work cannot be kept" in caplog.text

    tells_the_truth(lies)
    assert "one" in workshop.files_of(done(await workshop.perform(asked)).commit)
    assert "one" in workshop.files_of(workshop.kept()["fix-1/build_one/1"])
    assert workshop.folders_left() == []


async def test_what_a_failed_attempt_left_stays_until_a_later_runner_has_kept_it(
    source: Source, workshop: Workshop, lies: Path
) -> None:
    found = failure(await workshop.perform(lease(source, run="echo 1 > half; exit 7")))
    assert (found.kind, found.detail) == ("agent", "the command ended with status 7")
    assert (workshop.kept(), len(workshop.folders_left())) == ({}, 1)

    await retire_left(workshop.place, left_behind(workshop.place))
    assert (workshop.kept(), len(workshop.folders_left())) == ({}, 1), "nothing got better"

    tells_the_truth(lies)
    await retire_left(workshop.place, left_behind(workshop.place))
    assert workshop.files_of(workshop.kept()["fix-1/build_one/1"])["half"] == "1"
    assert workshop.folders_left() == []
