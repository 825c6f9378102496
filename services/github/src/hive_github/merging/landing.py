"""Tells the orchestrator that a mission's work has landed: its pull request is merged.

A mission can be said to have landed once it has ended. Whichever comes last, the merge or the end,
brings it about; said twice it is done once.
"""

from typing import Final

from hive_contracts.codec import AnyEvent
from hive_contracts.envelope import Recorded
from hive_contracts.github.pull_request import PullRequestMerged
from hive_contracts.mission import (
    MissionCancelled,
    MissionFailed,
    MissionSucceeded,
    RecordLanding,
)
from hive_contracts.subjects import split_stream
from hive_contracts.submit import Refused, Submission
from hive_github.checks.gates import ACTOR
from hive_github.checks.histories import Histories
from hive_github.deciders.pull_request import PullRequest
from hive_github.deciders.pull_requests import PullRequests
from hive_github.orchestrator import Commands
from hive_github.pulls.story import tell
from hive_github.records import Records
from hive_github.wishes import Wishes

ENDS: Final = (MissionSucceeded, MissionFailed, MissionCancelled)
_MOVES: Final = frozenset(kind.__name__ for kind in (*ENDS, PullRequestMerged))


def landed(mission: list[AnyEvent], pulls: PullRequests) -> PullRequest | None:
    """The pull request by which all of a mission's work is merged: the last; None before that,
    and until the mission has ended.
    """
    if not any(isinstance(each, ENDS) for each in mission):
        return None
    if pulls.whole.opened is not None:
        return pulls.whole if pulls.whole.state == "merged" else None
    story = tell(mission, {})
    parts = [pulls.of(part.name) for part in story.parts] if story else []
    if not parts or any(part.opened is None or part.state != "merged" for part in parts):
        return None
    return parts[-1]


class NotLanded(Exception):
    """The orchestrator refuses to note it."""


class Landings:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "landings"

    def __init__(self, records: Records, histories: Histories, orders: Commands) -> None:
        self._records = records
        self._histories = histories
        self._orders = orders
        self._wishes = Wishes()

    def wants(self, event: Recorded) -> bool:
        self._wishes.note(event)
        return event.type in _MOVES and self._wishes.may_have(split_stream(event.stream)[1])

    async def perform(self, event: Recorded, effect_id: str) -> None:
        _, mission_id = split_stream(event.stream)
        pulls = await self._records.pull_requests(mission_id)
        mission = await self._histories.mission(mission_id)
        state = landed(mission, pulls)
        if state is None:
            return
        by = state.merged_by or ACTOR
        landing = RecordLanding(mission_id, state.merge_commit, state.base, by)
        answer = await self._orders.submit(Submission(effect_id, ACTOR, landing))
        if isinstance(answer, Refused):
            raise NotLanded(answer.message)
