"""What a benchmark says."""

import math
import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

_SURE: Final = 0.95


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
    """`value` to `limit`; of what was measured in pairs, the median of their ratios."""
    ratio_low: float | None = None
    """Of pairs: between this and the next lies the true median with 95 % confidence, or more."""
    ratio_high: float | None = None


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
        value=_rounded(value),
        unit=unit,
        p50_ms=percentile_ms(ordered, 0.50),
        p99_ms=percentile_ms(ordered, 0.99),
        limit=None if limit is None else _rounded(limit),
        ratio=None if not limit else round(value / limit, 3),
    )


def paired(case: CaseResult, ratios: Sequence[float]) -> CaseResult:
    """A case that was measured in pairs with its limit: what their ratios say."""
    low, high = median_interval(ratios)
    return msgspec.structs.replace(
        case,
        ratio=round(statistics.median(ratios), 3),
        ratio_low=round(low, 3),
        ratio_high=round(high, 3),
    )


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which the median of what these were drawn from lies with 95 % confidence, however it
    is spread; of fewer than six values the ends, which are less sure.

    Source: David and Nagaraja, Order Statistics (2003), section 7.1: of n values the k-th from
    either end leave the median out with a probability of 2 P(Binomial(n, 1/2) < k).
    """
    ordered, n = sorted(values), len(values)
    outside, k = 0.0, 0
    while k < n // 2 and outside + 2 * math.comb(n, k) / 2**n <= 1 - _SURE:
        outside += 2 * math.comb(n, k) / 2**n
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def _rounded(value: float) -> float:
    return round(value, 1 if value >= 100 else 3)


def percentile_ms(ordered_s: Sequence[float], part: float) -> float | None:
    """The duration, in milliseconds, that this part of the ordered ones does not pass."""
    if not ordered_s:
        return None
    return round(ordered_s[min(len(ordered_s) - 1, int(len(ordered_s) * part))] * 1000, 3)
