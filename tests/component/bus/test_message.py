"""An event's form on the bus."""

from datetime import UTC, datetime

import pytest

from hive_contracts.envelope import Meta, Recorded
from hive_shared.bus.errors import BrokenFeed
from hive_shared.bus.message import guarded, headers_of, recorded_of, subject_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = Recorded(
    position=7,
    stream="task-0123",
    version=3,
    id="ab" * 16,
    type="TaskLeased",
    data='{"text":"ü\\n"}'.encode(),
    meta=Meta(correlation="m", causation="c", actor="ünicode", traceparent=TRACE, schema=2),
    recorded_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
)


def test_a_reader_of_the_bus_gets_exactly_what_a_reader_of_the_record_gets() -> None:
    assert recorded_of(EVENT.data, headers_of(EVENT, "log")) == EVENT


def test_headers_follow_cloud_events_with_position_history_and_version() -> None:
    headers = headers_of(EVENT, "log")
    assert subject_of(EVENT) == "hive.events.task.0123.TaskLeased"
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": EVENT.id,
        "ce-source": "/agent-hive",
        "ce-type": "TaskLeased",
        "ce-time": "2026-01-02T03:04:05.678901+00:00",
        "ce-subject": "task-0123",
        "content-type": "application/json",
        "traceparent": TRACE,
        "hive-position": "7",
        "hive-log-id": "log",
        "hive-stream-version": "3",
        "hive-meta": headers["hive-meta"],
    }


def test_a_publication_names_its_stream_and_the_position_before_it() -> None:
    assert guarded({"a": "b"}, "HIVE_EVENTS_1", 7) == {
        "a": "b",
        "Nats-Expected-Stream": "HIVE_EVENTS_1",
        "Nats-Expected-Last-Sequence": "6",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce-id", None),
        ("ce-time", None),
        ("ce-time", "yesterday"),
        ("hive-position", "seven"),
        ("hive-meta", None),
        ("hive-meta", "{"),
    ],
)
def test_a_message_that_no_relay_wrote_is_refused(name: str, value: str | None) -> None:
    headers = headers_of(EVENT, "log")
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(BrokenFeed):
        recorded_of(EVENT.data, headers)
