"""Which agents a plan may name."""

from collections.abc import Collection

import msgspec
import pytest

from hive_contracts.budget import Budget
from hive_contracts.plan import (
    ApprovalGate,
    ForEach,
    Item,
    Listed,
    Phase,
    Plan,
    Repository,
    TaskSpec,
)
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import to_proto
from hive_gateway.launching import check_agents, check_judges, names_agents, plan_of
from hive_gateway.refusals import Refusal
from hive_shared.profiles import Profile, profiles_of

PROFILES = profiles_of({"mine": Profile(("my-agent",))})


def asks(agent: str) -> Plan:
    return Plan("m", (Phase("p", tasks=(TaskSpec("t", prompt="Do it.", agent=agent),)),))


CAPPED = profiles_of(
    {
        "mine": Profile(("my-agent",)),
        "telling": Profile(("my-agent",), tokens="all"),
        "silent": Profile(use="codex", tokens="none"),
        "other": Profile(use="codex", command=("my-agent",)),
        "bridge": Profile(("my-agent", "acp"), protocol="acp"),
    }
)


def capped(agent: str, **budget: float) -> Plan:
    return msgspec.structs.replace(asks(agent), budget=Budget(**budget))  # type: ignore[arg-type]


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode", "telling", "other"])
def test_tokens_are_capped_where_an_agent_tells_of_all(agent: str) -> None:
    plan_of(to_proto(capped(agent, tokens=1_000), plan_pb2.Plan), CAPPED)


@pytest.mark.parametrize(
    ("agent", "said", "remedy"),
    [
        ("mine", "how many tokens", "cap time instead"),
        ("silent", "how many tokens", "cap time instead"),
        ("bridge", "how many tokens", "cap time instead"),
        ("gemini-acp", "how many tokens", "cap time instead"),
        ("opencode-acp", "of all tokens", "cap dollars instead"),
    ],
)
def test_tokens_are_not_capped_where_an_agent_does_not_tell_of_them(
    agent: str, said: str, remedy: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        plan_of(to_proto(capped(agent, tokens=1_000), plan_pb2.Plan), CAPPED)
    assert refusal.value.where == "plan.phases[0].tasks[0].agent"
    assert said in refusal.value.message
    assert remedy in refusal.value.remedy
    assert f"profiles.{agent}.tokens" in refusal.value.remedy
    plan_of(to_proto(capped(agent, wall=60), plan_pb2.Plan), CAPPED)


def test_nobody_is_sent_from_one_cap_that_cannot_be_kept_to_another() -> None:
    with pytest.raises(Refusal) as refusal:
        plan_of(to_proto(capped("mine", usd=5), plan_pb2.Plan), CAPPED)
    assert refusal.value.remedy == "cap time instead: budget: {wall: 2h}"


def test_the_agent_of_a_capped_fan_out_is_looked_at_too() -> None:
    each = ForEach(Listed((Item("a"),)), TaskSpec("t", prompt="Do it.", agent="mine"))
    plan = Plan("m", (Phase("p", for_each=each),), budget=Budget(tokens=1_000))
    with pytest.raises(Refusal, match="tokens cannot be capped"):
        plan_of(to_proto(plan, plan_pb2.Plan), CAPPED)


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


def test_a_gate_may_be_for_somebody_who_answers_on_github() -> None:
    def asking(*by: str) -> Plan:
        return Plan("m", asks("codex").phases, criteria=(ApprovalGate("good", "?", by=by),))

    check_judges(asking("github:ada"), ["admin"])
    check_judges(asking("nobody", "admin"), ["admin"])
    with pytest.raises(Refusal):
        check_judges(asking("ada"), ["admin"])


def test_a_plan_with_a_secret_in_its_repository_s_address_is_refused_and_not_repeated() -> None:
    where = Repository("https://ada:s3cret@example.org/acme/shop.git", "0" * 40)
    plan = Plan("m", (Phase("p", tasks=(TaskSpec("t", run="true"),)),), repository=where)
    with pytest.raises(Refusal) as refusal:
        plan_of(to_proto(plan, plan_pb2.Plan), PROFILES)
    assert (refusal.value.code, refusal.value.where) == ("invalid", "plan.repository.url")
    assert "s3cret" not in f"{refusal.value} {refusal.value.message} {refusal.value.remedy}"
