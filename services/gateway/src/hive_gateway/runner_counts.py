"""What a runner tells of its work, as the hive's metrics take it.

A runner is not trusted: of what it says only names that are known are handed on, and only numbers
that can be.
"""

import re
from collections.abc import Iterator
from typing import Final

from hive_contracts.heartbeat import HANDLED_BOUNDS, TOKENS, Counted, Handled
from hive_contracts.orders import RUNNER_HANDLERS, Beat, StepsDone, TokensUsed

MAX_PROFILES: Final = 32
_PROFILE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE: Final = re.compile(r"[0-9a-f]{32}")


def handled(beat: Beat) -> tuple[Handled, ...]:
    known = {each.name: each for each in beat.handlers if each.name in RUNNER_HANDLERS}
    return tuple(_handled(each) for each in known.values() if _is_counted(each))


def tokens(beat: Beat) -> tuple[Counted, ...]:
    known = {each.profile: each for each in beat.tokens if _PROFILE.fullmatch(each.profile)}
    return tuple(each for used in list(known.values())[:MAX_PROFILES] for each in _counters(used))


def _is_counted(steps: StepsDone) -> bool:
    amounts = (
        steps.done, steps.failed, steps.busy, steps.oldest_s, steps.seconds, *steps.buckets,
    )  # fmt: skip
    return all(0 <= amount < float("inf") for amount in amounts)


def _handled(steps: StepsDone) -> Handled:
    is_traced = _TRACE.fullmatch(steps.slowest_trace) and 0 <= steps.slowest_s < float("inf")
    return Handled(
        steps.name, steps.done, steps.failed, steps.busy, steps.oldest_s, "job", steps.seconds,
        steps.buckets if len(steps.buckets) == len(HANDLED_BOUNDS) + 1 else (),
        (steps.slowest_s, steps.slowest_trace) if is_traced else None,
    )  # fmt: skip


def _counters(used: TokensUsed) -> Iterator[Counted]:
    for kind, amount in (("input", used.input), ("cached", used.cached), ("output", used.output)):
        if amount >= 0:
            yield Counted(TOKENS, amount, (("profile", used.profile), ("kind", kind)))
