"""Webhooks through the real endpoint into the real record."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from hive_contracts.codec import decode
from hive_contracts.github.delivery import DeliveryReceived, DeliveryWorked, FinishDelivery
from hive_github.testing import signature
from hive_github.webhooks.deliveries import Deliveries
from hive_github.webhooks.door import MAX_BODY, WebhookDoor
from hive_github.webhooks.meaning import ButtonTouched, CommitTouched, GroupAsked, touched
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.handling import Handling
from hive_shared.listening import serving
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.on_github import new_id

SECRET = "it is long and secret"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
PUSH = b'{"ref":"refs/heads/main","repository":{"id":1,"full_name":"acme/shop"}}'
PUBLISHED = Path(__file__).parents[3] / ".github-published/node_modules/@octokit/webhooks-examples"


class Endpoint:
    def __init__(self, client: httpx.AsyncClient, pool: asyncpg.Pool, handling: Handling) -> None:
        self._client = client
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
        return await self._client.post("/webhooks", content=body, headers=sent)

    async def recorded(self) -> list[Any]:
        return [decode(recorded) for recorded in await self.store.read_all(0)]

    async def bodies(self) -> int:
        return int(await self.pool.fetchval("select count(*) from github.deliveries"))


@pytest.fixture
async def endpoint(database: Database) -> AsyncIterator[Endpoint]:
    async with pool_of(database.url("github")) as pool:
        door = WebhookDoor(Deliveries(pool, new_id), SECRET.encode(), lambda: None, time.monotonic)
        async with serving(door.app(), "127.0.0.1", 0, "github_webhook_port") as port:
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield Endpoint(client, pool, door.handling)


@pytest.mark.parametrize(
    ("event", "told", "found"),
    [
        pytest.param(
            "check_run",
            {"action": "completed", "check_run": {"head_sha": "c" * 40}},
            [CommitTouched("acme/shop", "c" * 40)],
            id="a check run is completed",
        ),
        pytest.param(
            "check_run",
            {"action": "created", "check_run": {"head_sha": "c" * 40}},
            [],
            id="a check run begins",
        ),
        pytest.param(
            "status", {"sha": "c" * 40}, [CommitTouched("acme/shop", "c" * 40)], id="status"
        ),
        pytest.param(
            "check_run",
            {
                "action": "requested_action",
                "check_run": {"head_sha": "c" * 40, "external_id": "t/ok"},
                "requested_action": {"identifier": "approve"},
            },
            [ButtonTouched("acme/shop", 1, "t/ok", "c" * 40, "approve", "ada", 5)],
            id="a button",
        ),
        pytest.param(
            "check_run",
            {
                "action": "requested_action",
                "check_run": {"head_sha": "c" * 40, "external_id": "t/ok"},
                "requested_action": {"identifier": "deploy"},
            },
            [],
            id="a button of somebody else's",
        ),
        pytest.param(
            "check_run",
            {"action": "rerequested", "check_run": {"head_sha": "c" * 40, "external_id": None}},
            [ButtonTouched("acme/shop", 1, "", "c" * 40, "rerun", "ada", 5)],
            id="run again",
        ),
        pytest.param(
            "merge_group",
            {
                "action": "checks_requested",
                "merge_group": {
                    "head_sha": "d" * 40,
                    "head_ref": f"refs/heads/gh-readonly-queue/release/1.0/pr-41-{'e' * 40}",
                },
            },
            [GroupAsked("acme/shop", 1, 41, "d" * 40)],
            id="a merge queue asks",
        ),
        pytest.param(
            "merge_group",
            {
                "action": "checks_requested",
                "merge_group": {"head_sha": "d" * 40, "head_ref": "refs/heads/another"},
            },
            [],
            id="a group of no pull request",
        ),
    ],
)
def test_what_a_delivery_about_checks_touches(
    event: str, told: dict[str, Any], found: list[Any]
) -> None:
    around = {
        "repository": {"id": 1, "full_name": "acme/shop"},
        "installation": {"id": 5},
        "sender": {"login": "ada"},
    }
    assert touched(event, msgspec.json.encode({**around, **told})) == found


async def test_a_delivery_is_recorded_with_its_body_and_answered(endpoint: Endpoint) -> None:
    answer = await endpoint.deliver(PUSH)
    assert answer.status_code == 202
    [received] = await endpoint.recorded()
    assert isinstance(received, DeliveryReceived)
    assert (received.event, received.repository, received.size) == ("push", "acme/shop", len(PUSH))
    assert await endpoint.deliveries.body(GUID) == PUSH


async def test_a_redelivery_is_recorded_once_even_when_its_body_is_gone(
    endpoint: Endpoint,
) -> None:
    await endpoint.deliver(PUSH)
    assert (await endpoint.deliver(PUSH, guid=GUID.upper())).status_code == 200
    [received] = await endpoint.recorded()
    for _ in range(2):  # an effect may be performed again
        await endpoint.deliveries.finish(received, FinishDelivery(GUID, "ignored"), "c" * 32, "")
    assert await endpoint.deliveries.purge(days=0) == 1
    assert (await endpoint.deliver(PUSH)).status_code == 200
    assert await endpoint.recorded() == [received, DeliveryWorked(GUID, "ignored")]
    assert await endpoint.bodies() == 0


async def test_the_same_delivery_many_times_at_once_is_recorded_once(endpoint: Endpoint) -> None:
    answers = await asyncio.gather(*(endpoint.deliver(PUSH) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [202]
    assert len(await endpoint.recorded()) == 1
    assert await endpoint.bodies() == 1


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="none at all"),
        pytest.param("sha256=" + "0" * 64, id="of something else"),
        pytest.param(signature("another secret", PUSH), id="with another secret"),
        pytest.param(signature(SECRET, PUSH + b" "), id="of other bytes"),
        pytest.param(signature(SECRET, PUSH).removeprefix("sha256="), id="without its name"),
        pytest.param(signature(SECRET, PUSH).upper(), id="in other letters"),
    ],
)
async def test_without_a_right_signature_nothing_is_taken(endpoint: Endpoint, header: str) -> None:
    answer = await endpoint.deliver(PUSH, X_Hub_Signature_256=header)
    assert answer.status_code == 401
    assert await endpoint.recorded() == []
    assert await endpoint.bodies() == 0


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b"no json", {}),
        (b"[]", {}),
        (PUSH, {"X_GitHub_Delivery": "../../x"}),
        (PUSH, {"X_GitHub_Delivery": ""}),
        (PUSH, {"X_GitHub_Event": "Push; drop"}),
        (PUSH, {"Content_Type": "application/x-www-form-urlencoded"}),
    ],
)
async def test_what_is_signed_and_no_delivery_is_refused(
    endpoint: Endpoint, body: bytes, changed: dict[str, str]
) -> None:
    answer = await endpoint.deliver(body, **changed)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert await endpoint.recorded() == []


async def test_25_mb_are_taken_and_one_byte_more_is_not(endpoint: Endpoint) -> None:
    body = PUSH[:-1] + b',"pad":"' + b"x" * (MAX_BODY - len(PUSH) - 9) + b'"}'
    assert len(body) == MAX_BODY
    assert (await endpoint.deliver(body)).status_code == 202
    assert await endpoint.deliveries.body(GUID) == body

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(26):
            yield b"x" * 1024 * 1024

    answer = await endpoint._client.post("/webhooks", content=endless())
    assert answer.status_code == 413
    assert len(await endpoint.recorded()) == 1


async def test_nothing_else_answers_there(endpoint: Endpoint) -> None:
    assert (await endpoint._client.get("/webhooks")).status_code == 405
    assert (await endpoint._client.get("/metrics")).status_code == 404
    assert (await endpoint._client.get("/health")).json()["status"] == "healthy"


async def test_a_nul_in_what_is_recorded_is_left_out(endpoint: Endpoint) -> None:
    body = rb'{"action":"a\u0000b","repository":{"id":1,"full_name":"acme/\u0000shop"}}'
    assert (await endpoint.deliver(body)).status_code == 202
    [received] = await endpoint.recorded()
    assert (received.action, received.repository) == ("ab", "acme/shop")


async def test_no_other_service_reads_a_body(endpoint: Endpoint, database: Database) -> None:
    await endpoint.deliver(PUSH)
    for service in ("gateway", "orchestrator", "health", "relay"):
        async with pool_of(database.url(service), 1) as pool:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.fetchval("select body from github.deliveries")


async def test_the_github_service_writes_its_own_categories_and_no_other(
    endpoint: Endpoint,
) -> None:
    async with endpoint.pool.acquire() as connection:
        rows = await connection.fetch(
            "select category from pg_catalog.unnest(array['mission', 'task', 'runner',"
            " 'delivery', 'repository', 'pull_request', 'issue']) as a(category)"
        )
        may = []
        for row in rows:
            statement = (
                "select verdict from hive.append(array[null], array[null], array[null]::bytea[],"
                " array['{}'::bytea], array[null], array[null]::bigint[], array[1], array[1],"
                " array[$1::text], array[1], array[0::bigint], array[1], array['x'], array['X'],"
                " array['{}'::json], array['{}'::json])"
            )
            try:
                await connection.fetchval(statement, f"{row['category']}-{'a' * 32}")
            except asyncpg.InsufficientPrivilegeError:
                continue
            may.append(row["category"])
    assert may == ["delivery", "repository", "pull_request", "issue"]


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="`make github-published` fetches them")
async def test_every_published_example_passes_through_the_real_endpoint(
    endpoint: Endpoint,
) -> None:
    examples = 0
    for path in sorted(PUBLISHED.glob("*/index.json")):
        for kind in msgspec.json.decode(path.read_bytes()):
            for payload in kind["examples"]:
                examples += 1
                body, guid = msgspec.json.encode(payload), f"{examples:032x}"
                answer = await endpoint.deliver(body, kind["name"], guid)
                assert answer.status_code == 202, (kind["name"], answer.text)
                touched(kind["name"], body)
    assert examples >= 329
    assert len(await endpoint.store.read_all(0, 5000)) == examples


async def test_what_the_door_takes_and_refuses_is_counted(endpoint: Endpoint) -> None:
    for secret in (SECRET, SECRET, "a stranger's"):
        await endpoint.deliver(PUSH, X_Hub_Signature_256=signature(secret, PUSH))
    told = endpoint.handling.handled()
    assert (told.name, told.kind, told.done, told.failed, told.busy) == ("webhook", "call", 3, 1, 0)
