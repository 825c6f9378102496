"""Metrics of the demand for runners. Pure."""

from collections.abc import Iterable

from hive_contracts.health import Capacity
from hive_health.page import Sample


def of_capacity(capacity: Capacity) -> Iterable[tuple[str, str, list[Sample]]]:
    """Name, help, samples. What nobody has counted yet has no sample."""
    wanted = capacity.runners_desired
    agents = capacity.agents
    yield (
        "hive_runners_desired",
        "Runners that are wanted",
        [] if wanted is None else [Sample((), float(wanted))],
    )
    yield (
        "hive_agent_runners_desired",
        "Runners with a profile that are wanted",
        [Sample((("agent", a.agent),), float(a.runners_desired)) for a in agents if a.agent],
    )
    yield (
        "hive_tasks_waiting",
        "Tasks that wait for a slot of a runner, by the profile that they need",
        [Sample((("agent", a.agent),), float(a.waiting)) for a in agents],
    )
    yield (
        "hive_tasks_working",
        "Tasks that hold a slot of a runner",
        [Sample((("agent", a.agent),), float(a.working)) for a in agents],
    )
