"""Failed checks of a commit: what may have failed by chance runs again, the rest is told of."""

from collections.abc import Sequence

import msgspec

from hive_contracts.github.pull_request import NoteRecovery, NoteRerun
from hive_github.api.github import Github
from hive_github.deciders.pull_request import PullRequest
from hive_github.look import SeenRepository
from hive_github.pulls.asking import MAX_TITLE
from hive_github.pulls.checks import Check, Checks
from hive_github.records import Records


class Failure(msgspec.Struct, frozen=True):
    """What people and an agent are told."""

    title: str
    finding: str


class Failures:
    def __init__(self, github: Github, records: Records) -> None:
        self.checks = Checks(github)
        self._records = records

    async def mendable(
        self, mission_id: str, state: PullRequest, at: SeenRepository, failed: Sequence[Check],
        cause: str,
    ) -> Failure | None:  # fmt: skip
        """Of checks of the head that failed; None while one of them runs once more.

        Raises GithubError, StoreError.
        """
        notes: dict[str, str] = {}
        running = False
        for check in failed:
            again, note = await self._again(mission_id, state, at, check, cause)
            running = running or again
            if note:
                notes[check.name] = note
        return None if running else await self.told(at, failed, notes)

    async def note_recovered(
        self, mission_id: str, state: PullRequest, checks: Sequence[Check], cause: str
    ) -> None:
        """Those of the head that were run again, and have passed then. Raises StoreError."""
        for (head, name), mark in state.reruns.items():
            if head != state.pushed or (head, name) in state.recovered:
                continue
            again = [check for check in checks if check.name == name]
            if again and all(c.conclusion == "success" and c.mark != mark for c in again):
                await self._records.tell(NoteRecovery(mission_id, head, name), cause)

    async def told(
        self, at: SeenRepository, failed: Sequence[Check], notes: dict[str, str]
    ) -> Failure:
        """`notes` by the checks' names. Raises GithubError."""
        names = ", ".join(check.name for check in failed)
        what = "a check failed" if len(failed) == 1 else f"{len(failed)} checks failed"
        title = " ".join(f"{what}: {names}".split())[:MAX_TITLE]
        return Failure(title, await self.checks.told(at, failed, notes))

    async def _again(
        self, mission_id: str, state: PullRequest, at: SeenRepository, check: Check, cause: str
    ) -> tuple[bool, str]:
        """Whether a failed check runs once more, and what is known of its failing by chance."""
        key = (state.pushed, check.name)
        before = state.reruns.get(key)
        if before is not None and before != check.mark:
            return False, "it failed when it was run again, too"
        why = await self.checks.by_chance(at, state.pushed, state.base, check)
        if not why:
            return False, ""
        if before is None:
            noted = NoteRerun(mission_id, *key, why, check.mark)
            await self._records.tell(noted, cause)
        return await self.checks.run_again(at, check), why
