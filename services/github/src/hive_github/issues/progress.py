"""Keeps one comment for each mission on its issue, changed in place: an effect for what moves it.

    wanted event ─▶ told already? ─▶ too soon after the last? put off ─▶ as it stands now ─▶ written

It is written as all stands when it is written, so events that wait meanwhile find themselves told.
The end is always written: what is put off, or fails, is tried again.
"""

import asyncio
from collections import OrderedDict
from typing import Final
from weakref import WeakValueDictionary

from hive_contracts.codec import decode
from hive_contracts.envelope import Recorded
from hive_contracts.github.issue import IssuePlace, NoteComment, RefuseComment
from hive_contracts.github.pull_request import PullRequestMerged, PullRequestOpened
from hive_contracts.mission import (
    BranchAdvanced,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionResumed,
    MissionSucceeded,
    TaskSettled,
)
from hive_contracts.plan import Origin
from hive_contracts.subjects import split_stream
from hive_contracts.task import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    QuestionAnswered,
    QuestionAsked,
    TaskPlanned,
)
from hive_github.api.errors import Limited, NotFound, Refused
from hive_github.deciders.issue import Issue
from hive_github.deciders.pull_request import PullRequest
from hive_github.issues.comment import comment, marker_of
from hive_github.issues.site import Site
from hive_github.issues.standing import Standing, Standings
from hive_github.look import Looks, NoAccess, until_let_in
from hive_github.pulls.body import digest_of, plain
from hive_github.records import Records
from hive_shared.clock import Clock
from hive_shared.subscriptions.effects import PutOff

REMEMBERED: Final = 10_000
"""Missions; of another one the record is asked."""
WAITING_SECONDS: Final = 5.0
"""Between two changes where a person is waited for."""

_ENDS: Final = frozenset(
    kind.__name__ for kind in (MissionSucceeded, MissionFailed, MissionRefused, MissionCancelled)
)
_MISSION: Final = _ENDS | {
    kind.__name__
    for kind in (MissionLaunched, BranchAdvanced, TaskSettled, MissionPaused, MissionResumed)
}
_TASK: Final = frozenset(
    kind.__name__
    for kind in (
        ApprovalRequested, ApprovalGiven, ApprovalRefused, QuestionAsked, QuestionAnswered,
    )
)  # fmt: skip
_PULL: Final = frozenset(kind.__name__ for kind in (PullRequestOpened, PullRequestMerged))


class Progress:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "issue-comments"

    def __init__(
        self,
        records: Records,
        looks: Looks,
        site: Site,
        standings: Standings,
        clock: Clock,
        apart_seconds: float,
    ) -> None:
        """`apart_seconds`: between two changes of one comment, but for the last."""
        self._records = records
        self._looks = looks
        self._site = site
        self._standings = standings
        self._clock = clock
        self._apart = apart_seconds
        self._known: OrderedDict[str, bool] = OrderedDict()
        """Missions whose launch has come by: whether they are for an issue."""
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def wants(self, event: Recorded) -> bool:
        """No more than it must: each event that is wanted costs two commits and reads."""
        category, id = split_stream(event.stream)
        if category == "task":
            # A few, and which mission they are of is not known yet.
            return event.type in _TASK
        if category == "mission":
            if event.type == MissionLaunched.__name__:
                self._remember(id, b'"origin":' in event.data)
            return event.type in _MISSION and self._known.get(id, True)
        return category == "pull_request" and event.type in _PULL and self._known.get(id, True)

    async def perform(self, event: Recorded, effect_id: str) -> None:
        mission_id = await self._mission_of(event)
        try:
            if mission_id:
                await self.write(mission_id, effect_id, event.position)
        except Limited as error:
            raise PutOff(error.seconds, str(error)) from error

    async def write(
        self, mission_id: str, cause: str, position: int = 0, *, at_once: bool = False
    ) -> None:
        """Until all up to a position is told. Raises PutOff, GithubError, StoreError."""
        origin = await self._standings.origin(mission_id)
        self._remember(mission_id, origin is not None)
        if origin is None:
            return
        # Of two effects that write the same comment for the first time, each would make one.
        turn = self._writing.get(origin.issue_id)
        if turn is None:
            turn = self._writing[origin.issue_id] = asyncio.Lock()
        async with turn:
            state = await self._records.issue(origin.issue_id)
            before = state.comments.get(mission_id)
            if before is not None and before.position >= position and not at_once:
                return
            told = await self._standings.position()
            standing = await self._standings.of(mission_id)
            assert standing is not None
            if before is not None and not at_once:
                self._check_apart(standing, before.at_ms)
            await self._write(mission_id, origin, state, standing, told, cause)

    def _check_apart(self, standing: Standing, at_ms: int) -> None:
        """Raises PutOff."""
        if standing.has_ended:
            return
        apart = min(WAITING_SECONDS, self._apart) if standing.waiting else self._apart
        left = at_ms / 1000 + apart - self._clock.now_ms() / 1000
        if left > 0:
            raise PutOff(left, "the comment was changed a moment ago")

    async def _write(
        self, mission_id: str, origin: Origin, state: Issue, standing: Standing, told: int,
        cause: str,
    ) -> None:  # fmt: skip
        number = int(origin.issue_id.rpartition("-")[2])
        text = comment(mission_id, standing, await self._pull(mission_id))
        digest = digest_of(text)
        before = state.comments.get(mission_id)
        if before is not None and before.digest == digest:
            return
        try:
            name, installation = await self._repository(origin)
            with until_let_in():
                at = await self._looks.repository(name, cause, known=installation)
                place = IssuePlace(at.repository_id, at.full_name, number, at.installation)
                written = await self._put(place, mission_id, before.comment if before else 0, text)
        except Limited:
            raise
        except (NoAccess, Refused) as error:
            # Deleted, moved, locked, archived: the mission goes on, and nobody hears of it there.
            refused = RefuseComment(origin.issue_id, mission_id, str(error)[:500])
            await self._records.tell(refused, cause)
            return
        noted = NoteComment(
            origin.issue_id, mission_id, standing.story.name, written, digest, told,
            self._clock.now_ms(),
        )  # fmt: skip
        await self._records.tell(noted, cause)

    async def _put(self, place: IssuePlace, mission_id: str, known: int, text: str) -> int:
        """The number of the comment that has the text now."""
        # One that a crash left unrecorded is found.
        comment = known or await self._site.mine(place, marker_of(mission_id))
        if comment:
            try:
                await self._site.say_anew(place, comment, text)
            except NotFound:
                return await self._site.say(place, text)
            return comment
        return await self._site.say(place, text)

    async def _repository(self, origin: Origin) -> tuple[str, int]:
        """Its name by now, and the installation that reached it last."""
        repository_id = origin.issue_id.rpartition("-")[0]
        seen = (await self._records.repository(repository_id)).seen
        if seen is None:
            return origin.issue.partition("#")[0], 0
        return seen.full_name, seen.installation

    async def _pull(self, mission_id: str) -> str:
        pulls = await self._records.pull_requests(mission_id)
        if not pulls.parts:
            return _said(pulls.whole)
        said = {part: _said(pull) for part, pull in pulls.parts.items()}
        return "".join(f"\n- {plain(part)}: {each}" for part, each in said.items() if each)

    async def _mission_of(self, event: Recorded) -> str:
        category, id = split_stream(event.stream)
        if category != "task":
            return id
        first = decode(event)
        if isinstance(first, ApprovalRequested | QuestionAsked):
            return first.mission_id
        events = await self._standings.events("task", id)
        planned = next((each for each in events if isinstance(each, TaskPlanned)), None)
        return planned.mission_id if planned else ""

    def _remember(self, mission_id: str, is_for_issue: bool) -> None:
        self._known[mission_id] = is_for_issue
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _said(pull: PullRequest) -> str:
    """One pull request as GitHub links it, and how it stands; empty while there is none."""
    if pull.opened is not None:
        state = {"open": "draft" if pull.draft else "ready for review"}.get(pull.state, pull.state)
        return f"{pull.opened.repository}#{pull.opened.number} ({state})"
    return "" if pull.failed is None else f"not yet: {pull.failed.reason}"
