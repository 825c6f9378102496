"""Hours of a hundred agents who all write, with GitHub's own limits in force from end to end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from hive_contracts.github.places import places
from hive_contracts.github.repository import Pool
from hive_github.api.counters import OwnCounters
from hive_github.api.errors import Limited
from hive_github.api.github import Github, connection
from hive_github.api.limits import URGENCIES, Urgency
from hive_github.api.throttle import Throttle
from hive_github.api.waiting import waited_for
from hive_github.testing import App, GitHub, Installation
from hive_github.testing.clock import TestClock
from tests.suites.hand_clock import HandClock
from tests.suites.on_github import as_app, nothing_known, told_nobody

ISSUE = "/repos/acme/shop/issues/1"
REPLICAS = 4
AGENTS = 100
COMMENTS = 6
"""Of each agent: more in all than GitHub takes in an hour."""
CALM = 50
"""Turns of the loop after which nobody goes on by themselves."""


class Hours:
    """Time goes on, for GitHub and the hive alike, whenever all of them wait for it."""

    def __init__(self, server: GitHub, hive: HandClock) -> None:
        self._server = server
        self._hive = hive
        self.calls = 0
        """That were let go, and have no answer yet."""

    async def pass_by(self) -> None:
        """Until cancelled."""
        while True:
            for _ in range(CALM):
                await asyncio.sleep(0)
            if self.calls == 0 and self._hive.sleepers:
                before = self._hive.ms
                self._hive.ms = max(before + 1, self._hive.next_ms)
                self._server.clock.advance((self._hive.ms - before) / 1000)
            else:
                await asyncio.sleep(0.001)  # an answer comes over the network


class Told(Throttle):
    """Says what is on the way."""

    def __init__(self, hours: Hours, counters: OwnCounters, clock: HandClock) -> None:
        super().__init__(counters, clock, nothing_known, told_nobody)
        self._hours = hours

    async def enter(
        self, installation: int, pool: Pool, cost: int, *, content: bool, urgency: Urgency
    ) -> None:
        await super().enter(installation, pool, cost, content=content, urgency=urgency)
        self._hours.calls += 1

    async def observe(
        self, installation: int, pool: Pool, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        self._hours.calls -= 1
        await super().observe(installation, pool, status, headers, body)


@asynccontextmanager
async def replicas(
    server: GitHub, app: App, clock: HandClock, hours: Hours
) -> AsyncIterator[list[Github]]:
    """With one set of counters, as Redis is for them."""
    shared = OwnCounters(clock)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(REPLICAS):
            client = await stack.enter_async_context(connection())
            throttle = Told(hours, shared, clock)
            at, credentials = places(server.url), as_app(server, app)
            made.append(Github(client, at, credentials, throttle, clock))
        yield made


async def agent(github: Github, at: Installation, urgency: Urgency, clock: HandClock) -> int:
    """Reads, and writes what it has to say; whoever is put off comes again. How often it was."""
    put_off = 0
    for number in range(COMMENTS + 1):
        while True:
            try:
                with waited_for(urgency):
                    if number == 0:
                        await github.get(ISSUE, at.id)
                    else:
                        path, body = f"{ISSUE}/comments", {"body": f"Step {number}."}
                        await github.rest("POST", path, at.id, body=body, content=True)
                break
            except Limited as limited:
                put_off += 1
                await clock.sleep(limited.seconds)
    return put_off


@pytest.mark.full("hours of a hundred agents, at GitHub's own limits")
async def test_after_one_secondary_limit_a_hundred_writers_meet_no_other_for_hours() -> None:
    clock = HandClock()
    async with GitHub(clock=TestClock(clock.ms / 1000)) as server:
        shop = server.repository("acme/shop", collaborators={"ada": "write"})
        app = server.app()
        at = server.install(app, "acme")
        issue = server.person("ada").open_issue(shop, "Much to say")
        limit = server.fail("secondary", method="POST", path="*/comments", after=60, seconds=60)
        begun = clock.ms
        hours = Hours(server, clock)
        async with replicas(server, app, clock, hours) as githubs:
            time = asyncio.create_task(hours.pass_by())
            put_off = await asyncio.gather(
                *(
                    agent(githubs[n % REPLICAS], at, URGENCIES[n % len(URGENCIES)], clock)
                    for n in range(AGENTS)
                )
            )
            time.cancel()
        assert len(issue.comments) == AGENTS * COMMENTS
        assert (limit.struck, server.usage(at).refused) == (1, 0)
        assert [heard.status for heard in server.heard].count(403) == 1
        assert clock.ms - begun > 3_600_000
        assert sum(put_off) > 0
        assert server.problems == []
