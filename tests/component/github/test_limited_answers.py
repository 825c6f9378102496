"""Refusals by a limit, wherever GitHub says so: the pool is closed, and nothing else is asked."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hive_contracts.github.places import places
from hive_github.api.counters import OwnCounters
from hive_github.api.errors import Invalid, Limited
from hive_github.api.github import Github
from hive_github.api.throttle import Known, Throttle
from hive_github.credentials import AppCredentials
from hive_shared.clock import SystemClock

SECONDARY = {"message": "You have exceeded a secondary rate limit."}
KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
TOKEN = {"token": "t", "expires_at": datetime(2100, 1, 1, tzinfo=UTC).isoformat()}


class Server:
    """Answers a path that ends so as it is told; everything else with a token."""

    def __init__(self, path: str, status: int, told: Any, **headers: str) -> None:
        self.asked = 0
        self._path, self._status, self._told, self._headers = path, status, told, headers
        self.recorded: list[Known] = []
        clock = SystemClock()
        throttle = Throttle(OwnCounters(clock), clock, self._recall, self._tell)
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.github = Github(
            self.client,
            places("https://github.com"),
            AppCredentials(42, KEY.decode()),
            throttle,
            clock,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(self._path):
            return httpx.Response(201, json=TOKEN)
        self.asked += 1
        return httpx.Response(self._status, json=self._told, headers=self._headers)

    async def _recall(self) -> list[Known]:
        return self.recorded

    async def _tell(self, known: Known) -> None:
        self.recorded.append(known)


async def query(github: Github) -> None:
    await github.graphql("query { viewer { login } }", {}, 7)


async def read_log(github: Github) -> None:
    await github.flow("/repos/a/b/actions/jobs/1/logs", 7, lambda piece: None)


async def read(github: Github) -> None:
    await github.get("/repos/a/b", 7)


PRIMARY = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}


@pytest.mark.parametrize(
    ("server", "call", "kind"),
    [
        pytest.param(
            lambda: Server("/graphql", 200, {"errors": [{"type": "RATE_LIMITED"}]}, **PRIMARY),
            query, "primary", id="GraphQL's hour is used up: 200",
        ),
        pytest.param(
            lambda: Server("/graphql", 200, {"errors": [SECONDARY]}),
            query, "secondary", id="a secondary limit of GraphQL: 200",
        ),
        pytest.param(
            lambda: Server("/logs", 403, SECONDARY), read_log, "secondary", id="a job's log"
        ),
        pytest.param(
            lambda: Server("/access_tokens", 403, SECONDARY), read, "secondary", id="a token"
        ),
    ],
)  # fmt: skip
async def test_a_limit_is_recorded_and_stops_the_next_call(
    server: Callable[[], Server], call: Callable[[Github], Awaitable[None]], kind: str
) -> None:
    here = server()
    async with here.client:
        for _ in range(2):
            with pytest.raises(Limited):
                await call(here.github)
    assert here.asked == 1
    assert [known.kind for known in here.recorded] == [kind]


async def test_an_error_of_graphql_that_is_no_limit_is_said() -> None:
    here = Server("/graphql", 200, {"errors": [{"type": "OTHER", "message": "no such field"}]})
    async with here.client:
        with pytest.raises(Invalid, match="no such field"):
            await query(here.github)
    assert here.recorded == []
