"""From a rule that ships over a real Prometheus and Alertmanager to one incident of a real hive,
and to its end.

The shipped files are as they ship but for addresses and periods: with those that ship, each of
these takes as long as a person would wait.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hive_client import Hive
from hive_contracts.incident import IncidentOpened, IncidentResolved
from hive_contracts.v1 import operations_pb2
from hive_stack.ports import free_port
from tests.service.observability.servers import (
    ALERTMANAGER,
    HURRY,
    PROMETHEUS,
    watching,
)
from tests.system.hive import RealHive, eventually, of_type

pytestmark = [
    pytest.mark.skipif(
        PROMETHEUS is None or ALERTMANAGER is None,
        reason="prometheus and alertmanager are not on PATH"
        " (Debian: prometheus, prometheus-alertmanager)",
    ),
    pytest.mark.full("Prometheus evaluates all rules each second for minutes, twice"),
    pytest.mark.timeout(400),
]

PERIODS: Final = {**HURRY, "hive_rules.yaml": (("for: 2m", "for: 1s"), ("for: 1m", "for: 1s"))}
"""Without these it takes four minutes until it is told, and six more until its end is."""
SECONDS: Final = 180
"""Until it is told, and until its end is: far more than it takes."""
CALM: Final = "resolve_after: 10s\n"
"""The hive's own file: how long its alerts have to stay away."""


@asynccontextmanager
async def reachable(at: int, really: int) -> AsyncIterator[None]:
    """Whoever connects to the one port speaks with the other."""
    open: set[asyncio.Task[None]] = set()

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", really)
        for task in (passing(reader, back), passing(there, writer)):
            open.add(asyncio.create_task(task))

    server = await asyncio.start_server(taken, "127.0.0.1", at)
    async with server:
        yield
        for task in open:
            task.cancel()
        await asyncio.gather(*open, return_exceptions=True)


async def told_by_alertmanager(client: Hive) -> list[operations_pb2.IncidentReport]:
    """The incidents that have an alert from there."""
    listed = (await client.operations.incidents()).incidents
    reports = [await client.operations.incident(each.name) for each in listed]
    return [
        report
        for report in reports
        if any(alert.source == "alertmanager" for alert in report.alerts)
    ]


async def until_told(client: Hive, seconds: float) -> operations_pb2.IncidentReport:
    async def probe() -> operations_pb2.IncidentReport | None:
        found = await told_by_alertmanager(client)
        assert len(found) <= 1
        return found[0] if found else None

    try:
        return await eventually(probe, seconds, every=0.5)
    except TimeoutError:
        raise AssertionError((await client.operations.incidents()).incidents) from None


async def until_over(client: Hive, seconds: float) -> operations_pb2.IncidentReport:
    async def probe() -> operations_pb2.IncidentReport | None:
        [report] = await told_by_alertmanager(client)
        return report if report.summary.status == "resolved" else None

    return await eventually(probe, seconds, every=0.5)


async def until_heard(client: Hive) -> None:
    """What was never heard is unknown, and not silent; nor is what has gone to begin anew, as the
    service does once it is connected."""

    async def probe() -> bool | None:
        report = (await client.operations.health()).report
        ready = any(m.service == "github" and m.ready for m in report.members)
        # Only one that is connected handles events.
        return True if ready and any(s.service == "github" for s in report.standings) else None

    await eventually(probe)


async def assert_it_was_one(hive: RealHive, report: operations_pb2.IncidentReport) -> None:
    log = await hive.log()
    id = report.summary.incident_id
    opened = [
        each
        for each in of_type(log, "IncidentOpened")
        if isinstance(each, IncidentOpened) and each.cause == report.summary.cause
    ]
    ended = [
        each
        for each in of_type(log, "IncidentResolved")
        if isinstance(each, IncidentResolved) and each.incident_id == id
    ]
    assert [each.incident_id for each in opened] == [id]
    assert [each.by for each in ended] == [""], "it resolved by itself, once"
    assert report.summary.reopened == 0
    # A consumer of a service that was still for half a minute is a cause of its own: it ends, too.
    await eventually(partial(hive_is_calm, hive), SECONDS, every=0.5)


async def hive_is_calm(hive: RealHive) -> bool | None:
    async with hive.client() as client:
        pages = [
            each
            for each in (await client.operations.incidents()).incidents
            if each.status != "resolved" and each.severity == "page"
        ]
    return None if pages else True


async def test_what_only_prometheus_sees_is_one_incident_until_it_is_over(
    hive: RealHive, door: int, tmp_path: Path
) -> None:
    (hive.data / "incidents.yaml").write_text(CALM)
    address = free_port()
    with watching(hive, door, tmp_path, gateways=address, hurry=PERIODS):
        async with hive.client() as client:
            report = await until_told(client, SECONDS)
            assert report.summary.cause == "HiveIsUnseen"
            assert (report.summary.severity, report.summary.firing) == ("page", 1)
            assert [alert.source for alert in report.alerts] == ["alertmanager"]
            assert "Nothing is heard of the hive" in report.summary.title
            async with reachable(address, hive.state.http_port):
                report = await until_over(client, SECONDS)
                await assert_it_was_one(hive, report)


async def test_what_prometheus_says_of_a_silent_service_is_the_incident_that_there_is(
    hive: RealHive, door: int, tmp_path: Path
) -> None:
    (hive.data / "incidents.yaml").write_text(CALM)
    with watching(hive, door, tmp_path, hurry=HURRY):
        async with hive.client() as client:
            await until_heard(client)
            with hive.frozen("github"):
                report = await until_told(client, SECONDS)
                assert report.summary.name == "service-silent-github-1"
                assert {alert.source for alert in report.alerts} == {"health", "alertmanager"}
                assert {alert.name for alert in report.alerts} == {"service-silent"}
            report = await until_over(client, SECONDS)
            await assert_it_was_one(hive, report)
