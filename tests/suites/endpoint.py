"""The endpoint for webhooks, on a real record, and somebody who delivers there as GitHub does."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx

from hive_contracts.codec import decode
from hive_github.testing import signature
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.door import WebhookDoor
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.handling import Handling
from hive_shared.listening import serving
from tests.suites.bus import pool_of
from tests.suites.on_github import new_id

SECRET = "it is long and secret"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


class Endpoint:
    def __init__(self, client: httpx.AsyncClient, pool: asyncpg.Pool, handling: Handling) -> None:
        self.client = client
        self.handling = handling
        self.pool = pool
        self.store = PostgresEventStore(pool)
        self.deliveries = Deliveries(pool, new_id)

    async def deliver(
        self, body: bytes, event: str = "push", guid: str = GUID, **changed: str
    ) -> httpx.Response:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signature(SECRET, body),
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        sent = {name: value for name, value in headers.items() if value}
        return await self.client.post("/webhooks", content=body, headers=sent)

    async def recorded(self) -> list[Any]:
        return [decode(recorded) for recorded in await self.store.read_all(0)]

    async def bodies(self) -> int:
        return int(await self.pool.fetchval("select count(*) from github.deliveries"))


@asynccontextmanager
async def listening(postgres_url: str) -> AsyncIterator[Endpoint]:
    async with pool_of(postgres_url) as pool:
        door = WebhookDoor(Deliveries(pool, new_id), SECRET.encode(), lambda: None, time.monotonic)
        async with serving(door.app(), "127.0.0.1", 0, "github_webhook_port") as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield Endpoint(client, pool, door.handling)
