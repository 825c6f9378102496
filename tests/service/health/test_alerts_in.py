"""Alerts that come in from outside, and the file that says what becomes of them."""

import contextlib
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from hive_contracts.incident_report import (
    Incidents,
    IncidentsQuery,
)
from hive_health.incidents.door import MAX_BODY, AlertDoor
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.listening import serving
from tests.conftest import Database
from tests.suites.incidents import TOKEN, Hive, hive


def message(alerts: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"version": "4", "status": "firing", "alerts": alerts})


def alert(name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} is bad"},
        "startsAt": "2026-01-01T00:00:00Z",
        "fingerprint": hashlib.sha256(repr((name, labels)).encode()).hexdigest()[:16],
    }


@contextlib.asynccontextmanager
async def posting(it: Hive, token: str = TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    app = AlertDoor(it.inbox, TOKEN.encode(), it.clock).app()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        serving(app, "127.0.0.1", 0, "alerts_port") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client,
    ):
        yield client


async def test_ten_thousand_alerts_in_a_minute_are_one_incident_for_each_cause(
    database: Database, tmp_path: Path
) -> None:
    storm = [alert("HostDown", host=f"h{n}", severity="critical") for n in range(9_000)] + [
        alert("DiskFull", host=f"h{n}") for n in range(1_000)
    ]
    async with hive(database, tmp_path) as it, posting(it) as client:
        began = time.perf_counter()
        for start in range(0, len(storm), 2000):
            answer = await client.post("/alerts", content=message(storm[start : start + 2000]))
            assert answer.status_code == 200
            await it.watch.turn()
        took = time.perf_counter() - began
        names = sorted(name.rsplit("-", 2)[0] for name, _ in await it.listed())
        assert names == ["diskfull", "hostdown"]
        await it.sees(after_s=61)
        types = await it.types()
        assert types.count("IncidentOpened") == 2
        assert len(types) <= 4, "not an event for each alert"
        assert {known.state.firing for known in it.watch.register.open()} == {9_000, 1_000}
        assert took < 30
        over = [each | {"status": "resolved"} for each in storm]
        for start in range(0, len(over), 5000):
            await client.post("/alerts", content=message(over[start : start + 5000]))
        await it.sees(after_s=61)
        await it.sees(after_s=400)
        assert {status for _, status in await it.listed()} == {"resolved"}


async def test_strangers_are_refused(database: Database, tmp_path: Path) -> None:
    async with hive(database, tmp_path) as it:
        for token in ("", "another-token-of-nobody", TOKEN + "x"):
            async with posting(it, token) as client:
                answer = await client.post("/alerts", content=message([alert("X")]))
                assert answer.status_code == 401
        assert await it.inbox.firing(1e6) == []


async def test_what_is_no_message_is_refused_and_stores_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, posting(it) as client:
        assert (await client.post("/alerts", content=b"{")).status_code == 400
        assert (await client.get("/alerts")).status_code == 405
        big = b" " * (MAX_BODY + 1)
        assert (await client.post("/alerts", content=big)).status_code == 413

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(25):
                yield b" " * (1 << 20)

        # Without a length said before: it is cut off where it is too much.
        with contextlib.suppress(httpx.WriteError, httpx.RemoteProtocolError):
            assert (await client.post("/alerts", content=pieces())).status_code == 413
        nul = alert("X\0Y", about="\x1b[2Jz")
        assert (await client.post("/alerts", content=message([nul]))).status_code == 200
        await it.watch.turn()
        [known] = it.watch.register.open()
        assert known.opened.alerts[0].about == "[2Jz"


async def test_alerts_that_cannot_be_stored_are_sent_again(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, posting(it) as client:
        with pytest.MonkeyPatch.context() as cut:

            async def away(*_: object) -> None:
                raise StoreUnavailable("gone")

            cut.setattr(it.inbox, "take", away)
            assert (await client.post("/alerts", content=message([alert("X")]))).status_code == 503


async def test_an_alert_that_nobody_tells_any_more_is_over(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, posting(it) as client:
        await client.post("/alerts", content=message([alert("X")]))
        assert len(await it.inbox.firing(3600)) == 1
        await it.pool.execute("update health.alerts set told_at = told_at - interval '2 hours'")
        assert await it.inbox.firing(3600, anew=True) == []
        await it.inbox.forget(3600)
        assert await it.pool.fetchval("select count(*) from health.alerts") == 1
        await it.inbox.forget(-23 * 3600)
        assert await it.pool.fetchval("select count(*) from health.alerts") == 0


async def test_a_file_that_is_wrong_is_named_and_the_one_before_counts(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "incidents.yaml"
    file.write_text("resolve_after: 1h\n")
    async with hive(database, tmp_path) as it:
        assert it.rules.file.patience.resolve_after == 3600
        file.write_text("resolve_aftr: 1m\n")
        await it.sees()
        answer = await it.desk.incidents(IncidentsQuery())
        assert isinstance(answer, Incidents)
        assert "incidents.yaml:1" in answer.problem
        assert "resolve_after" in answer.problem
        assert it.rules.file.patience.resolve_after == 3600
