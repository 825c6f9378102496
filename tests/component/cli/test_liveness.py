"""`hive status`: who is alive and what is wrong, as people read it."""

from hive_cli.liveness import is_whole, lines
from hive_contracts.v1.operations_pb2 import (
    AgentDemand,
    Capacity,
    HealthMember,
    HealthReport,
    HealthResponse,
    RunnerMember,
    Symptom,
)


def test_members_runners_and_what_is_wrong_with_its_remedy() -> None:
    report = HealthReport(
        members=[
            HealthMember(service="gateway", instance="a" * 32, state="alive", ready=True),
            HealthMember(
                service="gateway", instance="0b", state="alive", reason="orchestrator: deaf"
            ),
            HealthMember(service="github", state="unknown"),
            HealthMember(service="relay", instance="0c", state="silent", reason="no beat"),
        ],
        runners=[
            RunnerMember(
                name="anvil", state="alive", slots=4, working=2, ready=True, agents=["claude"]
            ),
            RunnerMember(name="old", state="ended", reason="drained"),
            RunnerMember(name="far", state="silent", reason="no beat comes from it"),
        ],
        symptoms=[Symptom(kind="clock-off", text="the clock of x is off", remedy="set it")],
    )
    assert lines(HealthResponse(report=report)) == [
        "  gateway ✓✗  github ?  relay ✗",
        "  gateway 0b is not ready: orchestrator: deaf",
        "  github is unknown: it was never heard",
        "  relay 0c is silent: no beat",
        "  runner anvil ✓ 2 of 4 at work · claude",
        "  runner far ✗ · silent: no beat comes from it",
        "  ✗ clock-off: the clock of x is off",
        "      set it",
    ]


def test_what_cannot_be_asked_is_unknown_and_not_well() -> None:
    assert lines(HealthResponse(trouble="no process of health is there", remedy="start one")) == [
        "  health unknown: no process of health is there",
        "      start one",
    ]


def test_what_tasks_want_of_runners_and_what_no_runner_can_do() -> None:
    capacity = Capacity(runners_desired=3, runners=1, waiting=9, working=4)
    capacity.agents.append(AgentDemand(agent="gemini", waiting=2))
    assert lines(HealthResponse(report=HealthReport(capacity=capacity)))[1:] == [
        "  runners wanted 3 · tasks 9 waiting, 4 at work",
        "  2 wait for gemini, which no runner has that is heard",
    ]
    idle = Capacity(runners_desired=1, runners=1)
    assert lines(HealthResponse(report=HealthReport(capacity=idle)))[1:] == []


def test_a_hive_is_whole_where_each_service_has_a_process_that_is_ready() -> None:
    gone = HealthMember(service="gateway", instance="1", state="silent")
    here = HealthMember(service="gateway", instance="2", state="alive", ready=True)
    relay = HealthMember(service="relay", state="unknown")
    assert is_whole(HealthResponse(report=HealthReport(members=[gone, here])))
    assert not is_whole(HealthResponse(report=HealthReport(members=[here, relay])))
    assert not is_whole(HealthResponse(trouble="no process of health is there"))
