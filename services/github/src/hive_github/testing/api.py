"""REST: a request finds its route, its caller and its limits, and is answered."""

import hashlib
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from hive_github.testing import tokens
from hive_github.testing.model import Repository
from hive_github.testing.published import Published
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.rest import ROUTES
from hive_github.testing.routes import Answer, Call, Caller, Route, matching
from hive_github.testing.world import World

JSON: Final = "application/json; charset=utf-8"
FREE: Final = ("/rate_limit",)
"""Never counted."""
_CONTENT: Final = ("/comments", "/issues", "/pulls", "/reviews", "/replies", "/reactions")
"""What ends so and is posted to makes content."""


class Asked(msgspec.Struct, kw_only=True):
    """One request as it came."""

    method: str
    path: str
    """Percent-encoded, without the base."""
    query: str = ""
    headers: dict[str, str] = {}
    """Names in lower case."""
    body: bytes = b""


class Said(msgspec.Struct, kw_only=True):
    status: int
    content: bytes = b""
    headers: dict[str, str] = {}
    caller: str = ""
    operation: str = ""


class Api:
    """Answers under the world's lock."""

    def __init__(self, world: World, published: Published) -> None:
        self._world = world
        self._published = published

    def answer(self, asked: Asked, running: int) -> Said:
        """`running`: how many of the caller's requests are under way, this one included."""
        who = Caller()
        counted = asked.path not in FREE
        try:
            who = tokens.caller(self._world, asked.headers)
            if counted:
                self._world.meter.admit(
                    who.bucket, "core", asked.method, running,
                    makes_content=makes_content(asked),
                )  # fmt: skip
            route, said = self._routed(asked, who)
        except Refused as refused:
            said = _refusal(refused)
        else:
            said.operation = route.operation
        fresh = said.status != 304 and counted
        if counted:
            self._world.meter.spend(who.bucket, "core", 1 if fresh else 0)
        said.caller = who.bucket
        said.headers = {**self._world.meter.headers(who.bucket, "core"), **said.headers}
        return said

    def _routed(self, asked: Asked, who: Caller) -> tuple[Route, Said]:
        """Raises Refused."""
        found = matching(asked.method, asked.path)
        if found is None:
            self._published.problems.append(
                f"{asked.method} {asked.path}: hive_github.testing does not know it; "
                "write a handler in hive_github.testing.rest, then make github-published"
            )
            raise Refused(501, f"the test GitHub has no {asked.method} {asked.path}")
        route, params = found
        repository = self._repository(asked, route, params, who)
        tokens.admit(self._world, who, route, repository)
        call = Call(
            world=self._world, caller=who, method=asked.method, params=params,
            query=dict(parse_qsl(asked.query, keep_blank_values=True)),
            body=_decoded(asked), path=asked.path, found=repository,
        )  # fmt: skip
        wrong = self._published.check_request(
            route.operation, call.query, call.body if asked.body else None
        )
        if wrong:
            raise Refused(422, f"Invalid request.\n\n{wrong[0]}")
        said = route.handler(call)
        answer = said if isinstance(said, Answer) else Answer(body=said)
        if wrong := self._published.check_answer(route.operation, answer.status, answer.body):
            raise Refused(500, f"the test GitHub answers wrongly: {wrong[0]}")
        return route, _encoded(asked, answer)

    def _repository(
        self, asked: Asked, route: Route, params: dict[str, str], who: Caller
    ) -> Repository | None:
        """Raises Refused: 301 for one that has moved, 404 for one that the caller cannot see."""
        if not route.template.startswith("/repos/{owner}/{repo}"):
            return None
        name = f"{params['owner']}/{params['repo']}"
        found = self._world.find_repository(name)
        if found is None:
            number = self._world.moved.get(name.lower())
            now = self._world.repositories.get(number) if number is not None else None
            if now is None or not tokens.sees(self._world, who, now):
                raise not_found()
            rest = asked.path.split("/", 4)[4:]
            url = "/".join([f"{self._world.api}/repositories/{now.id}", *rest])
            url += f"?{asked.query}" if asked.query else ""
            raise Refused(301, "Moved Permanently", headers={"Location": url})
        # An App looks for its installations on what it cannot read.
        if "app" not in route.needs and not tokens.sees(self._world, who, found):
            raise not_found()
        return found


def makes_content(asked: Asked) -> bool:
    return asked.method == "POST" and asked.path.endswith(_CONTENT)


def by_number(world: World, path: str) -> str:
    """`/repositories/<id>/…`, whither 301 leads, as `/repos/<owner>/<name>/…`."""
    if not path.startswith("/repositories/"):
        return path
    number, slash, rest = path.removeprefix("/repositories/").partition("/")
    found = world.repositories.get(int(number)) if number.isdigit() else None
    return f"/repos/{found.full_name}{slash}{rest}" if found else path


def _decoded(asked: Asked) -> Any:
    """Raises Refused."""
    if not asked.body:
        return {}
    try:
        return msgspec.json.decode(asked.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "Problems parsing JSON") from error


def _encoded(asked: Asked, answer: Answer) -> Said:
    headers = {"Content-Type": JSON, **answer.headers}
    if answer.body is None:
        return Said(status=answer.status, headers=answer.headers)
    content = msgspec.json.encode(answer.body)
    if asked.method == "GET" and answer.status == 200:
        tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
        headers |= {"ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
        if asked.headers.get("if-none-match") == tag:
            return Said(status=304, headers=headers)
    return Said(status=answer.status, content=content, headers=headers)


def _refusal(refused: Refused) -> Said:
    body: dict[str, Any] = refused.body
    if refused.status == 301:
        body = {**body, "url": refused.headers["Location"]}
    return Said(
        status=refused.status, content=msgspec.json.encode(body),
        headers={"Content-Type": JSON, **refused.headers},
    )  # fmt: skip


__all__ = ["ROUTES", "Api", "Asked", "Said", "by_number", "makes_content"]
