"""The fixtures give what they promise: fresh, separate, and closed without a password."""

import asyncpg
import nats as nats_client
import pytest
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from tests.conftest import Database, NatsAccount


async def test_a_database_has_the_log_and_takes_the_services_logins(database: Database) -> None:
    connection = await asyncpg.connect(database.url("orchestrator"))
    try:
        assert await connection.fetchval("select session_user") == "hive_orchestrator"
    finally:
        await connection.close()
    connection = await asyncpg.connect(database.admin_url)
    try:
        assert await connection.fetchval("select count(*) from hive.migrations") > 0
    finally:
        await connection.close()


async def test_a_wrong_password_is_refused_by_the_database(database: Database) -> None:
    wrong = database.url("gateway").replace(database.passwords["gateway"], "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_an_account_has_an_own_jetstream(nats: NatsAccount) -> None:
    client = await nats_client.connect(nats.url)
    try:
        stream = client.jetstream()
        with pytest.raises(NotFoundError):
            await stream.stream_info("S")
        await stream.add_stream(name="S", subjects=["hive.events.>"])
        assert (await stream.publish("hive.events.a.b.C", b"")).seq == 1
    finally:
        await client.close()


async def test_a_client_without_a_password_is_refused_by_the_bus(nats: NatsAccount) -> None:
    with pytest.raises(NatsError):
        await nats_client.connect(
            f"nats://{nats.server.host}:{nats.server.port}", allow_reconnect=False
        )
