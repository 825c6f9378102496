"""Events to bytes and back, and what happens with events of another version."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hive_contracts import codec
from hive_contracts.codec import UnknownEvent, decode, decode_known, encode, schema_of, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.runner import SessionClosed
from hive_contracts.task import LeaseLost

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(type: str, data: bytes, schema: int = 1, stream: str = "task-a") -> Recorded:
    return Recorded(1, stream, 1, "e", type, data, Meta("c", "d", "ann", schema=schema), NOW)


def test_an_event_survives_the_trip() -> None:
    event = LeaseLost("a", 3, "gone")
    assert decode(recorded("LeaseLost", encode(event))) == event
    assert stream_of(event) == "task-a"
    assert stream_of(SessionClosed("r", "s", "drained")) == "runner-r"


def test_a_writer_fails_closed_on_an_event_of_a_newer_version() -> None:
    with pytest.raises(UnknownEvent, match=r"TaskAbducted .*upgrade this service"):
        decode(recorded("TaskAbducted", b"{}"))
    with pytest.raises(UnknownEvent, match="schema 2"):
        decode(recorded("LeaseLost", encode(LeaseLost("a", 1, "x")), schema=2))


def test_a_reader_passes_over_an_event_of_a_newer_version() -> None:
    assert decode_known(recorded("TaskAbducted", b"{}")) is None


def test_a_field_that_a_newer_writer_added_is_passed_over() -> None:
    data = b'{"type":"LeaseLost","task_id":"a","epoch":1,"reason":"x","planet":"Mars"}'
    assert decode(recorded("LeaseLost", data)) == LeaseLost("a", 1, "x")


def test_an_old_event_is_lifted_through_every_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def name_the_epoch(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "epoch": body["lease"]}

    def give_a_reason(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "reason": "unknown"}

    monkeypatch.setitem(codec.UPCASTERS, ("task", "LeaseLost", 1), name_the_epoch)
    monkeypatch.setitem(codec.UPCASTERS, ("task", "LeaseLost", 2), give_a_reason)
    assert schema_of("task", "LeaseLost") == 3
    first = b'{"type":"LeaseLost","task_id":"a","lease":4}'
    assert decode(recorded("LeaseLost", first)) == LeaseLost("a", 4, "unknown")
    third = encode(LeaseLost("a", 5, "gone"))
    assert decode(recorded("LeaseLost", third, schema=3)) == LeaseLost("a", 5, "gone")
