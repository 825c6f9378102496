"""Which runners of a stack to start, and which to retire. Pure.

A runner has a number; the first is the one that is always there. One that retires takes no new
work, finishes what it has, and ends: until then it is one of the MAX.
"""

from collections.abc import Sequence

import msgspec


class Running(msgspec.Struct, frozen=True):
    number: int
    retiring: bool = False
    working: int | None = None
    """Attempts that it holds; None where the hive does not hear it, as at its start."""


class Step(msgspec.Struct, frozen=True):
    start: tuple[int, ...] = ()
    retire: tuple[int, ...] = ()


def step(wanted: int | None, running: Sequence[Running], fewest: int, most: int) -> Step:
    """What to do now. `wanted` is None where nobody knows: then nobody goes.

    The idle go first, those with the highest number before the others. One at work is retired only
    where none is idle, and one at a time: what it has may take hours, and its free slots lack.
    """
    staying = [runner for runner in running if not runner.retiring]
    target = max(fewest, min(len(staying) if wanted is None else wanted, most))
    if len(staying) < target:
        taken = {runner.number for runner in running}
        free = [number for number in range(1, most + 1) if number not in taken]
        return Step(start=tuple(free[: target - len(staying)]))
    spare = len(staying) - target
    may_go = sorted(
        (runner for runner in staying if runner.number > 1 and runner.working is not None),
        key=lambda runner: -runner.number,
    )
    idle = [runner.number for runner in may_go if runner.working == 0]
    if idle:
        return Step(retire=tuple(idle[:spare]))
    if spare and may_go and len(staying) == len(running):
        lightest = min(may_go, key=lambda runner: (runner.working or 0, -runner.number))
        return Step(retire=(lightest.number,))
    return Step()
