"""Health at the doors of gateways: one answers, one is frozen, one somebody has taken."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.health import AliveQuery
from hive_health import knocking
from hive_health.doors import DEAF_SECONDS, DEAF_TRIES
from hive_health.knocking import Knocker
from hive_shared.process import Shell
from tests.conftest import Database, NatsAccount
from tests.suites.gateway import Gateway, gateway, gateway_settings, new_id, scripted
from tests.suites.health import Watching, watching


@pytest.fixture
async def watch(database: Database, nats: NatsAccount) -> AsyncIterator[Watching]:
    async with watching(database, nats) as opened:
        yield opened


@pytest.fixture
async def knocker(watch: Watching, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Knocker]:
    monkeypatch.setattr(knocking, "PATIENCE_SECONDS", 0.5)
    async with knocking.knocking(watch.health.doors, watch.clock) as opened:
        yield opened


@pytest.fixture
async def door(database: Database, nats: NatsAccount, tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with scripted(database, nats), gateway(settings) as opened:
        yield opened


async def ask(watch: Watching, knocker: Knocker, shell: Shell, times: int = 1) -> None:
    """Ask whoever has told where, so often, until what fails has failed for long enough."""
    for _ in range(times):
        watch.hear(shell)
        await knocker.ask(watch.health.to_ask(shell.vitals.host))
        watch.clock.ahead += DEAF_SECONDS / (DEAF_TRIES - 1)
    watch.hear(shell)


def beating(address: str) -> Shell:
    """A gateway, as far as its beats tell."""
    shell = Shell("gateway", new_id())
    shell.state, shell.vitals.address = "ready", address
    return shell


@contextlib.asynccontextmanager
async def somebody_else() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_gateway_answers_though_it_is_not_ready(
    watch: Watching, knocker: Knocker, door: Gateway
) -> None:
    (door.settings.secrets / "people.json").write_text("{")
    assert door.shell.vitals.address == f"http://127.0.0.1:{door.settings.gateway_http_port}"
    await ask(watch, knocker, door.shell, DEAF_TRIES)
    assert "gateway-deaf" not in {symptom.kind for symptom in await watch.look(door.shell)}
    seen = {member.instance: member for member in watch.health.alive(AliveQuery()).members}
    assert seen[door.shell.instance].answers is True


async def test_a_gateway_whose_door_is_frozen_is_named_until_it_answers(
    watch: Watching, knocker: Knocker
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        shell = beating(f"http://127.0.0.1:{frozen.getsockname()[1]}")
        await ask(watch, knocker, shell, DEAF_TRIES)
        deaf = await watch.until("gateway-deaf", lambda _: True, shell)
    assert "nothing came within" in deaf.text
    assert deaf.instance == shell.instance


async def test_what_somebody_else_answers_there_is_no_answer(
    watch: Watching, knocker: Knocker
) -> None:
    async with somebody_else() as address:
        shell = beating(address)
        await ask(watch, knocker, shell, DEAF_TRIES)
        deaf = await watch.until("gateway-deaf", lambda _: True, shell)
        assert "what answers there is no gateway (status 404)" in deaf.text


async def test_a_name_that_means_nothing_here_is_no_failure(
    watch: Watching, knocker: Knocker
) -> None:
    shell = beating("http://no-such-pod.invalid:8000")
    await ask(watch, knocker, shell, DEAF_TRIES)
    assert "gateway-deaf" not in {symptom.kind for symptom in await watch.look(shell)}
