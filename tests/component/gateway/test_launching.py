"""Which agents a plan may name."""

from collections.abc import Collection

import pytest

from hive_contracts.plan import ForEach, Item, Listed, Phase, Plan, TaskSpec
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import to_proto
from hive_gateway.launching import check_agents, names_agents, plan_of
from hive_gateway.refusals import Refusal
from hive_shared.profiles import Profile, profiles_of

PROFILES = profiles_of({"mine": Profile(("my-agent",))})


def asks(agent: str) -> Plan:
    return Plan("m", (Phase("p", tasks=(TaskSpec("t", prompt="Do it.", agent=agent),)),))


@pytest.mark.parametrize("agent", ["qa-test-guardian", "unheard-of"])
def test_an_agent_without_a_command_is_refused_with_the_line_to_write(agent: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plan_of(to_proto(asks(agent), plan_pb2.Plan), PROFILES)
    assert refusal.value.code == "no-command"
    assert f"profiles.{agent}.command" in refusal.value.remedy


@pytest.mark.parametrize(
    "runners",
    [
        pytest.param([], id="none is connected, and one may come"),
        pytest.param([["codex"]], id="the only runner has it"),
        pytest.param([["claude"], ["codex", "gemini"]], id="one of them has it"),
    ],
)
def test_an_agent_that_some_runner_can_run_is_taken(runners: Collection[Collection[str]]) -> None:
    check_agents(asks("codex"), PROFILES, runners)


def test_an_agent_that_no_runner_can_run_is_refused_with_what_to_type() -> None:
    with pytest.raises(Refusal) as refusal:
        check_agents(asks("codex"), PROFILES, [["claude"], []])
    assert (refusal.value.code, refusal.value.where) == (
        "no-agent",
        "plan.phases[0].tasks[0].agent",
    )
    assert "`npm install -g @openai/codex` and `codex login`" in refusal.value.remedy
    with pytest.raises(Refusal) as refusal:
        check_agents(asks("mine"), PROFILES, [[]])
    assert "install my-agent" in refusal.value.remedy


def test_the_agent_of_a_fan_out_is_looked_at_too() -> None:
    each = ForEach(Listed((Item("a"),)), TaskSpec("t", prompt="Do it.", agent="codex"))
    plan = Plan("m", (Phase("p", for_each=each),))
    assert names_agents(plan)
    with pytest.raises(Refusal):
        check_agents(plan, PROFILES, [[]])


def test_a_plan_of_plain_commands_needs_no_agent() -> None:
    plan = Plan("m", (Phase("p", tasks=(TaskSpec("t", run="make"),)),))
    assert not names_agents(plan)
    check_agents(plan, PROFILES, [[]])
