"""What is known of each attempt of an agent that came to an end of its own making. Pure."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

Metric = Literal["success", "seconds", "usd", "tokens", "waiting"]


class Attempt(msgspec.Struct, frozen=True):
    """A row of `health.attempts`.

    Attempts that failed through the infrastructure's or a provider's fault, for lack of budget, or
    in a conflict with others' work, say nothing of the agent and are none.
    """

    ended_at: datetime
    mission: str
    """The mission's name without the number of its run."""
    phase: str
    profile: str
    model: str
    """Empty is the agent's own default."""
    prompt: str
    """The first characters of its digest, before the item of a fan-out is put in."""
    gates: str
    """The same of the gates' definitions."""
    repository: str
    version: str
    """Of the hive that counted it."""
    outcome: str
    """`succeeded`, or the kind of its failure."""
    seconds: float | None = None
    usd: float | None = None
    """None where the agent does not tell its cost."""
    tokens: int | None = None
    position: int = 0
    """Of the event with which it ended."""
    waited: float | None = None
    """Seconds that its task had waited for a runner, from when it might be leased."""
    settings: str = ""
    """A digest of what its profile ran and might do; empty where the runner did not tell it."""


def _success(attempt: Attempt) -> float:
    return float(attempt.outcome == "succeeded")


def _seconds(attempt: Attempt) -> float | None:
    return attempt.seconds


def _usd(attempt: Attempt) -> float | None:
    return attempt.usd


def _tokens(attempt: Attempt) -> float | None:
    return attempt.tokens


def _waiting(attempt: Attempt) -> float | None:
    return attempt.waited


VALUES: Final[dict[Metric, Callable[[Attempt], float | None]]] = {
    "success": _success,
    "seconds": _seconds,
    "usd": _usd,
    "tokens": _tokens,
    "waiting": _waiting,
}


def measured(metric: Metric, attempts: Iterable[Attempt]) -> list[tuple[Attempt, float]]:
    """The attempts of which the value is known, with it."""
    value = VALUES[metric]
    found = ((attempt, value(attempt)) for attempt in attempts)
    return [(attempt, x) for attempt, x in found if x is not None and math.isfinite(x)]
