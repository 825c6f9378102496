"""The test GitHub as a test holds it: what is in it, what happened, and what shall go wrong."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from hive_github.testing import checking, registry
from hive_github.testing.clock import TestClock
from hive_github.testing.faults import Fault, Kind
from hive_github.testing.hooks import Delivery, Mishap
from hive_github.testing.limits import Limits, Usage
from hive_github.testing.model import (
    Account,
    App,
    CheckRun,
    Hook,
    Installation,
    Issue,
    Repository,
    Rules,
    Team,
    Token,
    WorkflowRun,
)
from hive_github.testing.people import Person
from hive_github.testing.server import Heard, Server

SECRET = "a webhook's secret"  # noqa: S105  # of a server that holds nothing
"""Where none is told."""


@cache
def _key(number: int) -> tuple[str, str]:
    """The same for the first App of each GitHub of a process: keys are slow to make."""
    return registry.new_key()


class GitHub:
    """A GitHub on 127.0.0.1, from `with` to its end; `async with` does the same."""

    def __init__(
        self,
        *,
        clock: TestClock | None = None,
        limits: Limits | None = None,
        port: int = 0,
        strict: bool = True,
    ) -> None:
        """`clock` follows the machine's where none is given; `port` 0 takes a free one.

        With `strict`, the end of the block raises Problems if anything was asked or answered
        that GitHub does not describe.
        """
        self.clock = clock or TestClock(follow=True)
        self.limits = limits or Limits()
        self._strict = strict
        self._server = Server(self.clock, self.limits, port)
        self.world = self._server.world
        self._keys: dict[int, str] = {}

    # ---- where it is

    @property
    def url(self) -> str:
        """Of pages and of git: `<url>/<owner>/<name>.git`."""
        return self.world.url

    @property
    def api_url(self) -> str:
        """REST's base, as a GitHub Enterprise Server's."""
        return self.world.api

    @property
    def graphql_url(self) -> str:
        return f"{self.world.url}/api/graphql"

    # ---- what is in it

    def person(self, login: str) -> Person:
        """Somebody; a stranger everywhere until a repository or an organisation says otherwise."""
        with self.world.lock:
            return Person(self.world, self.world.account(login))

    def organization(self, login: str, *, owners: Sequence[str] = ("boss",)) -> Account:
        with self.world.lock:
            made = self.world.account(login, "Organization")
            made.members |= {self.world.account(owner).login.lower(): "admin" for owner in owners}
            return made

    def repository(
        self,
        full_name: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        private: bool = True,
        collaborators: Mapping[str, str] | None = None,
        branch: str = "main",
    ) -> Repository:
        """A new one; its owner becomes an organisation if nobody of that name is there yet."""
        owner, _, name = full_name.partition("/")
        with self.world.lock:
            known = self.world.accounts.get(owner.lower()) or self.organization(owner)
            made = registry.create_repository(
                self.world, known, name, files=files, private=private, branch=branch
            )
            for login, role in (collaborators or {}).items():
                self.world.account(login)
                made.collaborators[login.lower()] = role
            return made

    def team(
        self,
        full_name: str,
        *,
        members: Sequence[str] = (),
        repositories: Sequence[Repository] = (),
        role: str = "write",
    ) -> Team:
        """`acme/api`, and what it may do in some of the organisation's repositories."""
        owner, _, slug = full_name.partition("/")
        with self.world.lock:
            known = self.world.known_account(owner)
            return registry.create_team(self.world, known, slug, members, repositories, role)

    def protect(self, at: Repository, branch: str = "main", rules: Rules | None = None) -> None:
        with self.world.lock:
            registry.protect(self.world, at, branch, rules or Rules())

    def unprotect(self, at: Repository, branch: str = "main") -> None:
        with self.world.lock:
            registry.protect(self.world, at, branch, None)

    def app(
        self,
        name: str = "Hive",
        *,
        owner: str = "boss",
        permissions: Mapping[str, str] | None = None,
        events: Sequence[str] = registry.EVENTS,
        webhook_url: str | None = None,
        webhook_secret: str = SECRET,
    ) -> App:
        """An App; `private_key` gives its key."""
        private, public = _key(len(self._keys))
        with self.world.lock:
            made = registry.create_app(
                self.world, self.world.account(owner), name, public, permissions=permissions,
                events=events, webhook_url=webhook_url, webhook_secret=webhook_secret,
            )  # fmt: skip
            self._keys[made.id] = private
            return made

    def private_key(self, app: App) -> str:
        """PEM. An App made from a manifest has told its own in the answer, and nobody else."""
        return self._keys[app.id]

    def install(
        self, app: App, account: str, repositories: Sequence[Repository] | None = None
    ) -> Installation:
        """On all of an account's repositories, or on some."""
        with self.world.lock:
            owner = self.world.known_account(account)
            return registry.install(self.world, app, owner, repositories)

    def uninstall(self, installation: Installation) -> None:
        with self.world.lock:
            registry.uninstall(self.world, installation, installation.account)

    def suspend(self, installation: Installation, suspended: bool = True) -> None:
        with self.world.lock:
            registry.suspend(self.world, installation, installation.account if suspended else None)

    def grant(self, installation: Installation, permissions: Mapping[str, str]) -> None:
        """What the owner has accepted from now on; tokens of before have no more than that."""
        with self.world.lock:
            registry.grant(self.world, installation, permissions)

    def personal_token(
        self,
        login: str,
        *,
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[Repository] | None = None,
        seconds: float | None = None,
    ) -> Token:
        """A fine-grained token."""
        with self.world.lock:
            user = self.world.account(login)
            return registry.new_personal_token(self.world, user, permissions, repositories, seconds)

    def revoke(self, token: Token | str) -> None:
        with self.world.lock:
            value = token if isinstance(token, str) else token.value
            self.world.tokens[value].revoked = True

    def revoke_tokens(self, installation: Installation) -> None:
        """All of an installation's that there are now."""
        with self.world.lock:
            for token in self.world.tokens.values():
                if token.installation is installation:
                    token.revoked = True

    def hook(
        self, at: Repository, url: str, secret: str = SECRET, events: Sequence[str] = ("*",)
    ) -> Hook:
        """A repository's own webhook, beside those of Apps."""
        with self.world.lock:
            return registry.new_hook(self.world, at, url, secret, events)

    # ---- what others' machines say

    def run_workflow(
        self,
        at: Repository,
        sha: str,
        branch: str,
        jobs: Mapping[str, tuple[str, str]],
        *,
        name: str = "CI",
        login: str = "boss",
    ) -> WorkflowRun:
        """A finished run of Actions: name of each job → (conclusion, log)."""
        with self.world.lock:
            who = self.world.account(login)
            return checking.run_workflow(
                self.world, at, who, sha, branch, name, dict(jobs), "pull_request"
            )

    def next_rerun(self, at: Repository, job: str, conclusion: str, log: str = "") -> None:
        """What a job comes to when somebody runs it again; else it is as before."""
        with self.world.lock:
            self.world.reruns[at.id, job] = (conclusion, log)

    def check_run(self, at: Repository, sha: str, name: str, app: App, **told: Any) -> CheckRun:
        """As another App's, with the fields of REST's body."""
        with self.world.lock:
            return checking.create_run(self.world, at, app, app.bot, sha, {"name": name, **told})

    def conclude(self, at: Repository, run: CheckRun, conclusion: str) -> None:
        """A check run that went on is completed."""
        with self.world.lock:
            told = {"conclusion": conclusion}
            checking.update_run(self.world, at, run, run.suite.app.bot, told)

    # ---- what shall go wrong

    def fail(self, kind: Kind, **told: Any) -> Fault:
        """See Fault: `fail("secondary", path="/repos/*/issues/*/comments", times=2)`."""
        made = Fault(kind=kind, **told)
        self._server.faults.append(made)
        return made

    def mishap(
        self,
        kind: Literal["lost", "unlogged", "duplicated", "held"],
        event: str = "",
        action: str = "",
        times: int = 1,
    ) -> Mishap:
        """See Mishap: `mishap("lost", "issue_comment")`."""
        made = Mishap(kind=kind, event=event, action=action, times=times)
        with self.world.lock:
            self.world.courier.mishaps.append(made)
        return made

    def unsettle(self, pull: Issue, looks: int = 1) -> None:
        """The next looks at a pull request come before it is known whether it can be merged."""
        with self.world.lock:
            assert pull.pull is not None
            pull.pull.unsettled = looks

    def release(self, *, reverse: bool = False) -> None:
        """Send the deliveries that a mishap holds, late; `reverse` mixes their order."""
        self.world.courier.release(reverse=reverse)

    def exhaust(self, installation: Installation, pool: str = "core") -> None:
        """Nothing is left of its primary limit until the hour ends."""
        with self.world.lock:
            self.world.meter.exhaust(f"installation {installation.id}", pool)

    # ---- what happened

    @property
    def heard(self) -> list[Heard]:
        """Each request, in the order in which they were answered."""
        return self._server.heard

    @property
    def deliveries(self) -> list[Delivery]:
        """Each attempt, oldest first."""
        return self.world.courier.log

    @property
    def problems(self) -> list[str]:
        """What GitHub does not describe. A test that means to ask for that clears it."""
        return self._server.published.problems

    def usage(self, installation: Installation) -> Usage:
        return self.world.meter.usage[f"installation {installation.id}"]

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until all deliveries are answered. Raises TimeoutError."""
        self.world.courier.settle(seconds)

    async def settled(self, seconds: float = 30.0) -> None:
        """The same for a test whose own loop answers the deliveries."""
        await asyncio.to_thread(self.settle, seconds)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For a test that reads several things at one moment."""
        with self.world.lock:
            yield

    def git(self, at: Repository, *arguments: str) -> str:
        """What git says in a bare repository."""
        return self.world.git.run(at.path, *arguments).decode().strip()

    def clone_url(self, at: Repository, token: Token | str | None = None) -> str:
        value = token.value if isinstance(token, Token) else token
        place = self.url.removeprefix("http://")
        login = f"x-access-token:{value}@" if value else ""
        return f"http://{login}{place}/{at.full_name}.git"

    @cached_property
    def folder(self) -> Path:
        """Where the bare repositories are."""
        return self.world.folder

    # ---- from its start to its end

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        """Raises Problems."""
        if not self._strict:
            self.problems.clear()
        self._server.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.problems.clear()  # what went wrong first is what the test shows
        self.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its thread may be telling this loop something.
        await asyncio.to_thread(self.__exit__, kind, error, trace)
