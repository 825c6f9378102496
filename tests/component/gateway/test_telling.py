"""One epoch's output as one caller is told it."""

from collections.abc import Iterable

import pytest

from hive_contracts.output import HEAD, left_out
from hive_contracts.v1 import log_pb2
from hive_gateway.logs.telling import Telling
from hive_shared.artifacts import PIECE


def shown(responses: Iterable[log_pb2.LogsResponse]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for response in responses:
        said = response.WhichOneof("said")
        if said == "piece":
            piece = response.piece
            found.append((piece.output, piece.offset, piece.piece, piece.late))
        else:
            gap = response.gap
            found.append((gap.output, gap.offset, gap.size, gap.reason))
    return found


def test_what_the_tail_lacked_comes_late_from_what_was_kept() -> None:
    telling = Telling(1)
    assert shown(telling.live("output", 4, b"efgh")) == [
        ("output", 0, 4, "missed"),
        ("output", 4, b"efgh", False),
    ]
    assert shown(telling.kept("output").next(b"abcdefghij")) == [
        ("output", 0, b"abcd", True),
        ("output", 8, b"ij", False),
    ]
    assert shown(telling.lost()) == []


def test_what_was_told_whole_is_not_told_again() -> None:
    telling = Telling(1)
    list(telling.live("output", 0, b"abc"))
    assert shown(telling.kept("output").next(b"abc")) == []


def test_what_never_comes_is_said_to_be_lost_once() -> None:
    telling = Telling(1)
    list(telling.live("setup", 5, b"x"))
    assert shown(telling.lost()) == [("setup", 0, 5, "lost")]


@pytest.mark.parametrize("live", [0, HEAD - 10, HEAD, HEAD + 500, HEAD + 1000, HEAD + 2000])
def test_offsets_are_those_of_what_was_printed_where_the_middle_was_not_kept(live: int) -> None:
    head, tail, missing = b"h" * HEAD, b"t" * 1000, 1000
    artifact = head + left_out(missing) + tail
    printed = head + b"m" * missing + tail
    telling, got = Telling(1), bytearray(len(printed))
    told = list(telling.live("output", 0, printed[:live])) if live else []
    kept = telling.kept("output")
    for begin in range(0, len(artifact), PIECE):
        told += kept.next(artifact[begin : begin + PIECE])
    told += telling.lost()
    for response in told:
        if response.HasField("piece"):
            end = response.piece.offset + len(response.piece.piece)
            got[response.piece.offset : end] = response.piece.piece
    # What was seen live of the middle stays; the rest of it is named.
    seen = max(0, min(live - HEAD, missing))
    assert bytes(got) == head + b"m" * seen + bytes(missing - seen) + tail
    gaps = shown(r for r in told if r.HasField("gap"))
    left = [("output", HEAD + seen, missing - seen, "left-out")] if seen < missing else []
    assert gaps == left


def test_what_was_missed_of_the_middle_is_said_to_be_left_out() -> None:
    telling = Telling(1)
    list(telling.live("output", HEAD + 100, b"m"))
    kept = telling.kept("output")
    for piece in (b"h" * HEAD, left_out(150) + b"the end"):
        list(kept.next(piece))
    # Its first hundred bytes were told as missed before, and the last 49 now.
    assert shown(telling.lost()) == [("output", HEAD, 100, "left-out")]


def test_of_two_set_ups_the_last_is_the_one_that_was_kept() -> None:
    telling = Telling(1)
    list(telling.live("setup", 0, b"went well"))
    list(telling.live("setup.2", 0, b"went"))
    assert shown(telling.kept("setup").next(b"went wrong")) == [("setup.2", 4, b" wrong", False)]
