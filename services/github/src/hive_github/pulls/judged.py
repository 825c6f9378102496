"""A check on GitHub that judges a mission, and failed: a round, as of any other check.

    failed ──▶ RoundAsked ──▶ the mission goes on (orchestrator) ──▶ the gate is concluded, and has
      │                                                              no say any more: it is judged
      └── no round is left, or none may be: concluded, and the mission fails                  anew

The gate stays open until the mission has taken the round up. Concluded before that, it would end
the mission, and what has ended without success does not go on.
"""

from typing import Final

from hive_contracts.github.pull_request import AskRound, SettleRound
from hive_github.api.errors import Forbidden
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.look import Looks, NoAccess
from hive_github.pulls.asking import ask, used_up
from hive_github.pulls.failures import Failures
from hive_github.pulls.reading import standing_of
from hive_github.pulls.story import Story
from hive_github.records import Records
from hive_shared.eventstore.port import EventStore
from hive_shared.telemetry import continuing

MAX_REASON: Final = 500


class JudgedRounds:
    def __init__(self, github: Github, store: EventStore, records: Records, looks: Looks) -> None:
        self._store = store
        self._records = records
        self._looks = looks
        self._failures = Failures(github, records)

    async def takes(self, mission_id: str, commit: str, check: str, cause: str) -> bool:
        """Whether a round is made of a check's failure, or it runs again: then the gate stays open
        for now. False where it is to be concluded.

        Raises GithubError, StoreError.
        """
        state = await self._records.pull_request(mission_id)
        if state.opened is None or state.state != "open" or state.requested is None:
            return False
        if not state.requested.wish.rounds or not state.pushed == state.head == commit:
            return False
        story, traceparent = await standing_of(self._store, mission_id)
        if story is None or story.outcome != "open":
            return False
        if (asked := state.rounds.taken.get(f"checks {commit}")) is not None:
            return not _heard(story, asked)
        if state.rounds.open is not None and not _heard(story, state.rounds.open.round):
            return True
        if used_up(state):
            return False
        with continuing("look for a round", traceparent):
            return await self._asks(story, state, check, cause)

    async def _asks(self, story: Story, state: PullRequest, check: str, cause: str) -> bool:
        assert state.opened is not None
        known = (await self._records.repository(state.opened.repository_id)).seen
        name = known.full_name if known else state.opened.repository
        try:
            at = await self._looks.repository(name, cause, known=known.installation if known else 0)
            checks = await self._failures.checks.of(at, state.pushed)
        except (NoAccess, Forbidden):
            return False
        failed = [each for each in checks if each.failed]
        if at.archived or not at.may_push or check not in {each.name for each in failed}:
            return False
        failure = await self._failures.mendable(story.mission_id, state, at, failed, cause)
        if failure is None:
            return True
        state = await self._end_of_open(state, failure.title, cause)
        by, threads = _unanswered(state)
        asked = AskRound(
            story.mission_id, "checks", f"checks {state.pushed}", state.pushed, failure.title,
            failure.finding, by, threads=threads,
        )  # fmt: skip
        await ask(self._records, story.name, state, cause, asked)
        return True

    async def _end_of_open(self, state: PullRequest, title: str, cause: str) -> PullRequest:
        """The mission is at a round whose commit was pushed to be judged, and this is the outcome.

        Whoever said what it was to mend waits for an answer still: the next one gives it.
        """
        if (round := state.rounds.open) is None:
            return state
        ended = SettleRound(
            round.mission_id, round.round, "failed", state.pushed, title[:MAX_REASON]
        )
        await self._records.tell(ended, cause)
        return await self._records.pull_request(round.mission_id)


def _heard(story: Story, round: int) -> bool:
    """Whether the mission has gone on with it, or has said that it does not."""
    return story.round >= round or round in story.declined


def _unanswered(state: PullRequest) -> tuple[str, tuple[str, ...]]:
    """Whom the round that this commit failed would have answered, and in which threads."""
    if not state.rounds.done or state.rounds.halted is None:
        return "", ()
    asked, end = state.rounds.done[-1]
    if end.outcome != "failed" or end.commit != state.pushed:
        return "", ()
    return asked.by, asked.threads
