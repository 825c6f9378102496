"""What a benchmark says."""

from collections.abc import Sequence

import msgspec


class CaseResult(msgspec.Struct, frozen=True):
    """One case; with `--json`, one line."""

    bench: str
    case: str
    value: float
    unit: str
    p50_ms: float | None
    """Half of the calls took at most this long; None where calls were not timed."""
    p99_ms: float | None
    limit: float | None
    """What the same run reached without the work, in the same unit; None where nothing limits."""
    ratio: float | None
    """`value` to `limit`."""


class BenchRefused(Exception):
    """A benchmark cannot be run, or would measure something that nobody should run."""

    def __init__(self, message: str, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy


def result(
    bench: str,
    case: str,
    value: float,
    unit: str,
    durations_s: Sequence[float] = (),
    limit: float | None = None,
) -> CaseResult:
    """A case from its value and the durations of its calls, in seconds."""
    ordered = sorted(durations_s)
    return CaseResult(
        bench=bench,
        case=case,
        value=round(value, 1),
        unit=unit,
        p50_ms=percentile_ms(ordered, 0.50),
        p99_ms=percentile_ms(ordered, 0.99),
        limit=None if limit is None else round(limit, 1),
        ratio=None if not limit else round(value / limit, 3),
    )


def percentile_ms(ordered_s: Sequence[float], part: float) -> float | None:
    """The duration, in milliseconds, that this part of the ordered ones does not pass."""
    if not ordered_s:
        return None
    return round(ordered_s[min(len(ordered_s) - 1, int(len(ordered_s) * part))] * 1000, 3)
