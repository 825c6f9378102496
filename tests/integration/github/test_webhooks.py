"""Webhooks through the real endpoint into the real record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import pytest

from hive_contracts.github.delivery import DeliveryReceived, DeliveryWorked, FinishDelivery
from hive_github.testing import signature
from hive_github.webhooks.door import MAX_BODY
from hive_github.webhooks.facts import facts_of
from hive_github.webhooks.meaning import (
    ButtonTouched,
    CommitTouched,
    GroupAsked,
    SuiteTouched,
    touched,
)
from hive_shared.eventstore.errors import StoreError
from tests.conftest import Database
from tests.suites.bus import pool_of
from tests.suites.endpoint import GUID, SECRET, Endpoint, listening

PUSH = b'{"ref":"refs/heads/main","repository":{"id":1,"full_name":"acme/shop"}}'


@pytest.fixture
async def endpoint(database: Database) -> AsyncIterator[Endpoint]:
    async with listening(database.url("github")) as endpoint:
        yield endpoint


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
            "check_suite",
            {"action": "rerequested", "check_suite": {"head_sha": "c" * 40, "head_branch": None}},
            [SuiteTouched("acme/shop", 1, "c" * 40, "ada", 5)],
            id="run all again",
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


@asynccontextmanager
async def refused_by_the_record(database: Database, guid: str) -> AsyncIterator[None]:
    """Its event cannot be appended, which PostgreSQL finds when its body is in already."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        await connection.execute(
            "create function public.refuse() returns trigger language plpgsql as"
            " $$begin raise data_exception using message = 'not this one'; end$$;"
            "create trigger refuse before insert on hive.events for each row"
            f" when (new.stream = 'delivery-{guid}') execute function public.refuse()"
        )
        yield
        await connection.execute("drop trigger refuse on hive.events; drop function public.refuse")
    finally:
        await connection.close()


async def test_what_cannot_be_recorded_leaves_no_body_and_is_taken_when_it_comes_again(
    endpoint: Endpoint, database: Database
) -> None:
    async with refused_by_the_record(database, GUID):
        answer = await endpoint.deliver(PUSH)
        assert answer.status_code == 503
        assert "deliver it again" in answer.json()["error"]["message"]
        assert await endpoint.bodies() == 0
        assert await endpoint.recorded() == []
    assert (await endpoint.deliver(PUSH)).status_code == 202
    assert await endpoint.bodies() == len(await endpoint.recorded()) == 1


async def test_one_of_a_group_that_cannot_be_recorded_harms_no_other(
    endpoint: Endpoint, database: Database
) -> None:
    guids = [f"{number}{GUID[1:]}" for number in range(5)]

    async def come() -> list[bool | BaseException]:
        """All in one turn of the loop, so that they travel together."""
        coming = [facts_of(guid, "push", PUSH) for guid in guids]
        return await asyncio.gather(
            *(endpoint.deliveries.take(each, PUSH) for each in coming), return_exceptions=True
        )

    async with refused_by_the_record(database, guids[2]):
        *others, refused = sorted(await come(), key=lambda each: isinstance(each, BaseException))
        assert others == [True] * 4
        assert isinstance(refused, StoreError)
        assert await endpoint.deliveries.seen(guids) == {*guids} - {guids[2]}
        assert await endpoint.bodies() == 4
    assert await come() == [False, False, True, False, False]
    assert await endpoint.bodies() == len(await endpoint.recorded()) == 5


async def test_while_the_record_is_away_a_delivery_is_not_taken(
    endpoint: Endpoint, database: Database
) -> None:
    await endpoint.pool.close()
    assert (await endpoint.deliver(PUSH)).status_code == 503
    async with listening(database.url("github")) as again:
        assert await again.bodies() == len(await again.recorded()) == 0
        assert (await again.deliver(PUSH)).status_code == 202


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

    answer = await endpoint.client.post("/webhooks", content=endless())
    assert answer.status_code == 413
    assert len(await endpoint.recorded()) == 1


async def test_nothing_else_answers_there(endpoint: Endpoint) -> None:
    assert (await endpoint.client.get("/webhooks")).status_code == 405
    assert (await endpoint.client.get("/metrics")).status_code == 404
    assert (await endpoint.client.get("/health")).json()["status"] == "healthy"


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


async def test_what_the_door_takes_and_refuses_is_counted(endpoint: Endpoint) -> None:
    for secret in (SECRET, SECRET, "a stranger's"):
        await endpoint.deliver(PUSH, X_Hub_Signature_256=signature(secret, PUSH))
    told = endpoint.handling.handled()
    assert (told.name, told.kind, told.done, told.failed, told.busy) == ("webhook", "call", 3, 1, 0)
