"""What few events say for sure.

A fleet does hundreds of tasks a day: two failures of ten are a bad ratio and little evidence. How
likely is it to see `bad` of `total` if the true ratio were only `ratio`? By Chernoff's bound for
the binomial distribution (Hoeffding 1963, theorem 1)

    P(X ≥ bad) ≤ exp(−total · KL(bad/total ‖ ratio))

so `total · KL` above ln(1/α) means: less likely than α. The bound holds for every number of events,
it is never too bold, and Prometheus can compute it too, as it needs nothing but logarithms.
"""

import math
from typing import Final

NEARLY_ALL: Final = 1 - 1e-9
"""A ratio of one is taken for this, so that no logarithm of zero is needed."""


def divergence(seen: float, ratio: float) -> float:
    """Kullback and Leibler's divergence of two coins, in nats; 0 < ratio < 1."""
    seen = min(seen, NEARLY_ALL)
    rest = (1 - seen) * math.log((1 - seen) / (1 - ratio))
    return rest if seen <= 0 else seen * math.log(seen / ratio) + rest


def evidence(bad: float, total: float, ratio: float) -> float:
    """In nats, that the true ratio is above `ratio`; 0 where less was seen than that."""
    if total <= 0 or bad / total <= ratio:
        return 0.0
    return total * divergence(bad / total, ratio)


def needed(confidence: float) -> float:
    """Nats of evidence for that confidence."""
    return math.log(1 / (1 - confidence))


def at_least(bad: float, total: float, confidence: float) -> float:
    """The true ratio is at least this, with that confidence; 0 where nothing is known."""
    if total <= 0 or bad <= 0:
        return 0.0
    # What is counted as bad may be told later than the whole that it is a part of.
    low, high, wanted = 0.0, min(bad / total, 1.0), needed(confidence)
    for _ in range(60):
        middle = (low + high) / 2
        if middle > 0 and evidence(bad, total, middle) < wanted:
            high = middle
        else:
            low = middle
    return low
