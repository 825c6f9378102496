"""The plan of a mission, out of what was recorded of it."""

from collections.abc import Iterable

from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import ItemsFound, MissionLaunched, PhaseDefined
from hive_contracts.plan import (
    Item,
    Listed,
    Origin,
    Phase,
    Plan,
)


def plan_again(events: Iterable[AnyEvent]) -> Plan:
    """What was launched, and what was added to it since; `events` are those of its stream.

    Raises ValueError where they do not begin with a launch.
    """
    launched: MissionLaunched | None = None
    phases: dict[str, Phase] = {}
    written: dict[str, tuple[Item, ...]] = {}
    for event in events:
        match event:
            case MissionLaunched():
                launched = event
            case PhaseDefined(phase=phase):
                phases[phase.name] = phase
            case ItemsFound(phase=name, items=items):
                written[name] = written.get(name, ()) + items
    if launched is None:
        raise ValueError("no launch is recorded")
    return Plan(
        launched.series,
        tuple(_with_items(phase, written.get(phase.name, ())) for phase in phases.values()),
        launched.agent_type,
        launched.objective,
        launched.repository,
        launched.prerequisites,
        launched.approvals,
        launched.criteria,
        launched.notify,
        launched.budget,
        launched.pull_request,
    )


def origin_of(events: Iterable[AnyEvent]) -> Origin | None:
    """The issue that the mission was launched for: done again, it is still for that one."""
    return next((event.origin for event in events if isinstance(event, MissionLaunched)), None)


def _with_items(phase: Phase, items: tuple[Item, ...]) -> Phase:
    """Items of a written list are recorded beside the phase; those of a glob are found anew."""
    if phase.for_each is None or not isinstance(phase.for_each.source, Listed):
        return phase
    return replace(phase, for_each=replace(phase.for_each, source=Listed(items)))
