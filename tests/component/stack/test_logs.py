"""Logs of the local stack do not grow for ever."""

from pathlib import Path

import pytest

from hive_stack import logs


def test_a_long_log_is_put_aside_while_a_program_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "KEPT", 10)
    (tmp_path / "short.log").write_text("short\n")
    with (tmp_path / "long.log").open("ab", buffering=0) as program:
        program.write(b"first, a long line\n")
        logs.put_aside(tmp_path)
        program.write(b"second\n")
        logs.put_aside(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "short.log": "short\n",
        "long.log": "second\n",
        "long.log.1": "first, a long line\n",
    }
