"""Which request means what: handlers register under the paths of GitHub's own description."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec

from hive_github.testing.model import (
    ROLES,
    Account,
    App,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Pull,
    Repository,
    Token,
)
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.world import World

_WIDE: Final = ("path", "ref", "basehead", "branch")
"""Parameters that hold slashes."""


class Answer(msgspec.Struct, kw_only=True):
    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}


class Caller(msgspec.Struct, kw_only=True, frozen=True):
    """Who asks: an App by its JWT, an installation or a person by a token, or nobody."""

    account: Account | None = None
    app: App | None = None
    token: Token | None = None

    @property
    def installation(self) -> Installation | None:
        return self.token.installation if self.token else None

    @property
    def bucket(self) -> str:
        """Whose limits its requests use."""
        if self.installation is not None:
            return f"installation {self.installation.id}"
        if self.app is not None:
            return f"app {self.app.id}"
        return f"user {self.account.id}" if self.account else "nobody"

    @property
    def by_app(self) -> App | None:
        """What `performed_via_github_app` says."""
        return self.installation.app if self.installation else None


class Call(msgspec.Struct, kw_only=True):
    """One request on its way to a handler."""

    world: World
    caller: Caller
    method: str
    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    path: str
    found: Repository | None = None

    @property
    def repository(self) -> Repository:
        assert self.found is not None
        return self.found

    @property
    def account(self) -> Account:
        """Raises Refused for an App without an installation."""
        if self.caller.account is None:
            raise Refused(401, "Requires authentication")
        return self.caller.account

    @property
    def issue(self) -> Issue:
        word = "issue_number" if "issue_number" in self.params else "pull_number"
        return self.world.issue(self.repository, self.number(word))

    @property
    def pull(self) -> tuple[Issue, Pull]:
        issue = self.issue
        if issue.pull is None:
            raise not_found()
        return issue, issue.pull

    @property
    def comment(self) -> tuple[Issue, Comment]:
        wanted = self.number("comment_id")
        for issue in self.repository.issues.values():
            for comment in issue.comments:
                if comment.id == wanted:
                    return issue, comment
        raise not_found()

    @property
    def check_run(self) -> CheckRun:
        wanted = self.number("check_run_id")
        for run in self.repository.check_runs:
            if run.id == wanted:
                return run
        raise not_found()

    def number(self, name: str) -> int:
        """Raises Refused for what is no number."""
        try:
            return int(self.params[name])
        except ValueError:
            raise not_found() from None

    def sha(self, name: str = "ref") -> str:
        """The commit that a parameter names. Raises Refused."""
        found = self.world.git.resolve(self.repository.path, self.params[name])
        if found is None:
            raise Refused(422, f"No commit found for SHA: {self.params[name]}")
        return found

    def page(self, items: Iterable[Any], render: Callable[[Any], Any], key: str = "") -> Answer:
        """One page with its Link header; under `key` where GitHub wraps it with a total."""
        everything = list(items)
        size = max(1, min(100, int(self.query.get("per_page") or 30)))
        number = max(1, int(self.query.get("page") or 1))
        last = max(1, -(-len(everything) // size))
        shown = [render(item) for item in everything[(number - 1) * size : number * size]]
        body: Any = {"total_count": len(everything), key: shown} if key else shown
        headers = {"Link": link} if (link := self._link(number, last)) else {}
        return Answer(body=body, headers=headers)

    def _link(self, number: int, last: int) -> str:
        pages = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number <= 1:
            del pages["prev"], pages["first"]
        if number >= last:
            del pages["next"], pages["last"]
        kept = "".join(
            f"{quote(name)}={quote(value)}&" for name, value in self.query.items() if name != "page"
        )
        return ", ".join(
            f'<{self.world.api}{self.path}?{kept}page={page}>; rel="{word}"'
            for word, page in pages.items()
        )


Handler = Callable[[Call], Any]


class Route(msgspec.Struct, frozen=True):
    method: str
    template: str
    needs: tuple[str, ...]
    """Permissions of which one is enough, as `issues:write`; or `app`, `installation`, `any`."""
    role: str
    """What a person must be on the repository, beside the token's permission."""
    handler: Handler
    pattern: re.Pattern[str]

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"


ROUTES: Final[dict[str, Route]] = {}


def route(operation: str, *needs: str, role: str = "") -> Callable[[Handler], Handler]:
    """`@route("GET /repos/{owner}/{repo}", "metadata:read")`."""
    method, _, template = operation.partition(" ")
    if not role:
        role = "write" if method != "GET" else "read"
    assert role in ROLES

    def registered(handler: Handler) -> Handler:
        assert operation not in ROUTES, operation
        ROUTES[operation] = Route(method, template, needs, role, handler, _pattern(template))
        return handler

    return registered


def matching(method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request whose path is still percent-encoded."""
    best: tuple[Route, dict[str, str]] | None = None
    for one in ROUTES.values():
        if one.method != method:
            continue
        found = one.pattern.fullmatch(raw_path)
        # The template with the most text of its own: `/pulls/{n}/files` before `/contents/{path}`.
        if found and (best is None or _own(one.template) > _own(best[0].template)):
            best = one, {name: unquote(value) for name, value in found.groupdict().items()}
    return best


def _own(template: str) -> int:
    return len(re.sub(r"\{[^}]*\}", "", template))


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    text = ""
    for at, part in enumerate(parts):
        if at % 2 == 0:
            text += re.escape(part)
        else:
            text += f"(?P<{part}>.*)" if part == "path" else (
                f"(?P<{part}>.+)" if part in _WIDE else f"(?P<{part}>[^/]+)"
            )  # fmt: skip
    return re.compile(text)
