"""Which bytes of an output somebody has seen."""

from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.output import Fresh, Gap, Seen, left_out, read_left_out

WHOLE = bytes(range(60))
SPANS = st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=15)


def told(seen: Seen, offset: int, size: int) -> list[Fresh | Gap]:
    return seen.take(offset, WHOLE[offset : offset + size])


@given(SPANS)
def test_whatever_is_lost_repeated_or_overtaken_each_byte_is_new_once(
    spans: list[tuple[int, int]],
) -> None:
    seen, shown = Seen(), bytearray(len(WHOLE))
    count = [0] * len(WHOLE)
    for offset, size in spans:
        end = seen.end
        for part in told(seen, offset, size):
            if isinstance(part, Fresh):
                assert part.late == (part.offset < end)
                shown[part.offset : part.offset + len(part.piece)] = part.piece
                for place in range(part.offset, part.offset + len(part.piece)):
                    count[place] += 1
    sent = {place for begin, size in spans for place in range(begin, min(begin + size, 60))}
    assert [place for place, times in enumerate(count) if times] == sorted(sent)
    assert set(count) <= {0, 1}
    missing = {place for gap in seen.gaps for place in range(gap.offset, gap.offset + gap.size)}
    assert missing == set(range(seen.end)) - sent
    assert all(seen.has(place, 1) == (place in sent) for place in range(60))

    told(seen, 0, 60)
    assert (seen.gaps, seen.end) == ([], 60)
    assert seen.has(0, 60)


def test_a_gap_is_told_before_what_comes_after_it() -> None:
    seen = Seen()
    assert told(seen, 10, 5) == [Gap(0, 10), Fresh(10, WHOLE[10:15])]
    assert told(seen, 5, 12) == [Fresh(5, WHOLE[5:10], late=True), Fresh(15, WHOLE[15:17])]
    assert seen.gaps == [Gap(0, 5)]


def test_the_line_for_what_was_left_out_is_read_as_it_is_written() -> None:
    line = left_out(123_456)
    assert read_left_out(line + b"the end") == (123_456, len(line))
    assert read_left_out(b"x" + line) is None
