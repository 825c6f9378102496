"""What is named, what follows from something else and is not told again, and in which order."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.health import (
    BusSeen,
    Kind,
    Member,
    RecordSeen,
    RunnerMember,
    Standing,
)
from hive_contracts.heartbeat import (
    Disk,
    Handled,
    Heartbeat,
    Need,
    PoolUse,
    RunnerHeard,
    SilentAttempt,
)
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_health.clocks import BEATS, Clocks
from hive_health.disks import SAMPLE_SECONDS, Disks, Filling
from hive_health.doors import Deaf
from hive_health.overdue import Overdue
from hive_health.runners import FORGET_SECONDS, Runners
from hive_health.standstill import Standstill
from hive_health.symptoms import MANY, ORDER, Sight, symptoms
from hive_shared.subscriptions.parking import ParkedStream
from tests.suites.health import REMEDIES, assert_remedy

ALIVE = Member("gateway", "one", "alive", 1.0, ready=True)
SILENT = Member("gateway", "two", "silent", 40.0)
RECORD = RecordSeen("alive", head=10)
STUCK = Standing("gateway", "views", 4, behind=6, behind_s=60, still_s=60)


def kinds(sight: Sight) -> list[str]:
    return [symptom.kind for symptom in symptoms(sight)]


def test_a_service_is_missed_only_where_none_of_it_is_left() -> None:
    assert kinds(Sight((ALIVE, SILENT))) == []
    assert kinds(Sight((SILENT,))) == ["service-silent"]
    assert kinds(Sight((Member("gateway", "", "unknown"),))) == []


def test_consumers_are_not_judged_where_nobody_is_there_to_consume() -> None:
    assert kinds(Sight((ALIVE,), record=RECORD, standings=(STUCK,))) == ["stuck-consumer"]
    assert kinds(Sight((SILENT,), record=RECORD, standings=(STUCK,))) == ["service-silent"]


def test_while_the_record_is_away_nothing_is_said_of_what_stands_in_it() -> None:
    bus = BusSeen("alive", "HIVE", 3)
    away = RecordSeen("silent", "refused", 10)
    sight = Sight((ALIVE,), record=away, bus=bus, bus_still_s=60, standings=(STUCK,))
    assert kinds(sight) == ["record-away"]


def test_a_bus_that_cannot_be_seen_is_not_said_to_be_held_up() -> None:
    for state in ("silent", "unknown"):
        sight = Sight((ALIVE,), record=RECORD, bus=BusSeen(state), bus_still_s=60)
        assert "feed-held-up" not in kinds(sight)
    holes = Sight((ALIVE,), record=RECORD, bus=BusSeen("alive", "HIVE", 10, holes=2))
    assert kinds(holes) == ["feed-held-up"]


def test_a_bus_that_is_away_is_named_once_it_was_for_some_seconds() -> None:
    assert kinds(Sight(bus=BusSeen("unknown"), without_bus_s=4)) == []
    [away] = symptoms(Sight(bus=BusSeen("unknown"), without_bus_s=8))
    assert (away.kind, away.about) == ("bus-away", "bus")
    assert "for 8 s" in away.text
    assert kinds(Sight(bus=BusSeen("silent"))) == ["bus-away"]


def test_live_output_is_missed_only_where_it_is_set() -> None:
    beat = Heartbeat("gateway", "one", "1", "ready", 9, 2)
    away = Need("tails", False, "refused", needed=False)
    for need, found in (
        (away, ["tails-away"]),
        (replace(away, is_set=False), []),
        (replace(away, ok=True, reason=""), []),
        (replace(away, name="orchestrator"), []),
    ):
        assert kinds(Sight((ALIVE,), (replace(beat, needs=(need,)),))) == found


def test_the_gravest_comes_first() -> None:
    beat = Heartbeat("gateway", "one", "1", "ready", 9, 2, pools=(PoolUse("gateway", 8, 8, 5.0),))
    sight = Sight((ALIVE,), (beat,), RECORD, standings=(STUCK,), clocks=(("anvil", -7.0),))
    assert kinds(sight) == ["pool-exhausted", "stuck-consumer", "clock-off"]
    assert "7 s behind the database's" in symptoms(sight)[-1].text
    assert len(set(ORDER)) == len(ORDER)


def test_a_thousand_silent_runners_are_twenty_and_a_number() -> None:
    runners = tuple(RunnerMember(str(n), f"r{n}", "silent") for n in range(1000))
    found = symptoms(Sight(runners=runners))
    assert len(found) == MANY + 1
    assert found[-1].text == "and 980 more like it"


def all_at_once() -> Sight:
    """Everything that can be wrong while the record is there."""
    relay = Member("relay", "three", "alive", 1.0, ready=True)
    beat = Heartbeat(
        "gateway", "one", "1", "ready", 9, 2,
        needs=(Need("tails", False, "refused", needed=False),),
        pools=(PoolUse("gateway", 8, 8, 5.0),),
        handlers=(Handled("submit", busy=1, oldest_s=60),),
    )  # fmt: skip
    silent = Member("orchestrator", "two", "silent", 40.0)
    stopped = replace(STUCK, name="missions", stopped="cannot apply TaskNoted")
    lagging = replace(STUCK, name="usage", still_s=0)
    return Sight(
        (ALIVE, silent, relay),
        (beat,),
        RECORD,
        BusSeen("alive", "HIVE", 3),
        without_bus_s=60,
        bus_still_s=60,
        standings=(STUCK, stopped, lagging),
        parked=(
            ParkedStream("health", "notify", "mission-1", 4, "MissionFailed", 8, "down", None, ()),
        ),
        runners=(RunnerMember("1", "r", "silent"),),
        deaf=(replace(HEARD, deaf_s=60),),
        short=(replace(HEARD, closed="3 GB free"),),
        silent=(("anvil", SilentAttempt("t", 1, "fix-1/main/work", 500, 600)),),
        disks=(Filling("anvil", Disk("/data", 100, 1, 5)),),
        doors=(Deaf("one", "http://127.0.0.1:1", 12, "refused"),),
        overdue=(Overdue("fix-1", 3600, 60),),
        clocks=(("anvil", 7.0),),
    )


def test_every_symptom_says_what_to_do() -> None:
    sight = all_at_once()
    away = replace(sight, record=RecordSeen("silent", "refused", 10))
    no_relay = replace(sight, members=(ALIVE,))
    holes = replace(sight, bus=BusSeen("alive", "HIVE", 10, holes=2), bus_still_s=0)
    fills = replace(sight, disks=(Filling("anvil", Disk("/data", 100, 20, 5), full_in_s=60),))
    found = [s for each in (sight, away, no_relay, holes, fills) for s in symptoms(each)]
    for symptom in found:
        assert symptom.text
        assert_remedy(symptom)
    assert {symptom.kind for symptom in found} == set(ORDER) == set(get_args(Kind))
    assert set(REMEDIES) == set(ORDER)


@pytest.mark.parametrize(
    ("looks", "still"),
    [
        ([(3, 3, 0.0), (3, 3, 90.0)], 0.0),
        ([(3, 5, 0.0), (3, 7, 90.0)], 90.0),
        ([(3, 5, 0.0), (4, 7, 90.0)], 0.0),
        ([(3, 3, 0.0), (3, 5, 80.0), (3, 5, 90.0)], 10.0),
        ([(3, 5, 0.0), (1, 5, 90.0)], 0.0),
        ([(5, 4, 0.0), (5, 4, 90.0)], 0.0),
    ],
    ids=[
        "nothing to come to",
        "more comes, it does not move",
        "it moves, and is still behind",
        "the time before anything came does not count",
        "it was set back, which is a move too",
        "ahead of what was seen of the end",
    ],
)
def test_only_who_has_somewhere_to_go_stands_still(
    looks: list[tuple[int, int, float]], still: float
) -> None:
    standstill = Standstill()
    assert [standstill.saw(*look) for look in looks][-1] == still


@settings(deadline=None)
@given(
    off_ms=st.integers(-(10**9), 10**9),
    late_ms=st.lists(st.integers(0, 60_000), min_size=BEATS, max_size=BEATS),
)
def test_late_beats_never_make_a_clock_seem_further_ahead(off_ms: int, late_ms: list[int]) -> None:
    clocks = Clocks()
    for late in late_ms:
        clocks.saw("anvil", 10**12 + off_ms, 10**12 + late)
    # Ours is 3 s behind the database's, so the host is 3 s less ahead of it than of ours.
    found = clocks.off(3.0)["anvil"]
    assert found == pytest.approx((off_ms - min(late_ms)) / 1000 - 3.0)


def test_a_clock_that_was_set_right_is_right_after_a_few_beats() -> None:
    clocks = Clocks()
    for off in [90_000] * 5 + [0] * BEATS:
        clocks.saw("anvil", 10**12 + off, 10**12)
    assert clocks.off(0.0) == {"anvil": 0.0}
    clocks.saw("", 1, 10**12)
    clocks.saw("old", 0, 10**12)
    assert clocks.off(0.0) == {"anvil": 0.0}
    clocks.forget({"other"})
    assert clocks.off(0.0) == {}


def test_a_large_file_that_comes_and_goes_does_not_make_a_disk_fill() -> None:
    disks = Disks()
    for sample in range(60):
        free = 30 if sample % 2 else 80
        disks.saw("anvil", Disk("/data", 100, free, 5), sample * SAMPLE_SECONDS)
    assert disks.filling() == []


def test_a_disk_is_not_said_to_fill_before_there_is_enough_to_say_so() -> None:
    disks = Disks()
    for sample in range(29):
        disks.saw("anvil", Disk("/data", 100, 100 - sample, 5), sample * SAMPLE_SECONDS)
    assert disks.filling() == []
    for sample in range(29, 40):
        disks.saw("anvil", Disk("/data", 100, 100 - sample, 5), sample * SAMPLE_SECONDS)
    [filling] = disks.filling()
    assert filling.full_in_s == pytest.approx(61 * SAMPLE_SECONDS)
    disks.forget(set())
    assert disks.filling() == []


HEARD = RunnerHeard("r", "s", "anvil", 4, 1.0, 2.0, working=2)


def test_a_runner_is_alive_silent_unknown_or_ended_by_what_could_be_known() -> None:
    runners = Runners()
    runners.learn(SessionOpened("r", "s", "anvil", 4), 0.0)
    assert [m.state for m in runners.members(1.0, None)] == ["unknown"]
    assert [m.state for m in runners.members(60.0, 60.0)] == ["silent"]
    runners.hear([HEARD], 100.0)
    [alive] = runners.members(100.0, 60.0)
    assert (alive.state, alive.ready, alive.working, alive.heard_s_ago) == ("alive", True, 2, 1.0)
    [silent] = runners.members(120.0, 60.0)
    assert (silent.state, silent.working) == ("silent", 0)
    [unknown] = runners.members(120.0, None)
    assert (unknown.state, unknown.ready) == ("unknown", False)
    runners.learn(SessionClosed("r", "s", "drained"), 121.0)
    assert [m.state for m in runners.members(122.0, 60.0)] == ["ended"]
    runners.forget(122.0 + FORGET_SECONDS)
    assert runners.members(9999.0, 60.0) == []


def test_a_session_that_expired_did_not_end_in_good_order() -> None:
    runners = Runners()
    runners.learn(SessionOpened("r", "s", "anvil", 4), 0.0)
    runners.learn(SessionClosed("r", "s", "expired"), 1.0)
    [member] = runners.members(60.0, 60.0)
    assert (member.state, member.reason) == ("silent", "its session expired")
    runners.learn(SessionClosed("r", "another", "drained"), 2.0)
    assert runners.members(60.0, 60.0)[0].state == "silent"


def test_of_two_gateways_the_one_that_heard_a_runner_last_is_believed() -> None:
    runners = Runners()
    runners.hear([HEARD], 100.0)
    old = RunnerHeard("r", "s", "anvil", 4, 50.0, 2.0, working=9)
    runners.hear([old], 101.0)
    [member] = runners.members(101.0, 60.0)
    assert (member.working, member.heard_s_ago) == (2, 2.0)


def test_a_runner_that_drains_or_is_short_of_disk_says_so() -> None:
    runners = Runners()
    runners.hear([RunnerHeard("r", "s", "anvil", 4, 0.0, 2.0, closed="3 GB free")], 1.0)
    runners.hear([RunnerHeard("t", "s", "bellows", 4, 0.0, 2.0, draining=True)], 1.0)
    told = [(m.name, m.ready, m.reason) for m in runners.members(1.0, 60.0)]
    assert told == [("anvil", False, "3 GB free"), ("bellows", False, "it drains")]
    assert [heard.name for heard in runners.short(1.0)] == ["anvil"]
    [trouble] = symptoms(Sight(short=tuple(runners.short(1.0))))
    assert (trouble.kind, trouble.about) == ("disk-filling", "runner anvil")
    assert trouble.text == "runner anvil takes no work: 3 GB free"
    assert "make room" in trouble.remedy
    runners.hear([RunnerHeard("r", "s", "anvil", 4, 0.0, 2.0)], 2.0)
    assert runners.short(2.0) == [], "there is room again"


def test_an_agent_is_silent_from_half_of_its_time_out_on() -> None:
    runners = Runners()
    for seconds, named in ((299.0, []), (300.0, ["agent-silent"]), (599.0, ["agent-silent"])):
        attempt = SilentAttempt("t", 1, "fix-1/main/work", seconds, 600, "claude")
        runners.hear([replace(HEARD, silent=(attempt,))], 100.0)
        assert kinds(Sight(silent=tuple(runners.silent(100.0)))) == named
    [silent] = symptoms(Sight(silent=tuple(runners.silent(100.0))))
    assert silent.about == "fix-1/main/work"
    assert silent.text == (
        "claude at fix-1/main/work on runner anvil has printed nothing for 10 min, and is ended"
        " after 10 min"
    )
    for command in ("hive logs -f", "hive take", "hive tell"):
        assert f"`{command} fix-1/main/work" in silent.remedy
    assert runners.silent(200.0) == [], "a runner that is not heard tells nothing"


def test_of_many_silent_agents_those_are_named_that_are_nearest_to_their_end() -> None:
    attempts = tuple(
        ("anvil", SilentAttempt(str(n), 1, f"fix-1/main/t{n}", 300.0 + n, 600)) for n in range(100)
    )
    found = symptoms(Sight(silent=attempts))
    assert [symptom.about for symptom in found[:2]] == ["fix-1/main/t99", "fix-1/main/t98"]
    assert "the command at" in found[0].text
    assert (len(found), found[-1].text) == (MANY + 1, "and 80 more like it")
