"""Which events move a pull request on: an effect for each."""

from collections import OrderedDict
from typing import Final, Protocol

from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.github.pull_request import (
    CheckRecovered,
    PullRequestClosed,
    PullRequestMerged,
    PullRequestReopened,
    PullRequestRequested,
)
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionRevised,
    MissionSucceeded,
    RevisionDeclined,
)
from hive_contracts.subjects import split_stream
from hive_contracts.task import CheckAwaited
from hive_github.api.errors import Limited
from hive_github.api.waiting import waited_for
from hive_shared.subscriptions.effects import PutOff

REMEMBERED: Final = 10_000
"""Missions; of another one the record is asked."""

MOVES: Final = frozenset(
    kind.__name__
    for kind in (
        BranchAdvanced,
        MissionSucceeded,
        MissionFailed,
        MissionCancelled,
        MissionRevised,
        RevisionDeclined,
        PullRequestRequested,
    )
)
OVER: Final = frozenset(
    kind.__name__ for kind in (PullRequestMerged, PullRequestClosed, PullRequestReopened)
)


class Carrying(Protocol):
    async def carry(self, mission_id: str, cause: str) -> None: ...


class PullRequests:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "pull-requests"

    def __init__(self, carrier: Carrying) -> None:
        self._carrier = carrier
        self._wished: OrderedDict[str, bool] = OrderedDict()
        """Missions whose launch has come by: whether a pull request is wished for."""

    def wants(self, event: Recorded) -> bool:
        """No more than it must: each event that is wanted costs two commits and reads."""
        category, mission_id = split_stream(event.stream)
        if category == "task":
            return event.type == CheckAwaited.__name__  # GitHub judges what is pushed
        if category == "pull_request":
            if event.type == PullRequestRequested.__name__:
                self._remember(mission_id, wished=True)
                # What the mission file wishes is recorded on the way: it is at work already.
                return b'"by":' in event.data
            # Of a mission with one for each task: another may be based on it.
            of_others = event.type in OVER and b'"part":' in event.data
            return of_others or event.type == CheckRecovered.__name__
        if category != "mission":
            return False
        if event.type == MissionLaunched.__name__:
            self._remember(mission_id, wished=b'"pull_request":' in event.data)
            return False
        return event.type in MOVES and self._wished.get(mission_id, True)

    async def perform(self, event: Recorded, effect_id: str) -> None:
        _, mission_id = split_stream(event.stream)
        if event.type == CheckAwaited.__name__:
            awaited = decode(event)
            assert isinstance(awaited, CheckAwaited)
            mission_id = awaited.mission_id
        # Of the requests only those come here that somebody made with `hive pr`.
        is_persons = event.type == PullRequestRequested.__name__
        try:
            with waited_for("person" if is_persons else "work"):
                await self._carrier.carry(mission_id, effect_id)
        except Limited as error:
            raise PutOff(error.seconds, str(error)) from error

    def _remember(self, mission_id: str, *, wished: bool) -> None:
        self._wished[mission_id] = wished or self._wished.get(mission_id, False)
        if len(self._wished) > REMEMBERED:
            self._wished.popitem(last=False)
