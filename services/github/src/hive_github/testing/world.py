"""Everything that the test GitHub holds, and how it tells of changes."""

import hashlib
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from hive_github.testing.clock import TestClock, stamp
from hive_github.testing.git import Change, Git
from hive_github.testing.model import (
    ROLES,
    Account,
    App,
    Hook,
    Installation,
    Issue,
    Job,
    Repository,
    Team,
    Token,
)
from hive_github.testing.refusals import Refused, not_found

if TYPE_CHECKING:
    from hive_github.testing.hooks import Courier
    from hive_github.testing.limits import Meter
    from hive_github.testing.queueing import Queue

_FIRST_IDS: Final = {"account": 1000, "repository": 20_000, "app": 100, "installation": 5000}


class Teller(Protocol):
    """Sends an event to whoever has subscribed to it."""

    def __call__(
        self,
        event: str,
        payload: dict[str, Any],
        repository: Repository | None = None,
        only: App | None = None,
        installation: Installation | None = None,
    ) -> None: ...


class World:
    """Changed only under `lock`."""

    courier: "Courier"
    meter: "Meter"
    queue: "Queue"

    def __init__(self, folder: Path, clock: TestClock) -> None:
        self.folder = folder
        self.clock = clock
        self.git = Git(folder, clock)
        self.lock = threading.RLock()
        self.url = ""
        """Of the server, without a slash at its end."""
        self.accounts: dict[str, Account] = {}
        self.teams: dict[str, Team] = {}
        """By their full names, in lower case."""
        self.repositories: dict[int, Repository] = {}
        self.moved: dict[str, int] = {}
        """Full names, in lower case, that a repository once had."""
        self.apps: dict[int, App] = {}
        self.installations: dict[int, Installation] = {}
        self.tokens: dict[str, Token] = {}
        self.manifests: dict[str, tuple[Account, dict[str, Any]]] = {}
        self.logs: dict[str, tuple[Job, float]] = {}
        """Links to logs of jobs, and until when they are good."""
        self.reruns: dict[tuple[int, str], tuple[str, str]] = {}
        """What a job, by repository and name, comes to when it is run again."""
        self.deleted_issues: set[tuple[int, int]] = set()
        """By the repository's id and the number."""
        self.transferred_issues: dict[tuple[int, int], tuple[Repository, int]] = {}
        """Likewise: where they are now."""
        self.gone: set[str] = set()
        """Full names, in lower case, of deleted repositories."""
        self.hooks: dict[int, Hook] = {}
        self.tell: Teller = _told_nobody
        self.checks_changed: Callable[[Repository, str], None] = _told_nobody
        self.dequeued: Callable[[Repository, Issue, str, Account], None] = _told_nobody
        self._changes: dict[tuple[int, str, str], list[Change]] = {}
        self._trees: dict[tuple[int, str, str], str | None] = {}
        self._ids: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
        for kind, first in _FIRST_IDS.items():
            self._ids[kind] = itertools.count(first)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    def now(self) -> str:
        return stamp(self.clock.now())

    def next_id(self, kind: str) -> int:
        return next(self._ids[kind])

    def secret(self, kind: str, length: int = 36) -> str:
        """The same in every run, and different each time."""
        number = self.next_id("secret")
        return hashlib.sha512(f"{kind} {number}".encode()).hexdigest()[:length]

    def account(self, login: str, kind: Any = "User") -> Account:
        """Made where there is none."""
        found = self.accounts.get(login.lower())
        if found is None:
            found = Account(
                id=self.next_id("account"), created_at=self.now(), login=login, type=kind
            )
            self.accounts[login.lower()] = found
        return found

    def known_account(self, login: str) -> Account:
        """Raises Refused."""
        try:
            return self.accounts[login.lower()]
        except KeyError:
            raise not_found() from None

    def find_repository(self, full_name: str) -> Repository | None:
        for repository in self.repositories.values():
            if repository.full_name.lower() == full_name.lower():
                return repository
        return None

    def role(self, account: Account, repository: Repository) -> str:
        """What a person may do there: one of ROLES."""
        if account is repository.owner:
            return "admin"
        found = repository.collaborators.get(account.login.lower(), "none")
        member = repository.owner.members.get(account.login.lower())
        if member == "admin":
            return "admin"
        floor = "read" if member is not None or not repository.private else "none"
        by_team = (
            team.repositories.get(repository.id, "none")
            for team in self.teams.values()
            if account in team
        )
        return max([found, floor, *by_team], key=ROLES.index)

    def association(self, account: Account, repository: Repository) -> str:
        login = account.login.lower()
        if account is repository.owner:
            return "OWNER"
        if login in repository.owner.members:
            return "MEMBER"
        if login in repository.collaborators:
            return "COLLABORATOR"
        if any(
            issue.pull is not None and issue.pull.merged_at and issue.user is account
            for issue in repository.issues.values()
        ):
            return "CONTRIBUTOR"
        return "NONE"

    def heard(self, event: str, repository: Repository) -> bool:
        """Whether anybody has subscribed; what nobody hears is not worked out."""
        apps = (event in at.events and at.app.hook for at in self.installations_on(repository))
        hooks = (event in hook.events or "*" in hook.events for hook in repository.hooks)
        return any(apps) or any(hooks)

    def changes(self, repository: Repository, base: str, head: str) -> list[Change]:
        """Worked out once for each pair of commits."""
        key = (repository.id, base, head)
        if key not in self._changes:
            self._changes[key] = self.git.changes(repository.path, base, head)
        return self._changes[key]

    def merged_tree(self, repository: Repository, one: str, other: str) -> str | None:
        """Likewise; None for a conflict."""
        key = (repository.id, one, other)
        if key not in self._trees:
            self._trees[key] = self.git.merged_tree(repository.path, one, other)
        return self._trees[key]

    def installations_on(self, repository: Repository) -> list[Installation]:
        return [one for one in self.installations.values() if one.covers(repository)]

    def next_number(self, repository: Repository) -> int:
        repository.last_number += 1
        return repository.last_number

    def issue(self, repository: Repository, number: int) -> Issue:
        """Raises Refused."""
        if found := repository.issues.get(number):
            return found
        if (repository.id, number) in self.deleted_issues:
            raise Refused(410, "This issue was deleted")
        if moved := self.transferred_issues.get((repository.id, number)):
            to, new = moved
            url = f"{self.api}/repos/{to.full_name}/issues/{new}"
            raise Refused(301, "Moved Permanently", headers={"Location": url})
        raise not_found()


def node_id(kind: str, number: int) -> str:
    """GitHub's are opaque; these tell what they are."""
    return f"{kind}_kw{number:08d}"


def _told_nobody(*_: Any, **__: Any) -> None:
    """Before anyone listens."""
