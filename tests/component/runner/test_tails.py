"""What commands print, on its way to whoever looks on."""

import asyncio
from pathlib import Path

from hive_runner.link.tails import ATTEMPTS, MESSAGE, PIECE, WAITING, Tails
from hive_runner.processes.output import Output

TASK = "0" * 32


def sizes(tails: Tails) -> dict[str, int]:
    """Bytes of each task in the next message."""
    found: dict[str, int] = {}
    for piece in tails.take():
        found[piece.task_id] = found.get(piece.task_id, 0) + len(piece.piece)
    return found


def test_an_output_is_told_with_offsets_and_in_one_piece(tmp_path: Path) -> None:
    tails = Tails()
    output = Output(tmp_path / "log", 1000, tails.of(TASK, 3, "output"))
    for word in (b"one ", b"two ", b"three"):
        output.write(word)
    output.close()
    [piece] = tails.take()
    assert (piece.task_id, piece.epoch, piece.name) == (TASK, 3, "output")
    assert (piece.offset, piece.piece) == (0, b"one two three")
    assert tails.take() == []


def test_a_message_is_bounded_for_each_attempt_and_as_a_whole() -> None:
    tails = Tails()
    for number in range(10):
        tails.of(str(number), 1, "output")(0, b"x" * PIECE * 2)
    first, second = sizes(tails), sizes(tails)
    assert set(first.values()) == {PIECE}
    assert sum(first.values()) <= MESSAGE
    # The others have their turn before anybody has a second one.
    assert first.keys().isdisjoint(second.keys())


def test_of_what_waits_too_long_the_oldest_is_dropped_and_the_offsets_show_it() -> None:
    tails = Tails()
    heard = tails.of(TASK, 1, "output")
    for number in range(300):
        heard(number * 1000, bytes([number % 256]) * 1000)
    heard(300_000, b"y" * WAITING * 2)
    pieces = []
    while taken := tails.take():
        pieces += taken
    assert sum(len(piece.piece) for piece in pieces) == WAITING
    assert pieces[0].offset == 300_000 + WAITING
    assert pieces[-1].offset + len(pieces[-1].piece) == 300_000 + WAITING * 2


def test_attempts_that_nobody_hears_of_are_forgotten_in_turn() -> None:
    tails = Tails()
    for number in range(ATTEMPTS + 1):
        tails.of(str(number), 1, "output")(0, b"x")
    told = {piece.task_id for piece in tails.take()}
    assert told == {str(number) for number in range(1, ATTEMPTS + 1)}


def test_a_second_output_of_a_name_is_another_one() -> None:
    tails = Tails()
    for word in (b"first", b"second"):
        tails.of(TASK, 1, "setup")(0, word)
    tails.of(TASK, 2, "setup")(0, b"third")
    assert [(piece.epoch, piece.name, piece.piece) for piece in tails.take()] == [
        (1, "setup", b"first"),
        (1, "setup.2", b"second"),
        (2, "setup", b"third"),
    ]


async def test_who_waits_is_woken_by_output_alone() -> None:
    tails = Tails()
    waiting = asyncio.ensure_future(tails.printed())
    await asyncio.sleep(0)
    assert not waiting.done()
    tails.of(TASK, 1, "output")(0, b"x")
    async with asyncio.timeout(60):
        await waiting
    tails.take()
    waiting = asyncio.ensure_future(tails.printed())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
