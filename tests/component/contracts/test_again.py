"""A plan is what was recorded of it."""

import random
from typing import Any

import pytest

from hive_contracts.again import origin_of, plan_again
from hive_contracts.codec import AnyEvent
from hive_contracts.mission import AddItems, ExtendMission, LaunchMission, MissionEvent
from hive_contracts.plan import (
    ForEach,
    Globbed,
    Item,
    Listed,
    Origin,
    Phase,
    Plan,
    TaskSpec,
)
from tests.suites.simulator.plans import random_plan


def recorded(plan: Plan, *commands: Any) -> list[AnyEvent]:
    # The gateway imports no decider; this test asks the real one.
    from hive_orchestrator.deciders import mission, mission_state

    state: mission_state.Mission = mission_state.INITIAL
    events: list[AnyEvent] = []
    for command in (LaunchMission("a" * 32, plan, 1), *commands):
        for event in mission.decide(state, command):
            if isinstance(event, MissionEvent):
                state = mission_state.evolve(state, event)
                events.append(event)
    return events


@pytest.mark.parametrize("seed", range(50))
def test_any_plan_can_be_launched_again_as_it_was(seed: int) -> None:
    plan = random_plan(random.Random(seed), 0)
    assert plan_again(recorded(plan)) == plan


def test_what_was_launched_for_an_issue_is_for_it_again() -> None:
    from hive_orchestrator.deciders import mission, mission_state

    plan = random_plan(random.Random(1), 0)
    origin = Origin("github-com-1-7", "acme/shop#7", "https://example.org/7")
    launch = LaunchMission("a" * 32, plan, 1, origin)
    events = mission.decide(mission_state.INITIAL, launch)
    assert origin_of(events) == origin
    assert origin_of(recorded(plan)) is None


def test_items_of_a_glob_are_found_anew_and_what_was_added_is_part_of_it() -> None:
    template = TaskSpec("each", run="true")
    globbed = Phase("g", for_each=ForEach(Globbed(("*/",)), template))
    listed = Phase("l", for_each=ForEach(Listed((Item("a"), Item("b"))), template))
    more = Phase("more", tasks=(TaskSpec("t", run="true"),))
    events = recorded(
        Plan("fix", (globbed, listed)),
        AddItems("a" * 32, "g", (Item("found"),)),
        ExtendMission("a" * 32, (more,)),
    )
    again = plan_again(events)
    assert again.phases[:2] == (globbed, listed)
    assert (again.phases[2].name, again.phases[2].needs) == ("more", ("g", "l"))


def test_without_a_launch_there_is_no_plan() -> None:
    with pytest.raises(ValueError, match="no launch"):
        plan_again([])
