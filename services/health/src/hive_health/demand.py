"""The demand for runners, as the active orchestrator tells it in its beats. Pure."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from hive_contracts.health import RunnerMember
from hive_contracts.heartbeat import Heartbeat, Wanted
from hive_health.sizing import slots_each

MISSED_BEATS: Final = 3


class Demand(msgspec.Struct):
    """What was told last."""

    wanted: tuple[Wanted, ...] = ()
    until: float | None = None
    """The moment from which it says nothing any more; None before the first beat."""

    def hear(self, beat: Heartbeat, now: float) -> None:
        if beat.demand is not None:
            self.wanted, self.until = beat.demand, now + MISSED_BEATS * beat.every_s

    def known(self, now: float) -> tuple[Wanted, ...] | None:
        """None where no active orchestrator is heard."""
        return None if self.until is None or now > self.until else self.wanted


class Need(msgspec.Struct, frozen=True):
    """Slots that are needed, and what there is."""

    whole: int
    """Of all profiles that more of the runners there are would help."""
    agents: dict[str, int]
    """By profile."""
    unserved: frozenset[str]
    """Profiles that are wanted and that no runner has which is heard."""
    slots: Fraction
    """Of one runner."""


def need(wanted: Iterable[Wanted], runners: Sequence[RunnerMember]) -> Need:
    """More runners of the kind that there is do not help a task whose profile none of them has:
    what such tasks need is told by profile only. Where no runner is heard, one never knows, and
    takes them to have the slots of those that were heard before."""
    heard = [runner for runner in runners if runner.state == "alive"]
    has = {agent for runner in heard for agent in runner.agents}
    slots = {each.agent: each.waiting + each.working for each in wanted}
    unserved = frozenset(a for a in slots if heard and a and a not in has)
    return Need(
        whole=sum(count for agent, count in slots.items() if agent not in unserved),
        agents={agent: count for agent, count in slots.items() if agent},
        unserved=unserved,
        slots=slots_each(r.slots for r in (heard or runners)),
    )
