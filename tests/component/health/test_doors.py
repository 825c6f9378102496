"""What is made of it that a gateway answers, or does not."""

import pytest
from msgspec.structs import replace

from hive_contracts.health import Member
from hive_contracts.heartbeat import Heartbeat
from hive_health.doors import DEAF_SECONDS, DEAF_TRIES, Door, Doors, to_ask
from hive_health.symptoms import Sight, symptoms

DOOR = Door("one", "http://anvil:8000")
MEMBER = Member("gateway", "one", "alive", 1.0, ready=True)


def failing(doors: Doors, tries: int, every: float, start: float = 100.0) -> float:
    """So many failures; answers when the last was."""
    for number in range(tries):
        doors.saw(DOOR, "nothing came within 3 s", start + number * every)
    return start + (tries - 1) * every


@pytest.mark.parametrize(
    ("tries", "every", "deaf"),
    [
        (DEAF_TRIES, DEAF_SECONDS, True),
        (DEAF_TRIES - 1, DEAF_SECONDS * 10, False),
        (DEAF_TRIES + 1, DEAF_SECONDS / 4, False),
    ],
    ids=["long and often", "twice, and this machine stood still", "thrice within a moment"],
)
def test_a_door_is_deaf_after_ten_seconds_and_three_failures(
    tries: int, every: float, deaf: bool
) -> None:
    doors = Doors()
    now = failing(doors, tries, every)
    assert [door.instance for door in doors.deaf(now)] == (["one"] if deaf else [])
    assert doors.seen(MEMBER).answers is not deaf


def test_a_gateway_that_beats_and_does_not_answer_is_not_ready_and_named() -> None:
    doors = Doors()
    now = failing(doors, 3, 10)
    seen = doors.seen(MEMBER)
    assert (seen.state, seen.ready) == ("alive", False)
    assert seen.reason == "it does not answer at http://anvil:8000: nothing came within 3 s"
    [named] = symptoms(Sight((MEMBER,), doors=tuple(doors.deaf(now))))
    assert (named.kind, named.about, named.instance) == ("gateway-deaf", "gateway one", "one")
    assert "has not answered at http://anvil:8000 for 20 s: nothing came" in named.text
    doors.saw(DOOR, "", now + 1)
    assert (doors.deaf(now + 1), doors.seen(MEMBER)) == ([], replace(MEMBER, answers=True))
    doors.saw(DOOR, "refused", now + 2)
    assert doors.deaf(now + 100) == [], "what failed before it answered does not count"


def test_nothing_is_said_of_what_was_not_asked_or_is_not_there() -> None:
    doors = Doors()
    assert doors.seen(MEMBER) is MEMBER
    now = failing(doors, 3, 10)
    silent = replace(MEMBER, state="silent")
    assert doors.seen(silent) is silent
    doors.saw(DOOR, None, now)
    assert (doors.deaf(now), doors.seen(MEMBER)) == ([], MEMBER)
    failing(doors, 3, 10)
    doors.forget({"another"})
    assert doors.deaf(now) == []


@pytest.mark.parametrize(
    ("address", "machine", "asked"),
    [
        ("http://127.0.0.1:8000", "here", True),
        ("http://127.0.0.1:8000", "there", False),
        ("http://[::1]:8000", "there", False),
        ("http://localhost:8000", "there", False),
        ("http://10.0.0.7:8000", "there", True),
        ("http://gateway-1:8000", "there", True),
        ("", "here", False),
    ],
)
def test_an_address_that_only_its_own_machine_has_is_asked_there_alone(
    address: str, machine: str, asked: bool
) -> None:
    beat = Heartbeat("gateway", "one", "1", "ready", 9, 2, host="here", address=address)
    assert bool(to_ask([beat], machine)) is asked
