"""Who is alive, from beats and from what could be heard."""

import pytest
from msgspec.structs import replace

from hive_contracts.health import BusSeen
from hive_contracts.heartbeat import Heartbeat, Need
from hive_health.bus_view import STALE_SECONDS, BusView
from hive_health.roll import FORGET_SECONDS, SERVICES, Roll
from hive_shared.bus.survey import Held

BEAT = Heartbeat("gateway", "one", "0.1.0", "ready", 12.0, 2.0)
HELD = Held("HIVE_EVENTS_1", 1, 1, 9, 9, "id", 1000)


@pytest.mark.parametrize(
    ("silent_for", "listening_for", "state"),
    [
        (0.0, 0.0, "alive"),
        (6.0, 100.0, "alive"),
        (6.1, 100.0, "silent"),
        (6.1, 3.0, "unknown"),
        (6.1, None, "unknown"),
        (1.0, None, "alive"),
    ],
    ids=[
        "just heard",
        "three beats missing, not more",
        "more than three beats missing",
        "missing, but health was deaf until a moment ago",
        "missing, but health is deaf now",
        "heard before health went deaf",
    ],
)
def test_silence_counts_only_while_health_could_hear(
    silent_for: float, listening_for: float | None, state: str
) -> None:
    roll, now = Roll(), 1000.0
    roll.hear(BEAT, now - silent_for)
    since = None if listening_for is None else now - listening_for
    [member] = [m for m in roll.members(now, since) if m.service == "gateway"]
    assert (member.state, member.instance, member.up_s) == (state, "one", 12.0)


def test_a_service_that_was_never_heard_is_unknown() -> None:
    members = Roll().members(1000.0, 0.0)
    assert [(m.service, m.state) for m in members] == [(s, "unknown") for s in sorted(SERVICES)]
    [asked] = Roll().members(1000.0, 0.0, "elsewhere")
    assert (asked.service, asked.state, asked.heard_s_ago) == ("elsewhere", "unknown", None)


def test_an_instance_that_was_silent_for_an_hour_is_forgotten() -> None:
    roll = Roll()
    roll.hear(BEAT, 0.0)
    assert roll.members(FORGET_SECONDS, 0.0, "gateway")[0].state == "silent"
    assert roll.members(FORGET_SECONDS + 1, 0.0, "gateway")[0].state == "unknown"


def test_the_bus_is_alive_while_it_answers_and_unknown_while_health_is_cut_off() -> None:
    view = BusView()
    assert view.seen(1.0, connected=True) == BusSeen("unknown")
    view.saw(None, 1.0)
    assert view.seen(2.0, connected=True) == BusSeen("alive")
    view.saw(HELD, 3.0)
    view.saw(HELD, 5.0)
    assert view.seen(6.0, connected=True) == BusSeen("alive", "HIVE_EVENTS_1", 9, 3.0)
    assert view.seen(6.0, connected=False) == BusSeen("unknown")
    assert view.seen(5.0 + STALE_SECONDS + 1, connected=True) == BusSeen("silent")


def test_a_process_that_takes_anothers_place_lets_it_be_forgotten() -> None:
    roll, host = Roll(), {"host": "anvil"}
    roll.hear(replace(BEAT, **host), 100.0)
    roll.hear(replace(BEAT, instance="other", **host), 100.0)
    new = replace(BEAT, instance="new", uptime_s=1.0, **host)
    roll.hear(new, 104.0)
    assert len(roll.members(104.0, 0.0, "gateway")) == 3
    roll.hear(replace(new, uptime_s=6.0), 109.0)
    # Two are gone and one came: the place of the other one is still empty.
    states = sorted(member.state for member in roll.members(109.0, 0.0, "gateway"))
    assert states == ["alive", "silent"]
    elsewhere = replace(BEAT, instance="far", uptime_s=1.0, host="bellows")
    roll.hear(elsewhere, 109.0)
    assert len(roll.members(109.0, 0.0, "gateway")) == 3


def test_a_member_is_ready_only_with_all_that_it_needs() -> None:
    roll = Roll()
    needs = (Need("record", True), Need("tails", False, "away", needed=False))
    roll.hear(replace(BEAT, needs=needs), 1.0)
    [member] = roll.members(1.0, 0.0, "gateway")
    assert (member.ready, member.reason) == (True, "")
    roll.hear(replace(BEAT, needs=(*needs, Need("orchestrator", False, "deaf"))), 2.0)
    [member] = roll.members(2.0, 0.0, "gateway")
    assert (member.state, member.ready, member.reason) == ("alive", False, "orchestrator: deaf")
    roll.hear(replace(BEAT, state="starting"), 3.0)
    assert roll.members(3.0, 0.0, "gateway")[0].reason == "it is starting"
