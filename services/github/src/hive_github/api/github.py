"""One caller for all of GitHub: signs in, keeps to the limits, and says what went wrong. Adapter.

    rest / graphql ──▶ throttle.enter ──▶ HTTP ──▶ throttle.observe ──▶ the answer, or GithubError

A GET is asked with the ETag of its last answer; a 304 costs nothing of the limit. A call that
changes something is never sent twice by itself: whoever calls looks first at what is there.
"""

import asyncio
import functools
import logging
import ssl
from base64 import b64encode
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import httpx
import msgspec

from hive_contracts.github.places import Places
from hive_github.api.errors import (
    GithubError,
    Invalid,
    NotFound,
    Unauthenticated,
    Unreachable,
    refused,
)
from hive_github.api.identity import Identity, Issued, identity
from hive_github.api.limits import Urgency, is_limited
from hive_github.api.throttle import Throttle
from hive_github.api.waiting import urgency
from hive_github.credentials import Credentials
from hive_shared.clock import Clock
from hive_shared.telemetry import Attribute, inner

SECONDS: Final = 20.0
"""For each step of a call: to connect, to send, to hear something."""
REMEMBERED: Final = 2_000
"""Answers that are kept for conditional requests."""
MAX_REMEMBERED: Final = 256 * 1024
"""Bytes of an answer that is kept."""
CONCURRENT: Final = 20
"""Calls of one process at a time; GitHub allows an installation a hundred."""
APP: Final = 0
"""In place of an installation: the App's own calls."""
PAGE: Final = 100
MAX_PAGES: Final = 50
MAX_FLOW: Final = 1024 * 1024 * 1024
"""Bytes of one answer that flows by."""
FLOW_SECONDS: Final = 300.0
UNTAKEN_SECONDS: Final = 60.0
"""A key or token that GitHub did not take is not shown to it again for so long."""
API_VERSION: Final = "2022-11-28"

# It would tell of each request; what goes wrong is said here.
logging.getLogger("httpx").setLevel(logging.WARNING)
_log = logging.getLogger("hive.github.api")

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str]
    """By lower-case names."""

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


class Github:
    """One GitHub, for all installations of an App."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        places: Places,
        credentials: Credentials,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self.places = places
        self.credentials = credentials
        self._client = client
        self._throttle = throttle
        self._clock = clock
        self.identity: Identity = identity(credentials, self._issue, clock)
        self._seen: OrderedDict[tuple[int, str], tuple[str, Answer]] = OrderedDict()
        self._untaken: dict[int, tuple[float, str]] = {}
        """By installation: until when it is not asked for again, and what GitHub said."""
        self._writing: defaultdict[tuple[int, Urgency], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def rest(
        self,
        method: Method,
        path: str,
        installation: int,
        *,
        body: object = None,
        query: Mapping[str, str | int] | None = None,
        content: bool = False,
        accept: str = "application/vnd.github+json",
    ) -> Answer:
        """One call. `path` begins with a slash, its parts are escaped.

        `content`: it makes something that people are told of, for which GitHub has a limit of its
        own. Raises GithubError.
        """
        url = httpx.URL(self.places.api + path, params=query) if query else self.places.api + path
        key = (installation, str(url))
        etag, known = self._seen.get(key, ("", None)) if method == "GET" else ("", None)
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        cost, for_whom = 1 if method == "GET" else 5, urgency()
        enter = self._throttle.enter
        async with self._in_turn(installation, for_whom, is_write=method != "GET"):
            await enter(installation, "core", cost, content=content, urgency=for_whom)
            answer = await self._send(method, str(url), installation, headers, body)
            await self._throttle.observe(
                installation, "core", answer.status, answer.headers, answer.body
            )
        if answer.status == 304 and known is not None:
            self._seen.move_to_end(key)
            return known
        _check(answer)
        if method == "GET":
            self._remember(key, answer)
        return answer

    async def get(self, path: str, installation: int, **query: str | int) -> Any:
        """The JSON of a GET. Raises GithubError."""
        return (await self.rest("GET", path, installation, query=query)).json()

    async def pages(
        self, path: str, installation: int, *, of: str = "", **query: str | int
    ) -> AsyncIterator[Any]:
        """Each item of a list, page by page; `of` names it where it is a member of an object.

        Raises GithubError, also where there is no end of it.
        """
        for page in range(1, MAX_PAGES + 1):
            asked: dict[str, str | int] = {**query, "per_page": PAGE, "page": page}
            answer = await self.rest("GET", path, installation, query=asked)
            found = answer.json()
            for item in found[of] if of else found:
                yield item
            if not _has_next(answer.headers.get("link", "")):
                return
        raise GithubError(f"{path} has more than {MAX_PAGES} pages")

    async def flow(self, path: str, installation: int, take: Callable[[bytes], None]) -> None:
        """Gives what a GET answers away piece by piece: it may be larger than any memory. It ends
        after MAX_FLOW bytes or FLOW_SECONDS. Raises GithubError.
        """
        await self._throttle.enter(installation, "core", 1, content=False, urgency=urgency())
        headers = {"Authorization": await self.identity.authorization(installation)}
        url, size = self.places.api + path, 0
        until = self._clock.monotonic() + FLOW_SECONDS
        try:
            async with self._client.stream(
                "GET", url, headers=headers, follow_redirects=True
            ) as answer:
                if answer.status_code >= 300:
                    said = Answer(
                        answer.status_code, await answer.aread(), dict(answer.headers.items())
                    )
                    await self._throttle.observe(
                        installation, "core", said.status, said.headers, said.body
                    )
                    _check(said)
                async for piece in answer.aiter_bytes():
                    take(piece)
                    size += len(piece)
                    if size >= MAX_FLOW or self._clock.monotonic() > until:
                        return
        except httpx.HTTPError as error:
            raise Unreachable(f"GitHub does not answer: {type(error).__name__}") from error

    async def lets_push(self, full_name: str, installation: int) -> bool:
        """Whether git would be let in to push there, asked as git asks before it does.

        Raises GithubError.
        """
        signed = await self.identity.token(installation)
        basic = b64encode(f"x-access-token:{signed}".encode()).decode()
        url = f"{self.places.git(full_name)}/info/refs?service=git-receive-pack"
        answer = await self._once("GET", url, {"Authorization": f"Basic {basic}"}, None)
        if answer.status in (401, 403, 404):
            return False
        _check(answer)
        return True

    async def graphql(
        self,
        query: str,
        variables: Mapping[str, object],
        installation: int,
        *,
        content: bool = False,
    ) -> Any:
        """The `data` of an answer. Raises GithubError."""
        is_write = query.lstrip().startswith("mutation")
        cost, for_whom = 5 if is_write else 1, urgency()
        enter, body = self._throttle.enter, {"query": query, "variables": variables}
        async with self._in_turn(installation, for_whom, is_write=is_write):
            await enter(installation, "graphql", cost, content=content, urgency=for_whom)
            answer = await self._send("POST", self.places.graphql, installation, {}, body)
            status = 429 if is_limited(answer.body) else answer.status
            await self._throttle.observe(
                installation, "graphql", status, answer.headers, answer.body
            )
        _check(answer)
        told = answer.json()
        for error in told.get("errors") or ():
            kind = NotFound if error.get("type") == "NOT_FOUND" else Invalid
            raise kind(200, str(error.get("message", "")))
        return told["data"]

    @asynccontextmanager
    async def _in_turn(
        self, installation: int, urgency: Urgency, *, is_write: bool
    ) -> AsyncIterator[None]:
        """Writes of this process one after the other: the second has heard what the first met.

        Source: docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api.
        """
        if not is_write:
            yield
            return
        async with self._writing[installation, urgency]:
            yield

    async def _send(
        self, method: str, url: str, installation: int, headers: Mapping[str, str], body: object
    ) -> Answer:
        for again in (True, False):
            self._expect_taken(installation)
            signed = {"Authorization": await self.identity.authorization(installation), **headers}
            answer = await self._once(method, url, signed, body)
            # Revoked, or of an installation that was made anew: nothing was done, so ask again.
            if answer.status == 401 and again and self.identity.drop(installation):
                continue
            self._note_taken(installation, answer)
            return answer
        raise AssertionError

    def _expect_taken(self, installation: int) -> None:
        """Raises Unauthenticated where it was not a moment ago: GitHub shuts out who insists."""
        for of in (APP, installation):
            until, message = self._untaken.get(of, (0.0, ""))
            if self._clock.monotonic() < until:
                raise Unauthenticated(401, message)

    def _note_taken(self, installation: int, answer: Answer) -> None:
        if answer.status != 401:
            return
        message = message_of(answer.body)
        self._untaken[installation] = self._clock.monotonic() + UNTAKEN_SECONDS, message
        _log.error("GitHub does not take our key or token: %s; `hive github doctor`", message)

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: object
    ) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        with inner(method, "client", _about(method, url)) as step:
            answer = await self._request(method, url, headers, content)
            step.tell({"http.response.status_code": answer.status})
            if answer.status >= 400:
                step.fail(str(answer.status))
        return answer

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        try:
            # A repository that was renamed is found by a look; nothing is written to an old name.
            answer = await self._client.request(
                method, url, content=content, headers=headers, follow_redirects=method == "GET"
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"GitHub does not answer: {type(error).__name__}") from error
        return Answer(answer.status_code, answer.content, dict(answer.headers.items()))

    async def _issue(self, installation: int, signed: str) -> Issued:
        """A token for an installation; its limits are the App's own. Raises GithubError.

        Whoever needs it, others wait for it behind.
        """
        url = f"{self.places.api}/app/installations/{installation}/access_tokens"
        self._expect_taken(APP)
        await self._throttle.enter(APP, "core", 5, content=False, urgency="person")
        answer = await self._once("POST", url, {"Authorization": f"Bearer {signed}"}, None)
        await self._throttle.observe(APP, "core", answer.status, answer.headers, answer.body)
        self._note_taken(APP, answer)
        _check(answer)
        return msgspec.json.decode(answer.body, type=Issued)

    def _remember(self, key: tuple[int, str], answer: Answer) -> None:
        etag = answer.headers.get("etag", "")
        if etag and len(answer.body) <= MAX_REMEMBERED:
            self._seen[key] = (etag, answer)
            self._seen.move_to_end(key)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)


@asynccontextmanager
async def connection() -> AsyncIterator[httpx.AsyncClient]:
    """To GitHub."""
    headers = {
        "User-Agent": "agent-hive",
        "X-GitHub-Api-Version": API_VERSION,
        "Accept": "application/vnd.github+json",
        "Content-Type": "application/json",
    }
    limits = httpx.Limits(max_connections=CONCURRENT)
    client = httpx.AsyncClient(timeout=SECONDS, headers=headers, limits=limits, verify=_trusted())
    async with client:
        yield client


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates of all authorities takes tens of milliseconds: once a process."""
    return httpx.create_ssl_context()


def _about(method: str, url: str) -> dict[str, Attribute]:
    """As OpenTelemetry's conventions for HTTP ask for it; what was asked for is left out."""
    asked = httpx.URL(url)
    return {
        "http.request.method": method,
        "url.full": str(asked.copy_with(query=None, username=None, password=None)),
        "server.address": asked.host,
    }


def _check(answer: Answer) -> None:
    """Raises Refused or Unreachable."""
    if answer.status < 300:
        return
    if answer.status >= 500:
        raise Unreachable(f"GitHub answers {answer.status}")
    raise refused(answer.status, message_of(answer.body))


def message_of(body: bytes) -> str:
    """What an answer of GitHub's says is wrong, in one line."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body[:200].decode(errors="replace")
    if not isinstance(told, dict):
        return str(told)[:200]
    said = [str(told.get("message", ""))]
    said += [
        str(error.get("message") or error) if isinstance(error, dict) else str(error)
        for error in told.get("errors") or ()
    ]
    return "; ".join(part for part in said if part)[:500]


def _has_next(link: str) -> bool:
    return 'rel="next"' in link
