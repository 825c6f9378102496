"""What works had before they became worse: the values that the policy can pin them to. Pure."""

from collections.abc import Iterable
from typing import Final

from hive_contracts.health import AttemptChange, Cause
from hive_contracts.policy import Pin

MOST: Final = 50
"""Pins, of the newest changes: an event has to hold them."""


def pins_of(changes: Iterable[AttemptChange]) -> tuple[Pin, ...]:
    """Of each work the value before its newest change, where that was a worse one.

    Changes of several metrics at nearly the same attempt are one: any that is worse counts. What
    became better since is not gone back from. A change is put down to the cause that lies nearest.
    """
    newest: dict[tuple[str, ...], AttemptChange] = {}
    pins: dict[tuple[str, ...], Pin] = {}
    for change in sorted(changes, key=lambda each: each.at, reverse=True):
        work = change.repository, change.mission, change.phase, change.profile
        causes = _nearest(change)
        for what, cause in causes.items():
            first = newest.setdefault((*work, what), change)
            known = (*work, what)
            if known in pins or not change.worse or not _is_same(first, cause, what):
                continue
            pin = Pin(*work, what, cause.before, cause.after)  # type: ignore[arg-type]
            pins[known] = pin
    return tuple(pins.values())[:MOST]


def _nearest(change: AttemptChange) -> dict[str, Cause]:
    """By what it is: the nearest is told first."""
    found: dict[str, Cause] = {}
    for cause in change.causes:
        if cause.what in ("model", "prompt"):
            found.setdefault(cause.what, cause)
    return found


def _is_same(first: AttemptChange, cause: Cause, what: str) -> bool:
    """Whether the newest change that such a cause is known of was put down to this one."""
    nearest = _nearest(first).get(what)
    return nearest is not None and nearest == cause
