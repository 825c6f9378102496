"""Bus against record."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hive_contracts.envelope import Meta, Recorded
from hive_shared.bus.survey import Held, Verdict, judge, survey
from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Head
from tests.suites.bus import Writer

LOG = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 1, 8, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
WEEK_MS = 7 * 24 * 3_600_000
HELD = Held(
    stream="HIVE_EVENTS_01234567",
    began=1,
    first=1,
    last=9,
    messages=9,
    last_id="nine",
    max_age_ms=WEEK_MS,
)


def at(position: int, id: str, age: timedelta = timedelta()) -> Recorded:
    meta = Meta("m", "c", "a")
    return Recorded(position, "task-1", position, id, "TaskNoted", b"{}", meta, NOW - age)


def changed(**changes: object) -> Held:
    return msgspec.structs.replace(HELD, **changes)


@pytest.mark.parametrize(
    ("held", "head", "at_last", "lost", "verdict"),
    [
        (HELD, 9, at(9, "nine"), None, "ok"),
        (HELD, 12, at(9, "nine"), None, "behind"),
        (HELD, 8, None, None, "ahead"),
        (HELD, 12, at(9, "other"), None, "different"),
        (changed(stream="HIVE_EVENTS_89abcdef"), 12, at(9, "nine"), None, "different"),
        (changed(messages=8), 12, at(9, "nine"), None, "holes"),
        (changed(messages=8, last_id=""), 9, at(9, "nine"), None, "holes"),
        (changed(began=5, first=5, messages=5), 9, at(9, "nine"), None, "ok"),
        (changed(first=4, messages=6), 9, at(9, "nine"), at(3, "3", timedelta(days=8)), "ok"),
        (changed(first=4, messages=6), 9, at(9, "nine"), at(3, "3", timedelta(days=1)), "holes"),
        (
            changed(first=4, messages=6, full=True),
            9,
            at(9, "nine"),
            at(3, "3", timedelta(days=1)),
            "ok",
        ),
        (
            changed(first=10, messages=0, last_id=""),
            9,
            at(9, "nine"),
            at(9, "nine", timedelta(days=1)),
            "holes",
        ),
        (
            changed(first=10, messages=0, last_id=""),
            9,
            at(9, "nine", timedelta(days=8)),
            at(9, "nine", timedelta(days=8)),
            "ok",
        ),
        (changed(first=1, last=0, messages=0, last_id=""), 0, None, None, "ok"),
    ],
    ids=[
        "holds all",
        "holds a true part",
        "holds what the record never had",
        "holds another event at its last position",
        "is of another history",
        "lacks one in the middle",
        "lacks its last one",
        "was made to start later",
        "let go what was old",
        "lacks what retention would have kept",
        "let go what had no room",
        "was purged",
        "let go of everything in time",
        "is empty, as is the record",
    ],
)
def test_the_bus_is_judged_by_what_it_holds(
    held: Held, head: int, at_last: Recorded | None, lost: Recorded | None, verdict: Verdict
) -> None:
    assert judge(held, Head(head, LOG), at_last, lost, NOW_MS) == verdict


async def test_a_survey_asks_the_record_for_what_it_compares() -> None:
    store = MemoryEventStore(SystemClock())
    await Writer(store).write(9)
    head = await store.head()
    [last] = await store.read_all(8, 1)
    now_ms = SystemClock().now_ms()
    held = changed(stream=f"HIVE_EVENTS_{head.log_id[:8]}", last_id=last.id)
    assert (await survey(store, held, now_ms)).verdict == "ok"
    assert (await survey(store, msgspec.structs.replace(held, last=10), now_ms)).verdict == "ahead"
    assert (await survey(store, None, now_ms)).verdict == "missing"
    purged = msgspec.structs.replace(held, first=10, messages=0, last_id="")
    assert (await survey(store, purged, now_ms)).verdict == "holes"
