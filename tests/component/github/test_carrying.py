"""Which events move a pull request on."""

from datetime import UTC, datetime

import pytest

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.github.pull_request import CheckRecovered, CheckRerun
from hive_contracts.task import AttemptStarted, CheckAwaited
from hive_github.pulls.effect import PullRequests

T, M, HEAD = "0" * 31 + "1", "0" * 31 + "2", "c" * 40


class Carried:
    def __init__(self) -> None:
        self.missions: list[str] = []

    async def carry(self, mission_id: str, cause: str) -> None:
        self.missions.append(mission_id)


def recorded(event: AnyEvent) -> Recorded:
    meta, at = Meta("c" * 32, "d" * 32, "ann"), datetime(2026, 1, 1, tzinfo=UTC)
    return Recorded(
        1, stream_of(event), 1, "e" * 32, type(event).__name__, encode(event), meta, at
    )  # fmt: skip


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(CheckAwaited(T, M, "ci", "ci", HEAD, 60), id="GitHub is to judge a commit"),
        pytest.param(CheckRecovered(M, HEAD, "ci"), id="there is more to say of it"),
    ],
)
async def test_what_moves_the_missions_pull_request_on(event: AnyEvent) -> None:
    carried = Carried()
    effect = PullRequests(carried)
    told = recorded(event)
    assert effect.wants(told)
    await effect.perform(told, "f" * 32)
    assert carried.missions == [M]


@pytest.mark.parametrize("event", [AttemptStarted(T, 1), CheckRerun(M, HEAD, "ci", "why")])
def test_what_does_not(event: AnyEvent) -> None:
    assert not PullRequests(Carried()).wants(recorded(event))
