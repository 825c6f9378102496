"""The part of a log that matters, whatever the log is."""

from hypothesis import given
from hypothesis import strategies as some

from hive_github.pulls.excerpt import BEFORE, Excerpt, clean


def excerpt_of(text: str, most: int = 2_000, piece: int = 7) -> str:
    found = Excerpt()
    data = text.encode()
    for start in range(0, len(data), piece):
        found.feed(data[start : start + piece])
    return found.text(most)


def test_lines_before_a_marked_error_are_kept_and_those_after_it_are_not() -> None:
    lines = [f"line {n}" for n in range(200)] + ["##[error]exit code 1"] + ["cleaning up"] * 200
    found = excerpt_of("\n".join(lines)).splitlines()
    assert found[-1] == "##[error]exit code 1"
    assert found[0] == f"line {201 - BEFORE}"
    assert "cleaning up" not in found


def test_each_of_several_errors_gets_its_share() -> None:
    text = "\n".join(f"{'x' * 500}\nreason {n}\n##[error]{n}" for n in range(6))
    found = excerpt_of(text, most=400)
    assert len(found) <= 400
    for n in (2, 3, 4, 5):
        assert f"##[error]{n}" in found
    assert "##[error]0" not in found


def test_without_a_mark_the_end_is_what_matters() -> None:
    assert excerpt_of("first\n" * 1_000 + "last words").endswith("last words")


def test_times_colours_and_what_was_written_over_are_taken_out() -> None:
    said = "2026-11-28T10:00:02.1234567Z \x1b[31mred\x1b[0m\x00 10%\r 20%\r 30%\r\n"
    assert clean(said) == " 30%"
    assert clean("2026-11-28T10:00:02.1234567Z one\n2026-11-28T10:00:03.0Z two") == "one\ntwo"


def test_a_log_of_a_hundred_megabytes_in_one_line_is_no_matter() -> None:
    found = Excerpt()
    piece = b"x" * 1_000_000
    for _ in range(100):
        found.feed(piece)
    found.feed(b"\n##[error]out of memory\n")
    assert found.text(500).endswith("##[error]out of memory")


@given(some.binary(max_size=3_000), some.integers(1, 400), some.integers(40, 500))
def test_it_is_never_longer_than_it_may_be_and_always_text(
    data: bytes, piece: int, most: int
) -> None:
    found = Excerpt()
    for start in range(0, len(data), piece):
        found.feed(data[start : start + piece])
    text = found.text(most)
    assert len(text) <= most
    assert "\x1b" not in text
    assert "\0" not in text
