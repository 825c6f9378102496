"""The loop until a pull request is merged: what comes back of it goes to an agent, a round each.

    somebody pushed │ base moved │ a review │ failed checks, in the queue too     the first of these
                    └─────── look ───────┘
                               ▼
           RoundAsked ─▶ the mission goes on (orchestrator) ─▶ pushed ─▶ answered (`settling`)

A look reads what GitHub shows and decides nothing by what a delivery said, so it may be called for
any reason, twice, and by two processes: the record takes a source once. It comes to something only
while the mission rests and its newest commit is the pull request's head.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec.structs import replace

from hive_contracts.github.places import repository_path
from hive_contracts.github.pull_request import (
    AskRound,
    FailPullRequest,
    NotePush,
    SetReviewAside,
)
from hive_contracts.plan import MergeOf
from hive_github.api.errors import Forbidden, Unsettled
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.git import Mirrors, PushRefused, Remote
from hive_github.look import Looks, SeenRepository
from hive_github.pulls.asking import ask
from hive_github.pulls.failures import Failures
from hive_github.pulls.named_lines import named_lines
from hive_github.pulls.queue import Queue
from hive_github.pulls.reading import standing_of
from hive_github.pulls.returning import wanted
from hive_github.pulls.reviews import Reviews
from hive_github.pulls.story import Story, of_part
from hive_github.pulls.stuck import Stuck
from hive_github.records import Records
from hive_github.stacking import Step, Unfit
from hive_shared.eventstore.port import EventStore
from hive_shared.telemetry import continuing

MAX_THREADS: Final = 200
"""Of one review that are answered; more are no review any more."""
MAX_LOOKS: Final = 5
SETTLING_SECONDS: Final = 3.0
_NEEDS_BASE: Final = frozenset(("dirty", "behind"))
"""What GitHub calls a pull request that cannot be merged for its base's sake."""


class Rounds:
    def __init__(
        self,
        github: Github,
        store: EventStore,
        records: Records,
        looks: Looks,
        mirrors: Mirrors,
        part: str = "",
    ) -> None:
        """`part`: the task whose pull request is meant; empty is the one for all."""
        self._github = github
        self._store = store
        self._records = records
        self._looks = looks
        self._mirrors = mirrors
        self._part = part
        self._unsettled: dict[tuple[str, str], int] = {}
        """By mission and task: looks in a row that came too early."""
        self._failures = Failures(github, records)
        self._queue = Queue(github, records, self._failures)
        self._reviews = Reviews(github)

    def of(self, part: str) -> "Rounds":
        """The same for the pull request of a task."""
        other = Rounds(
            self._github, self._store, self._records.of(part), self._looks.of(part), self._mirrors,
            part,
        )  # fmt: skip
        other._unsettled = self._unsettled
        return other

    async def look_at_all(self, mission_id: str, cause: str) -> None:
        """At each pull request of a mission. Raises what `look` raises."""
        all = await self._records.pull_requests(mission_id)
        for part in all.parts or ("",):
            await self.of(part).look(mission_id, cause)

    async def look(self, mission_id: str, cause: str) -> None:
        """Ask for a round where something came back.

        Raises GithubError, NoAccess, GitError, ArtifactError, StoreError: to be tried again.
        """
        all = await self._records.pull_requests(mission_id)
        state = all.of(self._part)
        if state.opened is None or state.state != "open" or state.requested is None:
            return
        if not state.requested.wish.rounds:
            return
        story, traceparent = await standing_of(self._store, mission_id)
        if story is None or all.round is not None or not _rests(story):
            return
        if self._part:
            story = of_part(story, self._part, all.part_of_round)
        # Whatever brought it about, a webhook say, has a trace of its own.
        with continuing("look for a round", traceparent):
            await self._look(story, state, cause)

    async def _look(self, story: Story, state: PullRequest, cause: str) -> None:
        assert state.opened is not None
        mission_id = story.mission_id
        at = await self._at(state, cause)
        if at.archived or not at.may_push:
            return
        await self._looks.pull_request(
            mission_id, at.full_name, state.opened.number, at.installation, cause
        )
        state = await self._records.pull_request(mission_id)
        if state.state != "open" or story.tip is None or not state.pushed:
            return
        if story.outcome == "succeeded" and state.held != story.newest:
            return
        try:
            for step in self._steps():
                if await step(story, state, at, cause):
                    return
        except Stuck as stuck:
            failed = FailPullRequest(mission_id, stuck.reason, stuck.remedy)
            await self._records.tell(failed, cause)

    def _steps(
        self,
    ) -> tuple[Callable[[Story, PullRequest, SeenRepository, str], Awaitable[bool]], ...]:
        """Each answers whether something came back, so that nothing else is looked at now."""
        return (
            self._pushed_by_others, self._base, self._review, self._failed, self._left_the_queue
        )  # fmt: skip

    # ---- what may have come back

    async def _pushed_by_others(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> bool:
        if state.head == state.pushed:
            return False
        assert state.opened is not None and story.tip is not None and story.repository is not None
        remote = await self._remote(at)
        branch = story.branch
        if not await self._mirrors.continues(remote, state.head, state.pushed):
            raise Stuck(
                f"somebody has rewritten {branch}: {state.head[:12]} does not continue from "
                f"{state.pushed[:12]}",
                f"put it back there, or close the pull request; then: hive pr {story.name}",
            )
        newer = await self._mirrors.newer(remote, story.repository.base, story.tip, branch)
        if newer is None:
            return False
        commit, bundle = newer
        merge = MergeOf("", branch, 0, commit, bundle)
        title = f"somebody else pushed to {branch}: {commit[:12]}"
        await self._ask(
            story, state, cause, AskRound(
                story.mission_id, "base", f"base {commit}", state.pushed, title, task=self._part,
                merge=merge,
            ),
        )  # fmt: skip
        return True

    async def _base(self, story: Story, state: PullRequest, at: SeenRepository, cause: str) -> bool:
        assert state.opened is not None and story.tip is not None and story.repository is not None
        path = repository_path(at.full_name, "/pulls/{}", state.opened.number)
        told = await self._github.get(path, at.installation)
        self._expect_settled(story.mission_id, told)
        conflicts = told.get("mergeable") is False
        if not conflicts and told.get("mergeable_state") not in _NEEDS_BASE:
            return False
        branch = str(told["base"]["ref"])
        if self._part and await self._caught_up(story, state, at, branch, cause):
            return True
        newer = await self._mirrors.newer(
            await self._remote(at), story.repository.base, story.tip, branch
        )
        if newer is None:
            return False
        commit, bundle = newer
        how = "conflicts with it" if conflicts else "is behind it"
        title = f"{branch} moved on to {commit[:12]}, and this {how}"
        merge = MergeOf("", branch, 0, commit, bundle)
        await self._ask(
            story, state, cause, AskRound(
                story.mission_id, "base", f"base {commit}", state.pushed, title, task=self._part,
                merge=merge,
            ),
        )  # fmt: skip
        return True

    async def _caught_up(
        self, story: Story, state: PullRequest, at: SeenRepository, branch: str, cause: str
    ) -> bool:
        """Whether a task's branch could take the base in without an agent."""
        remote = await self._remote(at)
        commit = await self._mirrors.catch_up(remote, story.branch, state.head, branch)
        if not commit:
            commit = await self._as_another(state, story, remote)
        if commit in ("", state.head):
            return False
        noted = NotePush(story.mission_id, story.branch, commit, state.head, state.held)
        await self._records.tell(noted, cause)
        return True

    async def _as_another(self, state: PullRequest, story: Story, remote: Remote) -> str:
        """With what an agent has made of the same conflict for another task; empty where none has.

        The mission's branch has the work of all tasks, so whoever mends it there mends it for all.
        """
        assert story.tip is not None and story.repository is not None
        whole, _ = await standing_of(self._store, story.mission_id)
        mended = [each for each in whole.changes if each.merged] if whole else []
        if not mended or mended[-1] in story.changes:
            return ""
        last = mended[-1]
        step = Step(last.old, last.new.commit, last.merged)
        try:
            _, commit = await self._mirrors.push_part(
                remote, story.repository.base, story.tip, story.branch, state.head, [step]
            )
        except (Unfit, PushRefused):
            return ""
        return commit

    def _expect_settled(self, mission_id: str, told: Any) -> None:
        """GitHub works out after a push whether it can be merged, once somebody has asked.

        Raises Unsettled, a few times in a row; then it is left to the next look.
        """
        if told.get("mergeable") is not None or told.get("state") != "open":
            self._unsettled.pop((mission_id, self._part), None)
            return
        looks = self._unsettled.pop((mission_id, self._part), 0) + 1
        if looks <= MAX_LOOKS:
            self._unsettled[mission_id, self._part] = looks
            raise Unsettled(SETTLING_SECONDS, "it is not known yet whether it can be merged")

    async def _review(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> bool:
        assert state.opened is not None and state.requested is not None
        named = state.requested.wish.reviewers
        for review in await self._reviews.of(at, state.opened.number):
            told = wanted(review, state.rounds)
            if told is None or review.id in state.set_aside:
                continue
            if not await self._reviews.has_a_say(at, review.by, named):
                reason = f"{review.by} has no write access to {at.full_name}"
                aside = SetReviewAside(story.mission_id, review.id, review.by, reason)
                await self._records.tell(aside, cause)
                continue
            finding = await self._reviews.told(at, told.review, named)
            places = [(thread.path, thread.line) for thread in told.review.threads]
            task = await self._made(story, state, at, places)
            threads = tuple(thread.id for thread in told.review.threads[:MAX_THREADS])
            await self._ask(
                story, state, cause, AskRound(
                    story.mission_id, "review", told.source, state.pushed, told.title, finding,
                    review.by, task, threads, words=told.words,
                ),
            )  # fmt: skip
            return True
        return False

    async def _failed(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> bool:
        assert state.opened is not None
        source = f"checks {state.pushed}"
        if source in state.rounds.taken:
            return False
        try:
            checks = await self._failures.checks.of(at, state.pushed)
        except Forbidden:
            return False  # `hive github doctor` names the permission that is missing
        await self._failures.note_recovered(story.mission_id, state, checks, cause)
        failed = [check for check in checks if check.failed]
        if not failed or not all(check.done for check in checks):
            return False
        failure = await self._failures.mendable(story.mission_id, state, at, failed, cause)
        if failure is None:
            return True
        task = await self._made(story, state, at, named_lines(failure.finding))
        await self._ask(
            story, state, cause, AskRound(
                story.mission_id, "checks", source, state.pushed, failure.title, failure.finding,
                task=task,
            ),
        )  # fmt: skip
        return True

    async def _left_the_queue(
        self, story: Story, state: PullRequest, at: SeenRepository, cause: str
    ) -> bool:
        assert state.requested is not None
        if state.requested.wish.merge != "queue":
            return False
        state = await self._queue.followed(story.mission_id, state, at, cause)
        command = await self._queue.round_of(story.mission_id, state, at)
        if command is None:
            return False
        task = await self._made(story, state, at, named_lines(command.finding))
        await self._ask(story, state, cause, replace(command, task=task))
        return True

    async def _ask(self, story: Story, state: PullRequest, cause: str, command: AskRound) -> None:
        """Raises Stuck once there were as many rounds as there may be."""
        await ask(self._records, story.name, state, cause, command)

    async def _made(
        self, story: Story, state: PullRequest, at: SeenRepository, places: list[tuple[str, int]]
    ) -> str:
        """The task that made the first of these lines that is any task's, as `phase/task`; empty
        if unknown. A line 0 stands for the file.
        """
        if self._part:
            return self._part
        for path, line in places:
            remote = await self._remote(at)
            attempt = await self._mirrors.made_by(remote, state.pushed, path, line)
            parts = attempt.split("/")
            if len(parts) == 4 and parts[0] == story.name:
                return f"{parts[1]}/{parts[2]}"
        return ""

    async def _at(self, state: PullRequest, cause: str) -> SeenRepository:
        assert state.opened is not None
        known = (await self._records.repository(state.opened.repository_id)).seen
        name = known.full_name if known else state.opened.repository
        return await self._looks.repository(name, cause, known=known.installation if known else 0)

    async def _remote(self, at: SeenRepository) -> Remote:
        token = await self._github.identity.token(at.installation)
        return Remote(at.repository_id, self._github.places.git(at.full_name), token)


def _rests(story: Story) -> bool:
    """Whether the mission is at its end, and may go on from it."""
    return story.outcome == "succeeded" or (story.outcome == "failed" and story.has_succeeded)
