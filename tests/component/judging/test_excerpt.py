"""What matters of a gate's output."""

from hypothesis import given
from hypothesis import strategies as st

from hive_shared.judging.excerpt import excerpt, plain_lines

names = st.lists(st.text(max_size=500), max_size=40)


def test_failing_tests_come_first_then_the_end_of_the_output() -> None:
    said = excerpt(
        "1 test fails and did not on the base: a",
        ["a", "b", "c"],
        {"a": "assert 1 == 2", "b": "boom"},
        "collected 3 items\n" + "." * 20_000 + "\n2 failed",
    )
    assert said.startswith(
        "1 test fails and did not on the base: a\n\n"
        "FAILED a\nassert 1 == 2\n\n"
        "FAILED b\nboom\n\n"
        "The end of its output:\n"
    )
    assert said.endswith("\n2 failed")
    assert len(said) == 8192


def test_without_a_report_it_is_the_end_of_the_output() -> None:
    assert excerpt("", (), {}, "a\nb\n") == "a\nb\n"
    assert excerpt("", (), {}, "x" * 9_000 + "the end")[-8:] == "xthe end"


def test_many_failures_share_the_room_and_the_others_are_counted() -> None:
    many = [f"t{number}" for number in range(100)]
    said = excerpt("", many, dict.fromkeys(many, "m" * 4_000), "the end")
    assert said.count("FAILED") == 13
    assert "and 87 more failing tests" in said
    assert said.endswith("the end")


def test_colours_and_lines_written_over_are_left_out() -> None:
    assert plain_lines("\x1b[31mred\x1b[0m\r\nnext") == "red\nnext"
    assert plain_lines("10 %\r50 %\r100 %\ndone") == "100 %\ndone"
    assert plain_lines("first\n1 %\r\r2 %\r\r\nlast") == "first\n2 %\r\nlast"


def test_a_line_of_a_megabyte_takes_no_longer_than_many_short_ones() -> None:
    """Else the time-out of the test ends it."""
    text = "x" * 1_000_000
    assert plain_lines(text) == text


@given(st.text(max_size=300), names, st.text(max_size=9000), st.integers(1, 9000))
def test_it_never_takes_more_than_it_may(
    reason: str, failing: list[str], tail: str, most: int
) -> None:
    messages = {name: name * 20 for name in failing}
    assert len(excerpt(reason, failing, messages, tail, most)) <= most
