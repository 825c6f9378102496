"""From the command to the pull request a mission is one picture, with its agent, its statements and
its calls of GitHub; a webhook that tells of it later has a trace of its own, and what is recorded
of the mission for it links there.
"""

import asyncio
import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hive_github.testing import GitHub
from tests.service.traces.collector import Collector, Seen
from tests.service.traces.command import command, mission_file
from tests.service.traces.conftest import StartHive
from tests.service.traces.test_one_trace import causes_are_there, is_asked_for, named
from tests.suites.connected import connect
from tests.system.hive import RealHive, eventually, of_type

TOLD: Final = {
    "type": "result",
    "session_id": "s-1",
    "usage": {"input": 120, "cached": 100, "output": 7},
}
SCRIBE: Final = {
    "command": ["sh", "-c", f"echo done > done.txt; echo '{json.dumps(TOLD)}'"],
    "model": ["--model", "{model}"],
    "events": [
        {
            "when": {"type": "result"},
            "session": "session_id",
            "input": ["usage.input"],
            "cached": ["usage.cached"],
            "output": ["usage.output"],
        }
    ],
}
MISSION: Final = """
mission: shipped
agents: {writer: {use: scribe, model: quill-2}}
agent: writer
prompt: Write it.
gates: [test -e README.md]
result: pull_request
"""


@pytest.mark.full("what it is made of, test_one_trace and the traces of test_github try as well")
async def test_a_mission_and_its_pull_request_are_one_trace_which_leads_to_later_webhooks(
    collector: Collector, start_hive: StartHive, tmp_path: Path
) -> None:
    with GitHub() as github:
        shop = github.repository("acme/shop", files={"README.md": "hi\n"})
        token = github.personal_token("boss").value
        checkout = tmp_path / "checkout"
        clone = ["git", "clone", "-q", github.clone_url(shop, token), str(checkout)]
        await asyncio.to_thread(subprocess.run, clone, check=True)
        hive = start_hive(
            collector.endpoint,
            HIVE_GITHUB_URL=github.url,
            HIVE_PROFILES=json.dumps({"scribe": SCRIBE}),
        )
        connect(hive, github)
        file = mission_file(tmp_path, MISSION)
        assert await command(hive, collector.endpoint, "run", file, "--repo", str(checkout)) == 0

        async def ready() -> bool | None:
            return True if any(p.pull and not p.pull.draft for p in shop.pulls) else None

        await eventually(ready, 60)
        # Else whoever looks at it for another reason may be the first to see it merged.
        await eventually(partial(has_caught_up, hive), 60)
        github.person("boss").merge(shop, shop.pulls[0])
        log = await hive.until(lambda log: of_type(log, "PullRequestMerged"))
    decided = {
        recorded.meta.traceparent.split("-")[2] for recorded in log if is_asked_for(recorded)
    }
    await asyncio.to_thread(
        collector.wait_for, lambda spans: spans.keys() >= decided and causes_are_there(spans)
    )
    spans = collector.spans()
    [begun] = named(spans, "hive run")
    trace = {span.id: span for span in spans.values() if span.trace == begun.trace}
    assert [span for span in trace.values() if span.parent not in trace] == [begun]
    assert {span.service for span in trace.values()} == {
        "cli", "gateway", "orchestrator", "relay", "runner", "github",
    }  # fmt: skip
    assert_agents_are_told_of(trace)
    assert_github_is_part_of_it(trace)
    assert_statements_are_few(trace, len(log))

    [merged] = [r for r in log if r.type == "PullRequestMerged"]
    record = trace[merged.meta.traceparent.split("-")[2]]
    [(apart, told)] = record.links
    assert apart != begun.trace
    assert [span.name for span in (spans[told], *ancestors(spans, spans[told]))] == [
        "effect deliveries",
        "webhook",
    ]


async def has_caught_up(hive: RealHive) -> bool | None:
    """Whether the github service has nothing left to do."""
    async with hive.client() as client:
        status = await client.operations.bus_status()
    behind = [each.lag for each in status.subscriptions if each.service == "github"]
    return True if behind and not any(behind) else None


def ancestors(spans: dict[str, Seen], span: Seen) -> list[Seen]:
    found = []
    while span.parent:
        span = spans[span.parent]
        found.append(span)
    return found


def assert_agents_are_told_of(trace: dict[str, Seen]) -> None:
    [turn] = named(trace, "invoke_agent scribe")
    assert turn.attributes.items() >= {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "scribe",
        "gen_ai.request.model": "quill-2",
        "gen_ai.conversation.id": "s-1",
        "gen_ai.usage.input_tokens": "120",
        "gen_ai.usage.cache_read.input_tokens": "100",
        "gen_ai.usage.output_tokens": "7",
    }.items()  # fmt: skip
    assert "attempt" in {span.name for span in ancestors(trace, turn)}


def assert_github_is_part_of_it(trace: dict[str, Seen]) -> None:
    [push, *_] = named(trace, "git push")
    assert "effect pull-requests" in {span.name for span in ancestors(trace, push)}
    [opening] = [
        span for span in named(trace, "POST") if span.attributes["url.full"].endswith("/shop/pulls")
    ]
    assert opening.attributes["http.response.status_code"] == "201"
    assert "effect pull-requests" in {span.name for span in ancestors(trace, opening)}


def assert_statements_are_few(trace: dict[str, Seen], events: int) -> None:
    """Those that append are one for a batch of appends, and not one for each event."""
    appends = named(trace, "SELECT hive.append")
    assert 0 < len(appends) < events
    for span in appends:
        assert span.attributes["db.system.name"] == "postgresql"
        assert trace[span.parent].name.split()[0] in ("decide", "record")
