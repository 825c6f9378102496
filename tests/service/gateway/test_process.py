"""`python -m hive_gateway` as a process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from hive_shared.settings import GatewaySettings, to_env
from tests.conftest import Database, NatsAccount
from tests.suites.bus import SOON
from tests.suites.gateway import gateway_settings

AT_REST = 80 * 1024 * 1024
"""Bytes that a service may hold with nothing to do."""


@contextlib.asynccontextmanager
async def process(settings: GatewaySettings) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hive_gateway"),
        env={"PATH": os.environ["PATH"], **to_env(settings)},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def answers(settings: GatewaySettings) -> None:
    """Until its HTTP port answers."""
    async with asyncio.timeout(SOON):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", settings.gateway_http_port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)


@pytest.fixture
def settings(database: Database, nats: NatsAccount, tmp_path: Path) -> GatewaySettings:
    return gateway_settings(database, nats.url_of("gateway"), tmp_path)


async def test_at_rest_it_is_small_and_it_ends_in_good_order(settings: GatewaySettings) -> None:
    async with process(settings) as running:
        await answers(settings)
        assert psutil.Process(running.pid).memory_info().rss < AT_REST
        running.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(running.communicate(), SOON)
    assert running.returncode == 0, log.decode()
    assert b"Traceback" not in log


async def test_a_port_in_use_is_one_clear_error(settings: GatewaySettings) -> None:
    for port in (settings.gateway_grpc_port, settings.gateway_http_port):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            taken.listen()
            async with process(settings) as running:
                _, log = await asyncio.wait_for(running.communicate(), SOON)
        assert running.returncode == 1, log.decode()
        assert f"127.0.0.1:{port}" in log.decode()
        assert b"Traceback" not in log


async def test_a_missing_token_is_one_clear_error(settings: GatewaySettings) -> None:
    settings.admin_token_path.unlink()
    async with process(settings) as running:
        _, log = await asyncio.wait_for(running.communicate(), SOON)
    assert running.returncode == 1, log.decode()
    assert str(settings.admin_token_path) in log.decode()
    assert b"Traceback" not in log
