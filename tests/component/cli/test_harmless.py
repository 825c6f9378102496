"""Foreign bytes as text that cannot drive a terminal."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_cli.harmless import Harmless, harmless

TRICKY = st.sampled_from(
    [
        *(b"\x1b", b"[", b"]", b"P", b"\\", b"\x07", b"0", b";", b" ", b"m", b"a", b"\x08"),
        *(b"\r", b"\n", b"\t", b"\x9b", b"\xc2\x9b", "é".encode(), "\u202e".encode()),
        *(b"\x1b]0;title\x07", b"\x1b[31m", b"\x1bc"),
    ]
)
BYTES = st.lists(TRICKY | st.binary(max_size=3), max_size=40).map(b"".join)


@given(BYTES, st.lists(st.integers(0, 80)))
def test_wherever_it_is_cut_the_same_text_comes_out_and_none_of_it_is_control(
    content: bytes, cuts: list[int]
) -> None:
    whole = Harmless()
    expected = whole.feed(content) + whole.flush()
    cut, shown, at = Harmless(), "", 0
    for place in sorted(cuts):
        shown += cut.feed(content[at:place])
        at = max(at, place)
    shown += cut.feed(content[at:]) + cut.flush()
    assert shown == expected
    control = {char for char in shown if unicodedata.category(char) in ("Cc", "Zl", "Zp")}
    assert control <= {"\n", "\t"}
    assert not any(unicodedata.bidirectional(char) in BIDI for char in shown)


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hover what was there", "over what was there"),
        ("\x1b]0;not your title\x07x", "x"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "x"),
        ("\x1bP$q\x1b\\x\x1b_y\x1b\\", "x"),
        ("50%\r100%\r\nend", "50%\n100%\nend"),
        ("secret\x08\x08gone", "secret\\x08\\x08gone"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        # What is taken out leaves nothing that would become a sequence.
        ("\x1b\x1b[0m[2J", "\\x1b[2J"),
        ("\x1b]0;never ended", "0;never ended"),
    ],
)
def test_sequences_are_taken_out_and_other_control_is_shown(printed: str, shown: str) -> None:
    assert harmless(printed) == shown


@pytest.mark.parametrize("evil", ["\x1b", "\x1b]", "\x1b[", "\x1b]a", "\x1bP" + "x" * 2000, "\r"])
def test_no_output_takes_long(evil: str) -> None:
    content = evil.encode() * (100_000 // len(evil))
    began = time.process_time()
    filter = Harmless()
    for place in range(0, len(content), 4096):
        filter.feed(content[place : place + 4096])
    filter.flush()
    assert time.process_time() - began < 2
