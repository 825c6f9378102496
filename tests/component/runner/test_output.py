"""A command's output, whatever its length."""

import os
from pathlib import Path

import pytest

from hive_runner.processes.output import Output


@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
@pytest.mark.parametrize("total", [0, 1, 511, 512, 513, 700, 1024, 1025, 5000])
def test_the_beginning_and_the_end_are_kept_and_the_gap_is_named(
    piece: int, total: int, tmp_path: Path
) -> None:
    printed = bytes(48 + number * 7 % 75 for number in range(total))
    output = Output(tmp_path / "output", 1024)
    for start in range(0, total, piece):
        output.write(printed[start : start + piece])
    assert output.tail(100) == printed[-100:].decode()
    content = output.finish().read_bytes()
    if total <= 768:
        assert content == printed
        return
    head, _, rest = content.partition(b"\n[")
    if rest:
        gap, _, tail = rest.partition(b" bytes are left out here]\n")
        assert len(head) + int(gap) + len(tail) == total
        assert printed == head + printed[len(head) : len(head) + int(gap)] + tail
        assert len(tail) >= 256
    else:
        assert content == printed


def test_a_tail_reaches_back_over_all_files(tmp_path: Path) -> None:
    output = Output(tmp_path / "output", 64)
    output.write(b"a" * 32 + b"b" * 16 + b"c" * 8)
    assert output.tail(50) == "a" * 26 + "b" * 16 + "c" * 8
    output.close()


def test_a_character_that_is_cut_in_two_becomes_a_mark(tmp_path: Path) -> None:
    output = Output(tmp_path / "output", 1 << 20)
    output.write("üüü".encode()[:-1])
    assert output.tail() == "üü\ufffd"
    output.close()


@pytest.mark.parametrize("stands", ["pipe", "link", "nothing"])
def test_what_was_printed_is_there_whatever_stands_in_the_place_of_its_file(
    tmp_path: Path, stands: str
) -> None:
    output = Output(tmp_path / "output", 64)
    output.write(b"a" * 32 + b"b" * 20)
    for path in (tmp_path / "output", tmp_path / "output.recent"):
        path.unlink()
        if stands == "pipe":
            os.mkfifo(path)
        elif stands == "link":
            path.symlink_to("/dev/zero")
    output.write(b"c" * 4)
    assert output.tail(6) == "bbcccc"
    # Neither a pipe nor an endless file is to hang whoever looks.
    found = os.open(output.finish(), os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(found, 100) == b"a" * 32 + b"b" * 20 + b"c" * 4
    os.close(found)
