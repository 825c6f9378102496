"""How often an incident is opened for a regression that is none, and how soon for one that is.

    python -m tests.performance.regressions [--series N] [--attempts N] [--first SEED]

Synthetic attempts of one work, of which durations and costs scatter by a factor of about 1.5 and
85 % succeed, looked at after each attempt as health does. Nothing changes in them, or from the
sixtieth attempt on all is twice as slow, dear, or fails three times as often.
"""

import argparse
import math
import random
import statistics
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Final

from hive_health.baselines.attempts import Attempt
from hive_health.baselines.regressions import regressions

LEAST: Final = 16
"""With fewer attempts nothing is found."""
CHANGED: Final = 60
AFTER: Final = 40
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


def made(seed: int, count: int, *, worse: bool) -> list[Attempt]:
    chance = random.Random(seed)
    found = []
    for n in range(count):
        is_worse = worse and n >= CHANGED
        factor = 2.0 if is_worse else 1.0
        succeeds = chance.random() < (0.55 if is_worse else 0.85)
        found.append(
            Attempt(
                BEGAN + timedelta(minutes=n), "fix", "main", "claude", "sonnet", "p1", "g1", "/app",
                "1.0", "succeeded" if succeeds else "gate",
                seconds=factor * math.exp(chance.gauss(4, 0.4)),
                usd=factor * math.exp(chance.gauss(-1, 0.4)), position=n + 1,
            )
        )  # fmt: skip
    return found


def first_told(attempts: list[Attempt]) -> dict[str, tuple[int, int]]:
    """By metric: after how many attempts it was told first, and from which attempt on."""
    told: dict[str, tuple[int, int]] = {}
    for count in range(LEAST, len(attempts) + 1):
        for each in regressions(attempts[:count]):
            if each.is_sure:
                told.setdefault(each.change.metric, (count, each.change.position - 1))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--attempts", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.series)
    false: dict[str, int] = defaultdict(int)
    for seed in seeds:
        for metric in first_told(made(seed, arguments.attempts, worse=False)):
            false[metric] += 1
    for metric in ("success", "seconds", "usd"):
        print(f"nothing changes   {metric:8} told in {false[metric]} of {arguments.series}")
    delays: dict[str, list[int]] = defaultdict(list)
    for seed in seeds[: arguments.series // 4]:
        for metric, (count, _) in first_told(made(seed, CHANGED + AFTER, worse=True)).items():
            if count > CHANGED:
                delays[metric].append(count - CHANGED)
    for metric, found in delays.items():
        print(
            f"all became worse  {metric:8} told in {len(found)} of {arguments.series // 4},"
            f" after {statistics.median(found):g} attempts (median)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
