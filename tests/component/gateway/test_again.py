"""A plan is what was recorded of it."""

import random
from typing import Any

import pytest

from hive_contracts.codec import AnyEvent
from hive_contracts.mission import AddItems, ExtendMission, LaunchMission, MissionEvent
from hive_contracts.plan import ForEach, Globbed, Item, Listed, Phase, Plan, TaskSpec
from hive_gateway.again import plan_again
from tests.suites.simulator import random_plan


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
