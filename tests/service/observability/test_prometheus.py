"""Debian's Prometheus and Alertmanager, with the files that ship, at a hive that works."""

import asyncio
import re
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hive_contracts.plan import Phase, Plan, TaskSpec
from tests.component.slo.test_stack_files import DASHBOARDS, queries
from tests.service.observability.servers import ALERTMANAGER, PROMETHEUS, Servers, watching
from tests.service.traces.collector import Collector
from tests.system.hive import RealHive, ends, eventually

MISSIONS: Final = 3
HANDLERS: Final = {
    "gateway": {"views"},
    "github": {
        *("checks", "deliveries", "issue-comments", "issues", "landings", "pull-requests"),
        *("gates", "github", "issues watched", "merging", "sweeper", "webhook"),
    },
    "health": {"alerts", "beat", "ledger", "notify", "question", "runbooks"},
    "orchestrator": {"append", "beat", "scheduling", "submit", "turn"},
    "relay": {"publish"},
    "runner": {"gate", "merge", "prepare", "report", "turn"},
}
SHOWN_SECONDS: Final = 40.0
ONLY_IN_TROUBLE: Final = re.compile(r"ALERTS\{.*\}|hive_symptoms > 0")
"""Queries that find nothing while all is well; what they are made of is looked at instead."""


@pytest.mark.skipif(
    PROMETHEUS is None or ALERTMANAGER is None,
    reason="prometheus and alertmanager are not on PATH"
    " (Debian: prometheus, prometheus-alertmanager)",
)
@pytest.mark.full("Prometheus and Alertmanager beside a whole hive; the files are checked apart")
async def test_every_panel_shows_something_and_a_trouble_is_told_and_its_end(
    hive: RealHive, door: int, collector: Collector, tmp_path: Path
) -> None:
    with watching(hive, door, tmp_path) as servers:
        await both_are_read(servers)
        await run_missions(hive)
        # What a counter says the first time it is read is no increase to Prometheus.
        await calls_are_read(servers)
        await run_missions(hive)
        await every_panel_has_series(servers)
        await every_handler_is_told(servers)
        await exemplars_lead_to_traces(servers, collector)
        assert [rule for rule in servers.rules() if rule.get("lastError")] == []

        with hive.frozen("github"):
            told = await asyncio.to_thread(servers.receiver.wait_for, is_silent_service)
            assert told["labels"]["severity"] == "page"
            assert "hive status" in told["annotations"]["description"]
            await eventually(partial(symptoms_are_shown, servers))
        await asyncio.to_thread(
            servers.receiver.wait_for,
            lambda alert: is_silent_service(alert) and alert["status"] == "resolved",
        )


async def symptoms_are_shown(servers: Servers) -> bool | None:
    """A scrape that a busy machine did not answer in time shows none for a moment."""
    return True if await asyncio.to_thread(servers.query, "hive_symptoms > 0") else None


def is_silent_service(alert: dict[str, dict[str, str]]) -> bool:
    labels = alert["labels"]
    return (labels["alertname"], labels.get("kind")) == ("HiveIsBroken", "service-silent")


async def run_missions(hive: RealHive) -> None:
    tasks = (TaskSpec("work", run="true"), TaskSpec("told", agent="scribe", prompt="Say so."))
    plan = Plan("seen", (Phase("one", tasks=tasks),))
    before = len(ends(await hive.log()))
    async with hive.client() as client:
        for _ in range(MISSIONS):
            await client.launch(plan)
    await hive.ended(before + MISSIONS, seconds=60)


async def both_are_read(servers: Servers) -> None:
    async def probe() -> bool | None:
        up = await asyncio.to_thread(servers.query, "up")
        read = {each["metric"]["job"]: each["value"][1] for each in up}
        return True if read == {"hive": "1", "hive-gateways": "1"} else None

    await eventually(probe)


async def calls_are_read(servers: Servers) -> None:
    launched = 'hive_gateway_call_seconds_count{method="/hive.v1.MissionService/Launch"}'

    async def probe() -> bool | None:
        return True if await asyncio.to_thread(servers.query, launched) else None

    await eventually(probe)


async def every_panel_has_series(servers: Servers) -> None:
    asked = {query for dashboard in DASHBOARDS for query in queries(dashboard)}
    assert len(asked) > 25
    missing = {query for query in asked if not ONLY_IN_TROUBLE.fullmatch(query)}

    async def probe() -> bool | None:
        for query in sorted(missing):
            if await asyncio.to_thread(servers.query, query):
                missing.discard(query)
        return None if missing else True

    try:
        await eventually(probe, SHOWN_SECONDS, every=1.0)
    except TimeoutError:
        raise AssertionError(f"no series: {sorted(missing)}") from None


async def every_handler_is_told(servers: Servers) -> None:
    """One that is lost is missed here: its rate, errors and durations would be nowhere."""
    found = await asyncio.to_thread(
        servers.query, "count by (service, handler) (hive_handler_messages_total)"
    )
    told: dict[str, set[str]] = defaultdict(set)
    for each in found:
        told[each["metric"]["service"]].add(each["metric"]["handler"])
    assert told == HANDLERS


async def exemplars_lead_to_traces(servers: Servers, collector: Collector) -> None:
    """From a slow bucket of a handler, and of a call, to a trace that the collector has."""
    for metric in ("hive_handler_seconds_bucket", "hive_gateway_call_seconds_bucket"):

        async def probe(metric: str = metric) -> bool | None:
            found = await asyncio.to_thread(servers.exemplars, metric)
            told = {each["labels"]["trace_id"] for each in found}
            arrived = {span.trace for span in collector.spans().values()}
            return True if told & arrived else None

        try:
            await eventually(probe)
        except TimeoutError:
            raise AssertionError(f"{metric}: {servers.exemplars(metric)}") from None
