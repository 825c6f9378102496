"""What a command left for the runner: a file is read, and nothing else is."""

import os
from pathlib import Path

import pytest

from hive_runner.steps.notes import NoFile, note_bytes, read_note


def test_a_note_is_read_up_to_its_length(tmp_path: Path) -> None:
    (tmp_path / "note").write_text(" über alles \n" + "x" * 100)
    assert read_note(tmp_path / "note", 6) == "über"
    assert read_note(tmp_path / "none", 6) == ""
    assert note_bytes(tmp_path / "note", 3) == b" \xc3\xbc"


def test_a_link_is_no_note_and_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "note").symlink_to(tmp_path / "secret")
    with pytest.raises(NoFile):
        read_note(tmp_path / "note", 100)


def test_a_folder_of_notes_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "note").write_text("s3cret")
    (tmp_path / "notes").symlink_to(tmp_path / "theirs")
    with pytest.raises(NoFile):
        read_note(tmp_path / "notes" / "note", 100)


def test_a_pipe_and_a_folder_are_no_notes_and_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(NoFile):
            read_note(tmp_path / name, 100)
