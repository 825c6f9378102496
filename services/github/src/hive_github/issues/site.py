"""What is read and written on GitHub for issues: each a call or two. Adapter."""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.github.issue import IssuePlace
from hive_contracts.github.places import repository_path
from hive_github.api.errors import NotFound, Refused
from hive_github.api.github import Github
from hive_github.credentials import AppCredentials

_LAST: Final = re.compile(r"[?&]page=(\d+)[^>]*>; rel=\"last\"")
MAX_FILE: Final = 1_000_000
"""Bytes of a file that is read."""
EDITED: Final = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) { lastEditedAt editor { login } }
  }
}"""
WRITERS: Final = ("admin", "write")
"""GitHub says `write` also of those who maintain."""


class Author(msgspec.Struct, frozen=True):
    """By whom something was written."""

    login: str
    is_person: bool
    is_us: bool


class Site:
    """Each method raises GithubError."""

    def __init__(self, github: Github) -> None:
        self._github = github
        self._me = ""

    async def issue(self, place: IssuePlace) -> dict[str, Any]:
        """Raises NotFound, also where it was moved to another repository."""
        told: dict[str, Any] = await self._github.get(_issue(place), place.installation)
        at = str(told.get("repository_url", "")).lower()
        if told["number"] != place.number or not at.endswith(f"/repos/{place.repository}".lower()):
            raise NotFound(404, f"{place.repository}#{place.number} was moved elsewhere")
        return told

    async def comments(self, place: IssuePlace, since: float) -> AsyncIterator[Any]:
        """Those that were written or changed since then (seconds since 1970)."""
        at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = _issue(place, "/comments")
        async for told in self._github.pages(path, place.installation, since=at):
            yield told

    async def newest_events(self, place: IssuePlace) -> list[Any]:
        """The last two hundred or so of what happened to it, the oldest first."""
        path = _issue(place, "/events")
        answer = await self._github.rest("GET", path, place.installation, query={"per_page": 100})
        found: list[Any] = answer.json()
        last = _LAST.search(answer.headers.get("link", ""))
        if last is None:
            return found
        end = int(last[1])
        pages = [
            await self._github.get(path, place.installation, per_page=100, page=page)
            for page in range(max(2, end - 1), end + 1)
        ]
        return [event for page in pages for event in page]

    async def changed_by(self, place: IssuePlace, since: float) -> set[str]:
        """Who changed the issue's text or title since then, in seconds since 1970."""
        owner, _, name = place.repository.partition("/")
        variables = {"owner": owner, "name": name, "number": place.number}
        told = await self._github.graphql(EDITED, variables, place.installation)
        issue = told["repository"]["issue"]
        found = set()
        if issue["lastEditedAt"] and moment(issue["lastEditedAt"]) >= since:
            found.add(str((issue["editor"] or {}).get("login") or "ghost"))
        for event in await self.newest_events(place):
            if event["event"] == "renamed" and moment(event["created_at"]) >= since:
                found.add(str((event["actor"] or {}).get("login") or "ghost"))
        return found

    async def may_write(self, place: IssuePlace, login: str) -> bool:
        path = repository_path(place.repository, "/collaborators/{}/permission", login)
        try:
            told = await self._github.get(path, place.installation)
        except NotFound:
            return False
        return told.get("permission") in WRITERS

    async def head(self, place: IssuePlace, branch: str) -> str:
        """The commit that a branch ends in. Raises NotFound."""
        path = repository_path(place.repository, "/branches/{}", branch)
        told = await self._github.get(path, place.installation)
        return str(told["commit"]["sha"])

    async def repository_file(self, place: IssuePlace, commit: str = "") -> str:
        """Of the default branch where no commit is named; empty where there is none."""
        return await self.file(place, REPOSITORY_FILE, commit) or ""

    async def file(self, place: IssuePlace, path: str, commit: str) -> str | None:
        """A file's text; None where it is not there, is no text, or larger than MAX_FILE."""
        parts = path.split("/")
        at = repository_path(place.repository, "/contents" + "/{}" * len(parts), *parts)
        query = {"ref": commit} if commit else None
        try:
            told = (await self._github.rest("GET", at, place.installation, query=query)).json()
        except NotFound:
            return None
        if not isinstance(told, dict) or told.get("type") != "file":
            return None
        if told.get("encoding") != "base64" or told.get("size", 0) > MAX_FILE:
            return None
        try:
            return base64.b64decode(told["content"]).decode()
        except (UnicodeDecodeError, binascii.Error):
            return None

    async def author(self, told: dict[str, Any]) -> Author:
        """Of a comment, or of what happened to an issue."""
        user = told.get("user") or told.get("actor") or {}
        login, app = str(user.get("login") or ""), told.get("performed_via_github_app")
        is_person = user.get("type") == "User" and not app and bool(login)
        return Author(login, is_person, login != "" and login == await self.me())

    async def me(self) -> str:
        """The login in which the hive writes."""
        if not self._me:
            if isinstance(self._github.credentials, AppCredentials):
                app = await self._github.get("/app", 0)
                self._me = f"{app['slug']}[bot]"
            else:
                self._me = str((await self._github.get("/user", 0))["login"])
        return self._me

    async def mine(self, place: IssuePlace, marker: str) -> int:
        """The number of our own comment that begins with a marker; 0 where there is none."""
        async for told in self._github.pages(_issue(place, "/comments"), place.installation):
            body = str(told.get("body") or "")
            if body.startswith(marker) and (await self.author(told)).is_us:
                return int(told["id"])
        return 0

    async def say(self, place: IssuePlace, text: str) -> int:
        """A new comment; its number."""
        answer = await self._github.rest(
            "POST", _issue(place, "/comments"), place.installation, body={"body": text},
            content=True,
        )  # fmt: skip
        return int(answer.json()["id"])

    async def say_anew(self, place: IssuePlace, comment: int, text: str) -> None:
        """Raises NotFound where it was deleted."""
        path = repository_path(place.repository, "/issues/comments/{}", comment)
        await self._github.rest("PATCH", path, place.installation, body={"body": text})

    async def close(self, place: IssuePlace) -> None:
        """As completed."""
        body = {"state": "closed", "state_reason": "completed"}
        await self._github.rest("PATCH", _issue(place), place.installation, body=body)

    async def react(self, place: IssuePlace, comment: int, content: str) -> None:
        """As far as GitHub takes it; the same twice is one."""
        path = repository_path(place.repository, "/issues/comments/{}/reactions", comment)
        try:
            await self._github.rest(
                "POST", path, place.installation, body={"content": content}, content=True
            )
        except Refused:
            # It was deleted, or is locked: what was asked is done all the same.
            return

    def page(self, place: IssuePlace) -> str:
        return f"{self._github.places.url}/{place.repository}/issues/{place.number}"


def moment(text: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def _issue(place: IssuePlace, rest: str = "") -> str:
    return repository_path(place.repository, "/issues/{}" + rest, place.number)
