"""Alertmanagers are told of incidents: twice a minute what is open and what has ended. Adapter.

    POST /api/v2/alerts   an alert for each incident; it ends by itself unless it is told again

Nothing has to be kept: what is told follows from the record, so that it is told again after any
crash, and an Alertmanager that was away hears it all. While the record is away it is still told
what health sees, since somebody has to be called just then.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import msgspec

from hive_health.incidents.alert import OWN_LABEL
from hive_health.incidents.grouping import Cause
from hive_health.incidents.register import Known
from hive_health.incidents.watch import Watch
from hive_shared.clock import Clock

EVERY_SECONDS: Final = 30.0
ENDS_AFTER_MS: Final = 5 * 60_000
"""An alert that was not told for so long ends by itself there."""
TOLD_ENDED_MS: Final = 10 * 60_000
"""For so long it is told that one has ended."""

_log = logging.getLogger("hive.health.alertmanager")


def alerts_of(
    known: Iterable[Known], unwritten: Mapping[str, Cause], now_ms: int
) -> list[dict[str, Any]]:
    """What is told at this moment. Pure."""
    told: dict[str, dict[str, Any]] = {}
    for each in known:
        state, opened = each.state, each.opened
        ended = state.status == "resolved"
        if ended and now_ms - state.resolved_ms > TOLD_ENDED_MS:
            continue
        if ended and opened.cause in told:
            continue  # the next one of this cause is open
        labels = _labels(opened.cause, state.severity)
        notes = {
            "summary": opened.title,
            "description": opened.remedy or f"hive incident show {opened.name}",
            "incident": opened.name,
            "status": state.status,
        }
        end = state.resolved_ms if ended else now_ms + ENDS_AFTER_MS
        told[opened.cause] = _alert(labels, notes, opened.since_ms, max(end, opened.since_ms))
    for key, cause in unwritten.items():
        if key not in told:
            notes = {"summary": cause.title, "description": cause.remedy or "hive status"}
            since = cause.since_ms or now_ms
            told[key] = _alert(_labels(key, cause.severity), notes, since, now_ms + ENDS_AFTER_MS)
    return list(told.values())


def _labels(cause: str, severity: str) -> dict[str, str]:
    # By cause, not by number: so it is the same alert while the record is away, and afterwards.
    return {"alertname": "HiveIncident", OWN_LABEL: cause, "severity": severity}


def _alert(
    labels: dict[str, str], notes: dict[str, str], since_ms: int, end_ms: int
) -> dict[str, Any]:
    return {
        "labels": labels,
        "annotations": notes,
        "startsAt": _moment(since_ms),
        "endsAt": _moment(end_ms),
    }


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


class Alertmanagers:
    def __init__(self, client: httpx.AsyncClient, watch: Watch, clock: Clock) -> None:
        self._client = client
        self._watch = watch
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.tell()
            await self._clock.sleep(EVERY_SECONDS)

    async def tell(self) -> None:
        urls = self._watch.rules.file.alertmanager
        if not urls:
            return
        known = self._watch.register.newest(500)
        told = alerts_of(known, self._watch.unwritten, self._clock.now_ms())
        if not told:
            return
        body = msgspec.json.encode(told)
        for url in urls:
            await self._post(url.rstrip("/") + "/api/v2/alerts", body)

    async def _post(self, url: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                if not answer.is_success:
                    _log.warning("an Alertmanager answers %d", answer.status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.warning("an Alertmanager does not answer: %s", type(error).__name__)
