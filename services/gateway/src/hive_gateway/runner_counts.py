"""What a runner tells of its work, as the hive's metrics and health take it.

A runner is not trusted: of what it says only names that are known are handed on, and only numbers
that can be.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from hive_contracts.heartbeat import (
    HANDLED_BOUNDS,
    MAX_SILENT,
    TOKENS,
    Counted,
    Handled,
    RunnerHeard,
    SilentAttempt,
)
from hive_contracts.orders import RUNNER_HANDLERS, Beat, StepsDone, TokensUsed

MAX_PROFILES: Final = 32
_PROFILE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TASK: Final = re.compile(r"[a-z0-9-]{1,60}(/[a-z0-9-]{1,60}){0,2}")
_TRACE: Final = re.compile(r"[0-9a-f]{32}")


def handled(beat: Beat) -> tuple[Handled, ...]:
    known = {each.name: each for each in beat.handlers if each.name in RUNNER_HANDLERS}
    return tuple(_handled(each) for each in known.values() if _is_counted(each))


def tokens(beat: Beat) -> tuple[Counted, ...]:
    known = {each.profile: each for each in beat.tokens if _PROFILE.fullmatch(each.profile)}
    return tuple(each for used in list(known.values())[:MAX_PROFILES] for each in _counters(used))


def silent(beat: Beat) -> tuple[SilentAttempt, ...]:
    """Of the attempts that it has at work."""
    at_work = {(held.task_id, held.epoch) for held in beat.holding if held.state == "running"}
    known = {(each.task_id, each.epoch): each for each in beat.silent if _is_silence(each)}
    return tuple(each for key, each in known.items() if key in at_work)


def nearest_to_their_end(runners: Sequence[RunnerHeard]) -> list[RunnerHeard]:
    """The same runners, with as many silent attempts as a beat takes."""
    every = sorted((each for runner in runners for each in runner.silent), key=lambda e: -e.share)
    if len(every) <= MAX_SILENT:
        return list(runners)
    kept = {(each.task_id, each.epoch) for each in every[:MAX_SILENT]}
    return [
        replace(
            runner,
            silent=tuple(e for e in runner.silent if (e.task_id, e.epoch) in kept),
        )
        for runner in runners
    ]


def _is_silence(told: SilentAttempt) -> bool:
    return (
        0 <= told.seconds < float("inf")
        and 0 < told.limit < float("inf")
        and _TASK.fullmatch(told.task) is not None
        and (not told.agent or _PROFILE.fullmatch(told.agent) is not None)
    )


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
