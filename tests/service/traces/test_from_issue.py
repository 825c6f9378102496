"""From GitHub's webhook to the merge a mission is one picture; later webhooks are linked to."""

import asyncio

import pytest

from tests.service.traces.collector import Collector, Seen
from tests.service.traces.test_one_trace import causes_are_there, is_asked_for
from tests.service.traces.test_pull_request import ancestors
from tests.system.from_issue import staged


@pytest.mark.full("a whole story for one trace; missions on GitHub are looked at as traces, too")
async def test_a_mission_of_an_issue_is_one_trace_from_the_webhook_to_the_merge(
    collector: Collector,
) -> None:
    traces = {"HIVE_OTLP_ENDPOINT": collector.endpoint, "HIVE_OTLP_TRACES": "0"}
    with staged(print, smoothly=True, **traces) as story:
        log = await story.tell()
        decided = {
            recorded.meta.traceparent.split("-")[2] for recorded in log if is_asked_for(recorded)
        }
        await asyncio.to_thread(
            collector.wait_for, lambda spans: spans.keys() >= decided and causes_are_there(spans)
        )
    spans = collector.spans()
    [launched] = [recorded for recorded in log if recorded.type == "MissionLaunched"]
    id = launched.meta.traceparent.split("-")[1]
    trace = {span.id: span for span in spans.values() if span.trace == id}

    [begun] = [span for span in trace.values() if span.parent not in trace]
    assert (begun.service, begun.name, begun.parent) == ("github", "webhook", "")
    assert begun.attributes["hive.github.event"] == "issues"
    assert {span.service for span in trace.values()} == {
        "github", "orchestrator", "relay", "runner", "gateway",
    }  # fmt: skip
    [merge] = [
        span for span in trace.values() if span.attributes.get("url.full", "").endswith("/merge")
    ]
    assert (merge.name, merge.attributes["http.response.status_code"]) == ("PUT", "200")
    assert [span.name for span in ancestors(trace, merge)][:2] == ["merge", "carry"]

    # Whatever is recorded of the mission is part of it, whichever webhook has told of it.
    for recorded in log:
        if recorded.stream.startswith(("mission-", "task-", "pull_request-", "check-")):
            assert recorded.meta.traceparent.split("-")[1] == id, recorded
    linked = {id for span in trace.values() for _, id in span.links if id not in trace}
    assert "webhook" in {first(spans, spans[id]).name for id in linked}


def first(spans: dict[str, Seen], span: Seen) -> Seen:
    """The one that began its trace."""
    return (span, *ancestors(spans, span))[-1]
