"""From a rule of Prometheus over Alertmanager to an incident, and from an incident to Alertmanager.

Skipped where Debian's prometheus and prometheus-alertmanager are not installed.
"""

import asyncio
import contextlib
import shutil
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from hive_health.incidents.alertmanager import Alertmanagers
from hive_health.incidents.door import AlertDoor
from hive_shared.listening import serving
from tests.conftest import Database
from tests.suites.bus import SOON
from tests.suites.incidents import AWAY, TOKEN, hive

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
PROMETHEUS = shutil.which("prometheus")

pytestmark = pytest.mark.skipif(
    not (ALERTMANAGER and PROMETHEUS), reason="prometheus and prometheus-alertmanager are needed"
)


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def program(*argv: str) -> AsyncIterator[None]:
    started = await asyncio.create_subprocess_exec(*argv, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


@contextlib.asynccontextmanager
async def alertmanager(folder: Path, hook: str) -> AsyncIterator[str]:
    port = free_port()
    config = folder / "alertmanager.yml"
    config.write_text(
        "route: {receiver: hive, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
        "receivers:\n"
        "- name: hive\n"
        "  webhook_configs:\n"
        f"  - url: {hook}\n"
        f"    http_config: {{authorization: {{credentials: {TOKEN}}}}}\n"
    )
    async with program(
        str(ALERTMANAGER),
        f"--config.file={config}",
        f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ):
        yield f"127.0.0.1:{port}"


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[None]:
    rules, config = folder / "rules.yml", folder / "prometheus.yml"
    rules.write_text(
        "groups:\n"
        "- name: hive\n"
        "  rules:\n"
        "  - {alert: HiveHasNoRunner, expr: 'vector(1) > 0', labels: {severity: page}, "
        "annotations: {summary: No runner is heard}}\n"
    )
    config.write_text(
        "global: {evaluation_interval: 1s}\n"
        f"rule_files: [{rules}]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"
    )
    async with program(
        str(PROMETHEUS),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
    ):
        yield


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(3 * SOON):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_an_alert_comes_from_its_rule_to_an_incident(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        app = AlertDoor(it.inbox, TOKEN.encode(), it.clock).app()
        async with (
            serving(app, "127.0.0.1", 0, "alerts_port") as port,
            alertmanager(tmp_path, f"http://127.0.0.1:{port}/alerts") as target,
            prometheus(tmp_path, target),
        ):

            async def seen() -> bool:
                await it.watch.turn()
                return bool(it.watch.register.open())

            await until(seen)
        [known] = it.watch.register.open()
        assert known.opened.title == "No runner is heard"
        assert (known.state.severity, known.state.firing) == ("page", 1)
        assert known.opened.alerts[0].source == "alertmanager"
        assert known.opened.since_ms < known.opened.at_ms


async def test_an_incident_is_an_alert_of_alertmanager_until_it_is_resolved(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, httpx.AsyncClient() as client:
        app = AlertDoor(it.inbox, TOKEN.encode(), it.clock).app()
        async with (
            serving(app, "127.0.0.1", 0, "alerts_port") as port,
            alertmanager(tmp_path, f"http://127.0.0.1:{port}/alerts") as target,
        ):
            url = f"http://{target}"
            (tmp_path / "incidents.yaml").write_text(f"alertmanager: [{url}]\n")
            told = Alertmanagers(client, it.watch, it.clock)

            async def names() -> list[str]:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"{url}/api/v2/alerts?active=true")
                    return [each["labels"]["hive_incident"] for each in answer.json()]
                return ["not up yet"]

            async def is_told() -> bool:
                await told.tell()
                return await names() == ["record-away"]

            async def is_over() -> bool:
                await told.tell()
                return await names() == []

            await it.sees(AWAY)
            await until(is_told)
            await it.tells("resolve", "record-away-1", anyway=True)
            await until(is_over)
        # What we told comes back to us, and is no incident of its own.
        await it.watch.turn()
        assert len(await it.listed()) == 1
