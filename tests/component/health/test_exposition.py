"""What Prometheus reads: its own tool takes it, and every metric of an objective is in it."""

import re
import shutil
import subprocess

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from hive_contracts.health import Alive, BusSeen, Member, RecordSeen, Standing, Symptom
from hive_contracts.heartbeat import SPANS, Counted, Disk, Handled, Heartbeat, PoolUse, QueueUse
from hive_contracts.slo.catalogue import CALLS, METRICS
from hive_health.exposition import exposition
from hive_health.measured import MAX_NAMES, MAX_PROCESSES
from hive_health.tally import Series

PROMTOOL = shutil.which("promtool")
TRACE = "0af7651916cd43dd8448eb211c80319c"
BEAT = Heartbeat(
    "gateway", "i1", "1", "ready", 1.0, 2.0, "anvil",
    handlers=(
        Handled("submit", 9, 1, 2, 0.5, "message", 1.5, (5, 3, *(0,) * 10, 1), (0.002, TRACE)),
    ),
    queues=(QueueUse("commands", 4, 0.5),),
    counters=(Counted(SPANS, 7, (("state", "ended"),)),),
    pools=(PoolUse("gateway", 8, 3, 0.25),),
    disks=(Disk('/da"ta\\\n', 100, 40, 5),),
)  # fmt: skip
ALIVE = Alive(
    (Member("gateway", "i1", "alive", 1.0, ready=True), Member("relay", "", "unknown")),
    BusSeen("alive", "HIVE", 7),
    9.0,
    RecordSeen("alive", head=10),
    standings=(Standing("gateway", "views", 4, 6, 1.5),),
    symptoms=(Symptom("clock-off", "x", "y", "z"),),
)


@st.composite
def beats(draw: st.DrawFn) -> Heartbeat:
    names = st.text('ab\\"\n', max_size=3)
    handled = st.builds(
        Handled, names, st.integers(0, 9), buckets=st.sampled_from([(), (1, 2), (1,) * 13])
    )
    return replace(
        BEAT,
        service=draw(names),
        instance=draw(names),
        uptime_s=draw(st.floats(0, 9)),
        handlers=tuple(draw(st.lists(handled, max_size=5))),
    )


TOTALS = {
    Series("hive_missions", (("outcome", "succeeded"), ("le", "900.0"))): 3.0,
    Series("hive_missions", (("outcome", "succeeded"), ("le", "+Inf"))): 2.0,
    Series("hive_landed_changes", (("le", ""),)): 5.0,
    Series("hive_work", (("outcome", "failed"),)): 4.0,
}


def test_every_metric_of_objectives_is_there_from_the_start_at_zero() -> None:
    names = set(re.findall(r"^(\w+)", exposition(ALIVE, [], {}), re.MULTILINE))
    assert {m.name for m in METRICS.values() if m.family is not CALLS} <= names
    text = exposition(ALIVE, [], {})
    assert 'hive_work_total{outcome="failed"} 0.0' in text
    assert 'hive_mission_seconds_bucket{outcome="succeeded",le="14400.0"} 0.0' in text


SUBMIT = 'service="gateway",process="i1",kind="message",handler="submit"'


def test_openmetrics_has_exemplars_that_lead_to_a_trace() -> None:
    text = exposition(ALIVE, [BEAT], TOTALS, openmetrics=True)
    bucket = f'hive_handler_seconds_bucket{{{SUBMIT},le="0.0025"}} 8.0'
    assert f'{bucket} # {{trace_id="{TRACE}"}} 0.002' in text.splitlines()
    families = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    [handler] = [family for family in families if family.name == "hive_handler_seconds"]
    exemplars = [sample.exemplar for sample in handler.samples if sample.exemplar]
    assert [each.labels["trace_id"] for each in exemplars] == [TRACE]
    assert TRACE not in exposition(ALIVE, [BEAT], TOTALS)
    plain = re.findall(r"^(\w+){", exposition(ALIVE, [BEAT], TOTALS), re.MULTILINE)
    assert set(plain) == set(re.findall(r"^(\w+){", text, re.MULTILINE))


@given(st.lists(beats(), max_size=300), st.integers(0, 2))
# What breaks it is large however it is shrunk.
@settings(max_examples=20, deadline=None, phases=[Phase.generate])
def test_whatever_is_told_the_number_of_series_is_bounded(told: list[Heartbeat], more: int) -> None:
    crowd = [
        replace(
            BEAT,
            instance=f"i{n}",
            handlers=tuple(Handled(f"h{k}", 1) for k in range(MAX_NAMES + 8)),
        )
        for n in range(more * MAX_PROCESSES)
    ]
    text = exposition(ALIVE, [*told, *crowd], {})
    series = [line for line in text.splitlines() if line.startswith("hive_handler_messages_total")]
    assert len(series) == len({line.rpartition(" ")[0] for line in series})
    assert len(series) <= (MAX_PROCESSES + 1) * (MAX_NAMES + 1) * 3
    counted = sum(float(line.rpartition(" ")[2]) for line in series)
    assert counted == sum(each.done for beat in [*told, *crowd] for each in beat.handlers)


def test_a_name_that_explodes_is_told_as_other_and_the_first_ones_keep_theirs() -> None:
    many = tuple(Handled(f"h{n}", 1, buckets=(1,) * 13) for n in range(MAX_NAMES + 5))
    older = replace(BEAT, uptime_s=9.0, handlers=many)
    young = [replace(BEAT, instance=f"n{n}", handlers=()) for n in range(2 * MAX_PROCESSES)]
    lines = exposition(ALIVE, [*young, older], {}).splitlines()
    who = 'service="gateway",process="i1"'
    other = f'{who},kind="other",handler="other"'
    assert f'hive_handler_messages_total{{{who},kind="message",handler="h0"}} 1.0' in lines
    assert f"hive_handler_messages_total{{{other}}} 5.0" in lines
    assert f'hive_handler_seconds_bucket{{{other},le="+Inf"}} 65.0' in lines
    pools = [line for line in lines if line.startswith("hive_pool_used")]
    assert len(pools) == MAX_PROCESSES + 1
    rest = f"{3.0 * (MAX_PROCESSES + 1)!r}"
    assert f'hive_pool_used{{service="other",process="other",pool="gateway"}} {rest}' in pools


def test_buckets_are_cumulative_and_what_was_not_measured_is_in_none() -> None:
    lines = exposition(ALIVE, [BEAT], TOTALS).splitlines()
    for line in (
        'hive_mission_seconds_bucket{outcome="succeeded",le="300.0"} 0.0',
        'hive_mission_seconds_bucket{outcome="succeeded",le="900.0"} 3.0',
        'hive_mission_seconds_bucket{outcome="succeeded",le="86400.0"} 3.0',
        'hive_mission_seconds_bucket{outcome="succeeded",le="+Inf"} 5.0',
        'hive_mission_seconds_count{outcome="succeeded"} 5.0',
        'hive_missions_ended_total{outcome="succeeded"} 5.0',
        "hive_landed_changes_total 5.0",
        "hive_landed_change_usd_count 0.0",
        'hive_work_total{outcome="failed"} 4.0',
        'hive_member_ready{service="gateway",process="i1"} 1.0',
        f"hive_handler_messages_total{{{SUBMIT}}} 9.0",
        f'hive_handler_seconds_bucket{{{SUBMIT},le="0.001"}} 5.0',
        f'hive_handler_seconds_bucket{{{SUBMIT},le="10.0"}} 8.0',
        f'hive_handler_seconds_bucket{{{SUBMIT},le="+Inf"}} 9.0',
        f"hive_handler_seconds_sum{{{SUBMIT}}} 1.5",
        f"hive_handler_seconds_count{{{SUBMIT}}} 9.0",
        'hive_queue_length{service="gateway",process="i1",queue="commands"} 4.0',
        'hive_queue_oldest_seconds{service="gateway",process="i1",queue="commands"} 0.5',
        'hive_trace_spans_total{service="gateway",process="i1",state="ended"} 7.0',
        'hive_pool_used{service="gateway",process="i1",pool="gateway"} 3.0',
        'hive_disk_free_bytes{host="anvil",path="/da\\"ta\\\\\\n"} 40.0',
        'hive_subscription_lag_events{service="gateway",subscription="views"} 6.0',
        "hive_feed_lag_events 3.0",
        'hive_symptoms{kind="clock-off"} 1.0',
    ):
        assert line in lines, line


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH (Debian: prometheus)")
def test_prometheus_own_tool_takes_it() -> None:
    assert PROMTOOL
    text = exposition(ALIVE, [BEAT], TOTALS)
    run = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True)
    said = (run.stdout + run.stderr).splitlines()
    # A matter of taste: minutes are what people count stuck tasks in.
    assert [line for line in said if "instead of" not in line] == []
