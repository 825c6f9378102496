"""What must hold of record, bus, rows and outside once all has come to rest."""

import asyncio
from collections import Counter

from hive_contracts.envelope import Recorded
from hive_contracts.ids import derived_id
from tests.suites.delivery.hive import Hive
from tests.suites.delivery.ports import DONE, NOTED, Calls, Digest, add


def judge(hive: Hive) -> None:
    """Raises AssertionError."""
    log = asyncio.run(hive.database.record.read_all(0, 1_000_000))
    _bus_is_the_record(hive, log)
    _rows_equal_a_rebuild(hive, log)
    _followers_were_told_everything(hive, log)
    _effects_were_done(hive, log)


def _bus_is_the_record(hive: Hive, log: list[Recorded]) -> None:
    stream = hive.server.stream
    assert stream is not None
    assert list(stream.messages) == list(range(stream.began, len(log) + 1))
    for sequence, (event, log_id) in stream.messages.items():
        assert event == log[sequence - 1], f"sequence {sequence} is another event"
        assert log_id == hive.database.record.log_id


def _rows_equal_a_rebuild(hive: Hive, log: list[Recorded]) -> None:
    rebuilt: dict[str, tuple[int, str]] = {}
    for event in log:
        add(rebuilt, event)
    assert hive.database.subscriptions[Digest.name].rows == rebuilt


def _followers_were_told_everything(hive: Hive, log: list[Recorded]) -> None:
    """Each from where it began, once and in order."""
    for worker in hive.workers:
        told = worker.told.events if worker.told.counts else []
        if told:
            assert told == log[told[0].position - 1 :], f"{worker.name} was told otherwise"


def _effects_were_done(hive: Hive, log: list[Recorded]) -> None:
    """For each event at least once, in the order of its stream, and noted exactly once."""
    outcomes = Counter(event.stream for event in log if event.type == DONE)
    assert not [stream for stream, count in outcomes.items() if count > 1]
    first: dict[str, int] = {}
    for number, (effect_id, _) in enumerate(hive.outside.calls):
        first.setdefault(effect_id, number)
    newest: dict[str, int] = {}
    for event in (one for one in log if one.type == NOTED):
        effect_id = derived_id(event.id, "effect", Calls.name)
        assert effect_id in first, f"position {event.position} had no effect"
        assert outcomes[f"runner-{effect_id}"] == 1, f"position {event.position} was not noted"
        assert first[effect_id] > newest.get(event.stream, -1), f"{event.stream} out of order"
        newest[event.stream] = first[effect_id]
