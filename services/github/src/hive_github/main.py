"""The github service's process: `python -m hive_github`."""

import asyncio
import logging
import os
import time
from typing import Final

from hive_contracts.ids import uuid7
from hive_github.credentials import Configured, NotConfigured, configured
from hive_github.edge import broker_for, serving
from hive_shared.bus.appended import Appended
from hive_shared.bus.connection import connected
from hive_shared.clock import SystemClock
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import GithubSettings, nats_url

WATCH_SECONDS: Final = 2.0

_log = logging.getLogger("hive.github")


async def start(shell: Shell, settings: GithubSettings) -> None:
    desk, told, appended = None, _configured(settings), Appended()
    bus = connected(nats_url(settings), "github", appended.tell, appended.subscribe)
    client = await shell.enter(bus)
    if isinstance(told, Configured):
        # Nothing of GitHub is imported before: it costs memory, and most hives do without it.
        from hive_github.orchestrator import Orchestrator
        from hive_github.service import speak

        desk = await speak(shell, settings, told, _new_id, Orchestrator(client), appended)
        shell.spawn(appended.whisper(client, SystemClock()), "hints")
        _log.info("GitHub is configured")
    else:
        _log.info("%s", told)
    await shell.enter(serving(broker_for(nats_url(settings), settings, desk)))
    shell.spawn(beat(shell, client), "heartbeats")
    shell.spawn(_watch(shell, settings, _mark(told)), "configuration")


def _new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def _configured(settings: GithubSettings) -> Configured | NotConfigured:
    try:
        return configured(settings)
    except NotConfigured as reason:
        return reason


def _mark(told: Configured | NotConfigured) -> bytes:
    return told.fingerprint if isinstance(told, Configured) else b""


async def _watch(shell: Shell, settings: GithubSettings, mark: bytes) -> None:
    """Ends the process once it is configured otherwise: whoever supervises starts it anew."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if _mark(await asyncio.to_thread(_configured, settings)) != mark:
            _log.info("GitHub is configured otherwise now: starting anew")
            shell.failed = True
            shell.stop()
            await shell.stopping.wait()
            await asyncio.Event().wait()


def main() -> int:
    return run("github", GithubSettings, start)
