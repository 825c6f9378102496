"""What a process tells of itself."""

from pathlib import Path

import msgspec
import pytest

from hive_contracts.heartbeat import HANDLED_BOUNDS, Heartbeat
from hive_shared.handling import Handling
from hive_shared.subscriptions import place
from hive_shared.vitals import MAX_REASON, Vitals, kept_free

ROOT = Path(__file__).parents[3]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_handler_knows_what_it_has_in_hand_and_for_how_long() -> None:
    time = Time()
    handling = Handling("submit", time)
    first = handling.one()
    first.__enter__()
    time.now = 2.0
    with handling.one():
        time.now = 5.0
        assert (handling.handled().busy, handling.handled().oldest_s) == (2, 5.0)
    first.__exit__(None, None, None)
    told = handling.handled()
    assert (told.busy, told.oldest_s, told.done, told.failed) == (0, 0.0, 2, 0)
    assert handling.seconds == 8.0
    assert handling.buckets[HANDLED_BOUNDS.index(10.0)] == 2
    with pytest.raises(KeyError), handling.one():
        raise KeyError
    assert (handling.done, handling.failed) == (3, 1)
    assert sum(handling.buckets) == 3


def test_what_is_registered_is_told_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    vitals = Vitals()
    vitals.need("record", lambda: "x" * 1000)
    vitals.need("bus", lambda: "")
    vitals.disk(tmp_path)
    vitals.disk(tmp_path / "nowhere")
    told = vitals.taken()
    assert [(n.name, n.ok, len(n.reason)) for n in told["needs"]] == [
        ("record", False, MAX_REASON),
        ("bus", True, 0),
    ]
    assert [disk.path for disk in told["disks"]] == [str(tmp_path)]
    assert kept_free(100) == 10


def test_a_beat_of_an_older_version_is_still_heard() -> None:
    old = {"service": "gateway", "instance": "i", "version": "0.1", "state": "ready"}
    body = msgspec.json.encode(old | {"uptime_s": 1, "every_s": 2})
    beat = msgspec.json.decode(body, type=Heartbeat)
    assert (beat.sent_ms, beat.needs, beat.runners) == (0, (), ())


def test_each_service_with_subscriptions_lets_health_see_them() -> None:
    own = (Path(place.__file__).parent / "seen_by_health.sql").read_bytes()
    for folder in (ROOT / "services").glob("*/src/*/sql"):
        if (folder / "0001_subscriptions.sql").exists() and folder.parent.name != "hive_health":
            carried = [file.read_bytes() for file in folder.glob("*_seen_by_health.sql")]
            assert carried == [own], folder
