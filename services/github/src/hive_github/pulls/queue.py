"""What GitHub's merge queue makes of a pull request: what it judges, and why it has let go of it.

    in the queue ──▶ which commit it judges is noted ──▶ left, and a check of that commit failed
                                                          │ by chance, it seems, the first time
                                                          ├──▶ put in again
                                                          └──▶ a round; one for each head

The queue judges a commit of its own, with the base and all that is before it: the head does not
show what failed there, and once it has left its branch is gone.
"""

from typing import Final

from hive_contracts.github.pull_request import AskRound, NoteLeft, NoteQueued
from hive_github.api.errors import Forbidden, Refused
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.look import SeenRepository
from hive_github.merging.judge import MOST_LEFT
from hive_github.pulls.failures import Failures
from hive_github.records import Records

ENTRY: Final = """query($id: ID!) { node(id: $id) { ... on PullRequest {
  isInMergeQueue mergeQueueEntry { headCommit { oid } } } } }"""


class Queue:
    def __init__(self, github: Github, records: Records, failures: Failures) -> None:
        self._github = github
        self._records = records
        self._failures = failures

    async def followed(
        self, mission_id: str, state: PullRequest, at: SeenRepository, cause: str
    ) -> PullRequest:
        """With what is seen of the queue now. Raises GithubError, StoreError."""
        assert state.opened is not None
        if state.head != state.pushed:
            return state
        try:
            told = await self._github.graphql(ENTRY, {"id": state.opened.node}, at.installation)
        except Refused:
            return state  # an older GitHub Enterprise Server has none
        node = told["node"] or {}
        if node.get("isInMergeQueue"):
            entry = node.get("mergeQueueEntry") or {}
            group = (entry.get("headCommit") or {}).get("oid") or ""
            await self._records.tell(NoteQueued(mission_id, state.pushed, group), cause)
        elif state.queued:
            await self._records.tell(NoteLeft(mission_id, state.queued), cause)
        return await self._records.pull_request(mission_id)

    async def round_of(
        self, mission_id: str, state: PullRequest, at: SeenRepository
    ) -> AskRound | None:
        """What an agent is to mend; None where nothing failed, or it is put in again first.

        Raises GithubError.
        """
        head, times = state.left
        source = f"queue {head}"
        if state.queued or head != state.pushed or not state.group:
            return None
        if source in state.rounds.taken:
            return None
        try:
            checks = await self._failures.checks.of(at, state.group)
        except Forbidden:
            return None
        failed = [check for check in checks if check.failed]
        notes: dict[str, str] = {}
        for check in failed:
            why = await self._failures.checks.by_chance(at, state.group, state.base, check)
            if why:
                notes[check.name] = why
        if not failed or (len(notes) == len(failed) and times < MOST_LEFT):
            return None  # to put it in again is to run it again
        failure = await self._failures.told(at, failed, notes)
        return AskRound(
            mission_id, "checks", source, head, f"in the merge queue {failure.title}",
            f"In the merge queue, on {state.group[:12]}, which is {head[:12]} merged with"
            f" {state.base}:\n\n{failure.finding}",
        )  # fmt: skip
