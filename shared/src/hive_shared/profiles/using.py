"""What an agent has used so far, from the events that it prints."""

import functools
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from hive_contracts.outcome import Usage
from hive_shared.profiles.events import at, has
from hive_shared.profiles.profile import Profile, Reading

_MAX_ID: Final = 200


class Using:
    """One run of an agent."""

    def __init__(self, profile: Profile) -> None:
        self.used: Usage | None = None
        """None until it has told something."""
        self._profile = profile
        self._steps: dict[str, Usage] = {}
        """What it told of each step whose figures come more than once."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event, of which all readings of the profile that fit it are taken."""
        for reading in self._profile.events:
            if has(event, reading.when):
                self.take(event, reading)

    def take(self, event: Mapping[str, Any], reading: Reading) -> bool:
        """What one reading finds in an event; answers whether that is something."""
        usage = _usage(event, reading, self._profile)
        if usage is None:
            return False
        self.used = self._so_far(event, reading, usage)
        return True

    def _so_far(self, event: Mapping[str, Any], reading: Reading, usage: Usage) -> Usage:
        if not reading.once:
            return _added(self.used if reading.add else None, usage)
        step = at(event, reading.once)
        self._steps[step[:_MAX_ID] if isinstance(step, str) else ""] = usage
        first, *others = self._steps.values()
        return functools.reduce(_added, others, first)


def _usage(event: Mapping[str, Any], reading: Reading, profile: Profile) -> Usage | None:
    counts = [_sum(event, paths) for paths in (reading.input, reading.cached, reading.output)]
    cost = _number(at(event, reading.cost))
    if not any(counts) and not cost:
        return None
    usage = Usage(*map(int, counts))
    match profile.cost:
        case "billed" if cost:
            return msgspec.structs.replace(usage, billed_usd=round(cost, 6))
        case "estimated" if cost:
            return msgspec.structs.replace(usage, estimated_usd=round(cost, 6))
        case _:
            return msgspec.structs.replace(usage, unpriced=1)


def _sum(event: Mapping[str, Any], paths: tuple[str, ...]) -> float:
    return sum(_number(at(event, path)) for path in paths)


def _number(value: Any) -> float:
    """What an agent says of itself is believed within reason."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return float(value) if 0 <= value < 1e12 else 0


def _added(before: Usage | None, usage: Usage) -> Usage:
    """Of one run: it has one price, or none."""
    if before is None:
        return usage
    added = before.plus(usage)
    priced = added.billed_usd or added.estimated_usd
    return msgspec.structs.replace(added, unpriced=0 if priced else 1)
