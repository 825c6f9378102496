"""Looks at GitHub, and records what is there: the one way by which its state becomes ours.

Webhooks, the sweeper and reconciliation all end here, so it does not matter which of them came
first, twice or not at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from hive_contracts.github.places import repository_path
from hive_contracts.github.pull_request import PullRequestSeen, SeePullRequest
from hive_contracts.github.repository import LoseRepository, RepositorySeen, SeeRepository
from hive_github.api.errors import Forbidden, NotFound, Refused, Unauthenticated
from hive_github.api.github import Github
from hive_github.credentials import AppCredentials, TokenCredentials
from hive_github.records import Records
from hive_shared.subscriptions.effects import PutOff

KEY_SECONDS: Final = 300.0
"""After so long it is tried again whether GitHub takes our key or token by now."""


class NoAccess(Exception):
    """The hive cannot work with that repository; `remedy` says what a person can do."""

    def __init__(self, message: str, remedy: str, refusal: Refused) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.refusal = refusal
        """What GitHub answered."""


@contextmanager
def until_let_in() -> Iterator[None]:
    """Raises PutOff where GitHub does not take our key or token (any more): 401.

    That says nothing of what was asked for, so nothing is given up for it: a person mends it, and
    then all that waits is done.
    """
    try:
        yield
    except (NoAccess, Unauthenticated) as error:
        refusal = error.refusal if isinstance(error, NoAccess) else error
        if not isinstance(refusal, Unauthenticated):
            raise
        raise PutOff(KEY_SECONDS, f"{refusal}: see `hive github doctor`") from error


class SeenRepository(msgspec.Struct, frozen=True):
    repository_id: str
    full_name: str
    installation: int
    default_branch: str
    archived: bool
    may_push: bool


class Looks:
    def __init__(self, github: Github, records: Records) -> None:
        self._github = github
        self._records = records

    def of(self, part: str) -> "Looks":
        """The same, for the pull request of a task (see `Records.of`)."""
        return Looks(self._github, self._records.of(part))

    async def repository(self, full_name: str, cause: str, *, known: int = 0) -> SeenRepository:
        """`known`: the installation that reached it last; under a former name it is found by that.

        Raises NoAccess, GithubError, StoreError.
        """
        installation = await self._installation(full_name, known)
        path = repository_path(full_name)
        try:
            told = await self._github.get(path, installation)
        except (NotFound, Forbidden, Unauthenticated) as error:
            raise self._no_access(full_name, str(error), error) from error
        # Of an App it says nothing: what that may do is said by its permissions.
        is_person = isinstance(self._github.credentials, TokenCredentials)
        rights = (told.get("permissions") or {}) if is_person else {}
        seen = SeenRepository(
            self._github.places.repository_id(told["id"]),
            told["full_name"],
            installation,
            told.get("default_branch") or "",
            bool(told.get("archived")),
            bool(rights.get("push", True)),
        )
        shown = RepositorySeen(seen.full_name, installation, seen.default_branch, seen.archived)
        await self._records.tell(SeeRepository(seen.repository_id, shown), cause)
        return seen

    async def pull_request(
        self, mission_id: str, full_name: str, number: int, installation: int, cause: str
    ) -> PullRequestSeen:
        """Raises GithubError, StoreError."""
        path = repository_path(full_name, "/pulls/{}", number)
        seen = seen_pull_request(await self._github.get(path, installation))
        await self._records.tell(SeePullRequest(mission_id, seen), cause)
        return seen

    async def lose(
        self, repository_id: str, reason: Literal["removed", "deleted", "suspended"], cause: str
    ) -> None:
        """Raises StoreError."""
        await self._records.tell(LoseRepository(repository_id, reason), cause)

    async def _installation(self, full_name: str, known: int) -> int:
        if not isinstance(self._github.credentials, AppCredentials):
            return 0
        path = repository_path(full_name, "/installation")
        try:
            return int((await self._github.get(path, 0))["id"])
        except NotFound as error:
            if known:
                return known
            raise self._no_access(full_name, "the App is not installed there", error) from error

    def _no_access(self, full_name: str, why: str, refusal: Refused) -> NoAccess:
        if isinstance(self._github.credentials, AppCredentials):
            remedy = (
                "install the App on it (Settings of the App, Install App); `hive github doctor`"
            )
        else:
            remedy = (
                "give the token access to it, with read and write of contents and pull requests"
            )
        return NoAccess(f"{full_name} cannot be worked with: {why}", remedy, refusal)


def seen_pull_request(told: Any) -> PullRequestSeen:
    """A pull request as REST shows it."""
    merged_at = told.get("merged_at")
    merged = bool(merged_at)
    state: Literal["open", "closed", "merged"] = "merged" if merged else told["state"]
    by = told.get("merged_by") if merged else None
    return PullRequestSeen(
        told["number"],
        state,
        told["head"]["sha"],
        bool(told.get("draft")),
        (told.get("merge_commit_sha") or "") if merged else "",
        by["login"] if by else "",
        told["base"]["ref"],
        round(datetime.fromisoformat(merged_at).timestamp() * 1000) if merged_at else 0,
    )
