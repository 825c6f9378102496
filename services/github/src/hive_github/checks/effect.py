"""Which events change what checks say: an effect for each, and many of them in one go."""

from collections import OrderedDict
from typing import Final, Protocol

from hive_contracts.envelope import Recorded
from hive_contracts.github.check import ButtonPressed
from hive_contracts.github.pull_request import (
    BranchPushed,
    PullRequestOpened,
    PullRequestRequested,
)
from hive_contracts.subjects import split_stream
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    GatesJudged,
    LeaseLost,
    TaskCancelled,
    TaskFailed,
)
from hive_github.api.errors import Limited
from hive_github.api.waiting import waited_for
from hive_github.wishes import Wishes
from hive_shared.clock import Clock
from hive_shared.subscriptions.effects import PutOff

APART_SECONDS: Final = 3.0
"""Between two turns of one mission: what happens in between is written together."""
REMEMBERED: Final = 10_000

TOLD: Final = frozenset(
    kind.__name__
    for kind in (
        *(AttemptStarted, AttemptSucceeded, AttemptFailed, LeaseLost, GatesJudged),
        *(ApprovalRequested, ApprovalGiven, ApprovalRefused, TaskFailed, TaskCancelled),
    )
)
ANEW: Final = frozenset(
    kind.__name__ for kind in (BranchPushed, PullRequestOpened, PullRequestRequested, ButtonPressed)
)


class Showing(Protocol):
    async def show(self, mission_id: str, cause: str, *, anew: bool = False) -> bool: ...


class CheckWork:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "checks"

    def __init__(self, shows: Showing, clock: Clock) -> None:
        self._shows = shows
        self._clock = clock
        self._wishes = Wishes()
        self._turns: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """Of a mission: when its last turn ended, and the last event that had come by before it."""
        self._position = 0

    def wants(self, event: Recorded) -> bool:
        self._position = max(self._position, event.position)
        self._wishes.note(event)
        category, _ = split_stream(event.stream)
        if category in ("pull_request", "check"):
            return event.type in ANEW
        return (
            category == "task"
            and event.type in TOLD
            and self._wishes.may_have(event.meta.correlation)
        )

    async def perform(self, event: Recorded, effect_id: str) -> None:
        category, id = split_stream(event.stream)
        mission_id = event.meta.correlation if category == "task" else id
        ended, seen = self._turns.get(mission_id, (float("-inf"), 0))
        if seen >= event.position and category == "task":
            return
        early = ended + APART_SECONDS - self._clock.monotonic()
        if early > 0:
            raise PutOff(early, "checks are written together")
        position = self._position
        # Of what came of a button somebody wants to read.
        is_persons = event.type == ButtonPressed.__name__
        try:
            with waited_for("person" if is_persons else "background"):
                done = await self._shows.show(mission_id, effect_id, anew=category != "task")
        except Limited as error:
            raise PutOff(error.seconds, str(error)) from error
        self._turns[mission_id] = (self._clock.monotonic(), position if done else seen)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)
        if not done:
            raise PutOff(APART_SECONDS, "there is more to write")
