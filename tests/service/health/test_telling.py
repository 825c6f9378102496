"""Who is told of incidents: receivers, each for itself, and Alertmanagers."""

import asyncio
import base64
import hashlib
import hmac
from pathlib import Path

import httpx
import msgspec
import pytest

from hive_contracts.files.incidents import ReceiverEntry
from hive_health.incidents.alertmanager import Alertmanagers
from hive_health.incidents.paging import Receiver, keep_receivers
from hive_health.incidents.standard_webhooks import StandardWebhooks
from hive_health.webhook import WebhookFailed
from hive_shared.subscriptions.effects import PutOff
from tests.conftest import Database
from tests.suites.bus import SOON
from tests.suites.incidents import AWAY, SILENT, hive, performing
from tests.suites.webhook import taking


async def test_a_receiver_is_told_by_a_signed_webhook_under_one_id(
    database: Database, tmp_path: Path
) -> None:
    secret = b"a secret of the receiver"
    async with (
        hive(database, tmp_path) as it,
        taking() as taker,
        httpx.AsyncClient() as client,
    ):
        taker.answers = [b"500 Oops", b""]
        entry = ReceiverEntry(taker.url, "secret")
        receiver = Receiver("chat", entry, secret, it.store, StandardWebhooks(client), it.clock)
        async with performing(it, receiver), asyncio.timeout(SOON):
            await it.sees(AWAY)
            await it.tells("acknowledge", "record-away-1")
            while len(taker.taken) < 4:
                await taker.news.wait()
                taker.news.clear()
    first, *_, last = taker.taken
    assert {taken.headers["webhook-id"] for taken in taker.taken[:3]} == {
        first.headers["webhook-id"]
    }
    assert last.headers["webhook-id"] != first.headers["webhook-id"]
    for taken in taker.taken:
        id, at = taken.headers["webhook-id"], taken.headers["webhook-timestamp"]
        signed = f"{id}.{at}.".encode() + taken.body
        expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        assert taken.headers["webhook-signature"] == f"v1,{expected}"
    told = [msgspec.json.decode(taken.body) for taken in taker.taken]
    assert [each["type"] for each in told] == ["incident.opened"] * 3 + ["incident.acknowledged"]
    assert told[0]["data"]["incident"] == "record-away-1"
    assert told[0]["data"]["next"] == "hive incident show record-away-1"


async def test_a_receiver_that_is_away_is_tried_for_an_hour_and_one_that_refuses_is_not(
    database: Database, tmp_path: Path
) -> None:
    cases: list[tuple[bytes, float, float | None]] = [
        (b"503 Away", 0, 1.0),
        (b"429 Slow", 100, 50.0),
        (b"", 1000, 300.0),
        (b"503 Away", 4000, None),
        (b"401 Who", 0, None),
    ]
    async with hive(database, tmp_path) as it, taking() as taker, httpx.AsyncClient() as client:
        await it.sees(AWAY)
        [opened] = await it.store.read_category("incident", 0)
        entry = ReceiverEntry(taker.url, "secret")
        receiver = Receiver("chat", entry, b"x" * 16, it.store, StandardWebhooks(client), it.clock)
        for answer, age_s, put_off in cases:
            it.clock.ahead_s = age_s
            taker.answers = [answer]
            with pytest.raises(WebhookFailed if put_off is None else PutOff) as failed:
                await receiver.perform(opened, "an effect")
            if isinstance(failed.value, PutOff):
                assert failed.value.seconds == pytest.approx(put_off, abs=10)


async def test_a_new_receiver_hears_of_what_comes_and_one_that_is_gone_is_forgotten(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, taking() as taker, httpx.AsyncClient() as client:
        await it.sees(AWAY)
        for _ in range(2):
            await keep_receivers(it.pool, ["chat", "pager"], await it.store.head())
        entry = ReceiverEntry(taker.url, "secret", "chat")
        receiver = Receiver("chat", entry, b"x" * 16, it.store, StandardWebhooks(client), it.clock)
        async with performing(it, receiver), asyncio.timeout(SOON):
            await it.sees(AWAY, SILENT)
            await taker.news.wait()
        await keep_receivers(it.pool, ["chat"], await it.store.head())
        names = await it.pool.fetch("select name, position from health.subscriptions")
    assert [msgspec.json.decode(taken.body)["text"][:14] for taken in taker.taken] == [
        "service-silent"
    ]
    assert [row["name"] for row in names] == ["incidents-chat"]
    assert names[0]["position"] >= 1


async def test_an_alertmanager_is_told_what_is_open_and_what_ended(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it, taking() as taker, httpx.AsyncClient() as client:
        base = taker.url.partition("/hook")[0]
        (tmp_path / "incidents.yaml").write_text(f"alertmanager: [{base}/]\n")
        told = Alertmanagers(client, it.watch, it.clock)
        await it.sees()
        await told.tell()
        assert taker.taken == []
        await it.sees(AWAY)
        await told.tell()
        await it.tells("resolve", "record-away-1", anyway=True)
        await told.tell()
        it.watch.unwritten = {}
        await it.sees(after_s=700)
        await told.tell()
    bodies = [msgspec.json.decode(taken.body) for taken in taker.taken]
    assert [len(body) for body in bodies] == [1, 1]
    labels = {"alertname": "HiveIncident", "hive_incident": "record-away", "severity": "page"}
    assert [body[0]["labels"] for body in bodies] == [labels, labels]
    ends = [body[0]["endsAt"] for body in bodies]
    assert ends[0] > ends[1], "it ends by itself later, and at once when it is resolved"
