"""What gates found on the base, and which of their tests are flaky: remembered by task and mission.

What a gate found first stays; flaky tests are added to it, as far as an event has room for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from hive_contracts.outcome import MAX_NAMED, Baseline, GateResult
from hive_contracts.plan import CommandGate, Gate

MAX_REMEMBERED: Final = 6_000
"""JSON bytes of the names of all flaky tests of a task, or of a mission, together."""

Baselines = Mapping[str, Baseline]
"""By the gates' definitions."""


def by_gate(baselines: Iterable[Baseline]) -> dict[str, Baseline]:
    return {baseline.gate: baseline for baseline in baselines}


def of_gates(known: Baselines, gates: Iterable[Gate], room: int) -> tuple[Baseline, ...]:
    """What is known of these gates, as far as it takes no more than `room` JSON bytes.

    A runner that is not told what a gate found on the base looks for itself.
    """
    wanted = [g.definition for g in gates if isinstance(g, CommandGate) and g.compare]
    told: list[Baseline] = []
    for gate in dict.fromkeys(wanted):
        if gate not in known:
            continue
        for baseline in (known[gate], replace(known[gate], flaky=())):
            if (size := _size(baseline)) <= room:
                told.append(baseline)
                room -= size
                break
    return tuple(told)


def learned(known: Baselines, results: Iterable[GateResult]) -> dict[str, Baseline]:
    """What is known after gates were judged."""
    found = [
        replace(result.baseline, flaky=(*result.baseline.flaky, *result.flaky))
        for result in results
        if result.baseline is not None
    ]
    return joined(known, found)


def joined(known: Baselines, found: Iterable[Baseline]) -> dict[str, Baseline]:
    """What is known, and what was found besides."""
    after = dict(known)
    for baseline in found:
        first = after.get(baseline.gate, baseline)
        flaky = tuple(dict.fromkeys((*first.flaky, *baseline.flaky)))
        after[baseline.gate] = replace(first, flaky=flaky[:MAX_NAMED])
    return _bounded(after)


def news(before: Iterable[Baseline], after: Baselines) -> tuple[Baseline, ...]:
    """What is known now and was not before."""
    known = set(before)
    return tuple(baseline for baseline in after.values() if baseline not in known)


def _bounded(baselines: dict[str, Baseline]) -> dict[str, Baseline]:
    room = MAX_REMEMBERED
    bounded: dict[str, Baseline] = {}
    for gate, baseline in baselines.items():
        kept: list[str] = []
        for name in baseline.flaky:
            room -= _size(name)
            if room >= 0:
                kept.append(name)
        bounded[gate] = replace(baseline, flaky=tuple(kept))
    return bounded


def _size(value: Baseline | str) -> int:
    """JSON bytes, with the comma behind it."""
    return len(msgspec.json.encode(value)) + 1
