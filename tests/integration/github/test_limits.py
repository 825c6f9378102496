"""A hundred agents at one installation of a test GitHub, with counters in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from hive_contracts.github.places import places
from hive_contracts.github.repository import Pool
from hive_github.api.counters import PREFIX, counters
from hive_github.api.errors import Limited
from hive_github.api.github import CONCURRENT, Github, connection
from hive_github.api.limits import Urgency
from hive_github.api.throttle import Known, Throttle
from hive_github.api.waiting import waited_for
from hive_github.testing import App, GitHub, Installation, Limits
from hive_shared.clock import SystemClock
from tests.suites.on_github import as_app
from tests.suites.redis import RedisServer, redis_server

ISSUE = "/repos/acme/shop/issues/1"
REPLICAS = 4
AGENTS = 100
HELD = 3
"""Seconds for which GitHub refuses whoever comes, after a limit."""


class Fleet:
    """Replicas of the service, and what they hear of limits."""

    def __init__(self, server: GitHub, app: App, installation: Installation, url: str) -> None:
        self.server = server
        self.app = app
        self.installation = installation
        self.url = url
        self.recorded: list[Known] = []
        self.limits = 0
        """How often a limit began."""
        self.late = 0
        """Calls that went on though a limit was known."""
        self.on_the_way = 0
        """Calls that were let go, and of whose answer nobody has heard yet."""
        self.met = asyncio.Event()
        self.closed_until = 0.0
        self.done = 0

    @property
    def refused(self) -> int:
        return self.server.usage(self.installation).refused

    async def recall(self) -> list[Known]:
        return self.recorded

    async def tell(self, known: Known) -> None:
        self.recorded.append(known)

    @asynccontextmanager
    async def replicas(self, count: int = REPLICAS) -> AsyncIterator[list[Github]]:
        """Each as a process has it: connections, counters and a throttle of its own."""
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            made = []
            for _ in range(count):
                client = await stack.enter_async_context(connection())
                shared = await stack.enter_async_context(counters(self.url, clock))
                throttle = Watched(self, Throttle(shared, clock, self.recall, self.tell))
                credentials = as_app(self.server, self.app)
                made.append(Github(client, places(self.server.url), credentials, throttle, clock))
            yield made

    async def agents(self, replicas: list[Github]) -> None:
        """Each reads, every tenth then writes; whoever is put off comes again."""
        await asyncio.gather(*(self._agent(replicas[n % len(replicas)], n) for n in range(AGENTS)))

    async def _agent(self, github: Github, number: int) -> None:
        await self._asked(github, "GET", ISSUE)
        if number % 10 == 0:
            await self._asked(github, "POST", f"{ISSUE}/comments")
        self.done += 1

    async def _asked(self, github: Github, method: str, path: str) -> None:
        content = method == "POST"
        body = {"body": "Done."} if content else None
        while True:
            try:
                with waited_for("person"):
                    await github.rest(
                        method,  # type: ignore[arg-type]  # as above
                        path, self.installation.id, body=body, content=content,
                    )  # fmt: skip
            except Limited as limited:
                await SystemClock().sleep(limited.seconds)
            else:
                return


class Watched(Throttle):
    """Tells the fleet what passes, and what is refused."""

    def __init__(self, fleet: Fleet, real: Throttle) -> None:
        self._fleet = fleet
        self._real = real

    async def enter(
        self, installation: int, pool: Pool, cost: int, *, content: bool, urgency: Urgency
    ) -> None:
        await self._real.enter(installation, pool, cost, content=content, urgency=urgency)
        self._fleet.on_the_way += 1
        if installation and asyncio.get_running_loop().time() < self._fleet.closed_until:
            self._fleet.late += 1

    async def observe(
        self, installation: int, pool: Pool, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        try:
            await self._real.observe(installation, pool, status, headers, body)
        except Limited as limited:
            fleet, now = self._fleet, asyncio.get_running_loop().time()
            if now >= fleet.closed_until:
                fleet.limits += 1
                fleet.closed_until = now + limited.seconds
            # From here on GitHub would allow much again, were it not that it refuses for a while.
            fleet.server.limits.points_a_minute = 5000
            fleet.server.limits.content_a_minute = 5000
            fleet.met.set()
            raise
        finally:
            self._fleet.on_the_way -= 1


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        patient = Retry(ConstantBackoff(0.05), 200, (OSError, redis.ConnectionError))
        with redis.Redis.from_url(running.url_of("github"), retry=patient) as client:
            client.ping()
        yield running


@pytest.fixture
def fleet(shared: RedisServer) -> Iterator[Fleet]:
    limits = Limits(points_a_minute=60, content_a_minute=5, retry_after=HELD)
    with GitHub(limits=limits) as server:
        shop = server.repository("acme/shop", files={"a": "1\n"}, collaborators={"ada": "write"})
        app = server.app()
        installation = server.install(app, "acme")
        server.person("ada").open_issue(shop, "Much to say")
        yield Fleet(server, app, installation, shared.url_of("github"))


def strikes(shared: RedisServer, fleet: Fleet) -> int:
    with redis.Redis.from_url(shared.url_of("github")) as client:
        told = client.get(f"{PREFIX}{fleet.installation.id}:strikes")
    assert isinstance(told, bytes | None)
    return int(told or 0)


async def test_after_a_first_secondary_limit_a_hundred_agents_never_meet_a_second(
    fleet: Fleet, shared: RedisServer
) -> None:
    async with fleet.replicas() as replicas:
        await fleet.agents(replicas)
    assert fleet.done == AGENTS
    assert (fleet.limits, fleet.late) == (1, 0)
    assert 0 < fleet.refused <= REPLICAS * CONCURRENT, "those that were on their way"
    assert strikes(shared, fleet) == 1


async def test_an_emptied_redis_in_the_middle_costs_at_most_one_refused_request(
    fleet: Fleet, shared: RedisServer
) -> None:
    async with fleet.replicas() as replicas, fleet.replicas() as others:
        begun = asyncio.create_task(fleet.agents(replicas))
        await fleet.met.wait()
        # All that was on its way has been answered: it is refused, and that is known.
        refused = await settled(fleet)
        shared.empty()
        # These have heard nothing of the limit, and a hundred of theirs come at once.
        await asyncio.gather(begun, fleet.agents(others))
    assert fleet.done == 2 * AGENTS
    assert fleet.refused <= refused + 1
    assert fleet.limits <= 2


async def settled(fleet: Fleet) -> int:
    """How many were refused, once nothing is on its way any more."""
    async with asyncio.timeout(HELD):
        while fleet.on_the_way:
            await asyncio.sleep(0.01)
    return fleet.refused


async def test_of_writes_that_come_together_one_of_each_process_is_refused(fleet: Fleet) -> None:
    fleet.server.limits.retry_after = 60
    async with fleet.replicas() as replicas:
        with waited_for("person"):
            written = await asyncio.gather(
                *(
                    replicas[n % REPLICAS].rest(
                        "POST", f"{ISSUE}/comments", fleet.installation.id,
                        body={"body": "Done."}, content=True,
                    )
                    for n in range(60)
                ),
                return_exceptions=True,
            )  # fmt: skip
    assert sum(isinstance(each, Limited) for each in written) == 60 - 5
    assert 1 <= fleet.refused <= REPLICAS
    assert fleet.late == 0
