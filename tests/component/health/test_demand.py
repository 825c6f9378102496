"""What runners are wanted for, out of beats."""

from hive_contracts.capacity import POOL, AgentRunners, RunnersWanted, WantRunners
from hive_contracts.health import AgentDemand, RunnerMember
from hive_contracts.heartbeat import Heartbeat, Wanted
from hive_health.autoscaler import Seen, shown
from hive_health.capacity import decide
from hive_health.demand import Demand, need
from hive_health.sizing import SLOTS

WANTED = (Wanted("", 2, 1), Wanted("claude", 5, 3), Wanted("gemini", 7))
HERE = RunnerMember("r1", "anvil", "alive", slots=2, working=2, agents=("claude",), ready=True)
GONE = RunnerMember("r2", "bellows", "silent", slots=64, agents=("gemini",))


def beat(demand: tuple[Wanted, ...] | None) -> Heartbeat:
    return Heartbeat("orchestrator", "i", "1", "ready", 1.0, 2.0, demand=demand)


def test_only_the_active_orchestrator_is_believed_and_not_for_long() -> None:
    demand = Demand()
    assert demand.known(0) is None
    demand.hear(beat(WANTED), 10)
    demand.hear(beat(None), 11)
    assert demand.known(16) == WANTED
    assert demand.known(16.1) is None
    demand.hear(beat(()), 20)
    assert demand.known(21) == ()


def test_a_profile_that_no_runner_has_does_not_ask_for_more_of_the_same() -> None:
    needed = need(WANTED, [HERE, GONE])
    assert (needed.whole, int(needed.slots)) == (11, 2)
    assert needed.agents == {"claude": 8, "gemini": 7}
    assert needed.unserved == {"gemini"}


def test_where_no_runner_is_heard_all_that_waits_counts() -> None:
    needed = need(WANTED, [GONE])
    assert (needed.whole, needed.unserved) == (18, frozenset())
    assert int(needed.slots) == 64  # as those that were heard before had
    assert need(WANTED, []).slots == SLOTS


def test_the_same_number_is_recorded_once_however_the_queue_changes() -> None:
    first = decide(None, WantRunners(POOL, 2, (AgentRunners("claude", 1),), 5, 3))
    assert first == [RunnersWanted(POOL, 2, (AgentRunners("claude", 1),), 5, 3)]
    assert decide(first[0], WantRunners(POOL, 2, (AgentRunners("claude", 1),), 9, 8)) == []
    assert decide(first[0], WantRunners(POOL, 2, (), 5, 3)) == [RunnersWanted(POOL, 2, (), 5, 3)]
    assert decide(None, WantRunners(POOL, 0)) == [RunnersWanted(POOL, 0)]


def test_what_is_told_is_what_is_recorded_beside_what_is_seen() -> None:
    wish = RunnersWanted(POOL, 6, (AgentRunners("claude", 4),))
    told = shown(wish, Seen(WANTED, (HERE, GONE)), "")
    assert (told.runners_desired, told.runners, told.slots) == (6, 1, 2)
    assert (told.waiting, told.working, told.reason) == (14, 4, "")
    assert told.agents == (
        AgentDemand("", 2, 1),
        AgentDemand("claude", 5, 3, 4),
        AgentDemand("gemini", 7, served=False),
    )


def test_what_nobody_knows_is_said_and_the_number_stays() -> None:
    wish = RunnersWanted(POOL, 6)
    told = shown(wish, Seen(None), "")
    assert (told.runners_desired, told.reason) == (6, "no active orchestrator is heard")
    assert shown(None, Seen(None), "the record: away").reason == "the record: away"
    assert shown(None, Seen(()), "").runners_desired is None
