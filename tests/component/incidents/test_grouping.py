"""Which alerts have one cause."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_contracts.files.incidents import CauseEntry, IncidentsFile
from hive_contracts.health import FiringAlert, Objectives, ObjectiveStanding, Symptom
from hive_contracts.incident import MAX_TEXT, AlertSeen
from hive_health.incidents.alert import (
    Alert,
    NoMessage,
    clean,
    of_alertmanager,
    of_objectives,
    of_symptoms,
    stored,
)
from hive_health.incidents.grouping import Cause, causes

NOTHING = IncidentsFile()
GATEWAY = Symptom("service-silent", "gateway", "no beat of gateway", "look", for_s=20)
GITHUB = Symptom("service-silent", "github", "no beat of github", "look")
LAG = Symptom("projection-lagging", "gateway/views", "it lags", "wait", for_s=90)
STUCK = Symptom("stuck-consumer", "gateway/views", "it is stuck", "look")
DEAF = [Symptom("runner-deaf", f"runner r{n}", "deaf", "end it", for_s=90) for n in range(3)]


def own(*symptoms: Symptom) -> list[Alert]:
    return list(of_symptoms(symptoms, 100_000))


def burning(name: str, severity: str = "page") -> Alert:
    firing = (FiringAlert(severity, 3600, 13.4),)  # type: ignore[arg-type]
    standing = ObjectiveStanding(name, name, "", 0.9, 1, "x", firing=firing)
    [alert] = of_objectives(Objectives((standing,)))
    return alert


def outside(name: str, severity: str = "ticket", **labels: str) -> Alert:
    seen = AlertSeen(name, "", "text", severity=severity, source="alertmanager")  # type: ignore[arg-type]
    return Alert(seen, {"alertname": name, **labels})


def firing(found: dict[str, Cause]) -> dict[str, int]:
    return {key: cause.firing for key, cause in found.items()}


def test_each_service_that_is_silent_is_a_cause_and_runners_are_one() -> None:
    found = causes(own(GATEWAY, GITHUB, *DEAF), NOTHING)
    assert firing(found) == {
        "service-silent/gateway": 1,
        "service-silent/github": 1,
        "runner-deaf": 3,
    }
    assert found["service-silent/gateway"].since_ms == 80_000
    assert found["runner-deaf"].title == "deaf (and 2 more)"
    assert (found["runner-deaf"].severity, found["runner-deaf"].remedy) == ("ticket", "end it")


def test_what_lags_for_a_moment_is_no_incident() -> None:
    moment = msgspec.structs.replace(LAG, for_s=59)
    assert firing(causes(own(moment, GITHUB), NOTHING)) == {"service-silent/github": 1}
    assert firing(causes(own(LAG), NOTHING)) == {"projection-lagging": 1}


def test_what_follows_from_something_else_is_counted_there() -> None:
    found = causes([*own(GATEWAY, LAG, STUCK), burning("command-latency")], NOTHING)
    assert firing(found) == {"service-silent/gateway": 4}
    assert firing(causes(own(LAG, STUCK), NOTHING)) == {"stuck-consumer/gateway": 2}


def test_what_is_told_apart_by_the_same_label_follows_only_from_its_own() -> None:
    found = causes(own(GITHUB, STUCK), NOTHING)
    assert firing(found) == {"service-silent/github": 1, "stuck-consumer/gateway": 1}
    found = causes(own(STUCK), NOTHING, {"service-silent/gateway", "service-silent/github"})
    assert firing(found) == {"service-silent/gateway": 1}
    of_hosts = IncidentsFile(
        causes=(
            CauseEntry("DiskFull", group_by=("host",)),
            CauseEntry("Latency", group_by=("host",), follows=("DiskFull",)),
        )
    )
    alerts = [outside("DiskFull", host="a"), outside("Latency", host="a")]
    alerts += [outside("Latency", host="b"), outside("Latency")]
    assert firing(causes(alerts, of_hosts)) == {"DiskFull/a": 3, "Latency/b": 1}


def test_that_no_runner_is_there_is_the_incident_of_those_that_went_silent() -> None:
    runner = Symptom("runner-silent", "runner r1", "silent", "see that it runs", for_s=700)
    alerts = [*own(runner), outside("HiveHasNoRunner", state="alive")]
    assert firing(causes(alerts, NOTHING)) == {"runner-silent": 2}
    assert firing(causes(alerts[1:], NOTHING)) == {"HiveHasNoRunner": 1}


def test_an_unseen_hive_follows_from_a_gateway_and_from_no_other_service() -> None:
    unseen = outside("HiveIsUnseen", job="hive")
    assert firing(causes([*own(GITHUB), unseen], NOTHING)) == {
        "service-silent/github": 1,
        "HiveIsUnseen": 1,
    }
    assert firing(causes([*own(GITHUB, GATEWAY), unseen], NOTHING)) == {
        "service-silent/github": 1,
        "service-silent/gateway": 2,
    }


def test_it_follows_as_long_as_the_other_incident_is_open() -> None:
    burns = burning("command-latency")
    found = causes([burns], NOTHING, {"service-silent/gateway"})
    assert firing(found) == {"service-silent/gateway": 1}
    assert firing(causes([burns], NOTHING)) == {"slo-command-latency": 1}


def test_an_incident_that_is_open_stays_its_own() -> None:
    alerts = [*own(GATEWAY), burning("command-latency")]
    assert firing(causes(alerts, NOTHING, {"slo-command-latency"})) == {
        "service-silent/gateway": 1,
        "slo-command-latency": 1,
    }


def test_what_prometheus_says_of_the_hive_falls_into_the_same_incident() -> None:
    body = msgspec.json.encode(
        {
            "version": "4",
            "alerts": [
                {"status": "firing", "labels": {"alertname": "HiveIsBroken", "kind": kind}}
                for kind in ("service-silent", "runner-deaf")
            ]
            + [{"status": "firing", "labels": {"alertname": "SloBurns", "slo": "rework-rate"}}],
        }
    )
    told = [
        stored(msgspec.structs.asdict(each) | {"labels": msgspec.json.encode(each.labels)})
        for each in of_alertmanager(body, 5)
    ]
    found = causes([*own(GITHUB, *DEAF), burning("rework-rate"), *told], NOTHING)
    # The budget follows from the silence, and the same alarm of Prometheus with it.
    assert firing(found) == {"service-silent/github": 4, "runner-deaf": 4}
    assert firing(causes([burning("rework-rate"), *told[2:]], NOTHING)) == {"slo-rework-rate": 2}


def test_the_file_says_what_is_one_cause_how_grave_and_what_follows() -> None:
    rules = IncidentsFile(
        causes=(
            CauseEntry("Disk*", group_by=("host",), severity="page", runbook="disk.yaml"),
            CauseEntry("Latency", follows=("DiskFull",)),
            CauseEntry("slo-*", follows=()),
        )
    )
    alerts = [
        outside("DiskFull", host="a"),
        outside("DiskFull", host="a", mount="/x"),
        outside("DiskFull", host="b"),
        outside("Latency"),
        *own(GATEWAY),
        burning("command-latency"),
    ]
    found = causes(alerts, rules)
    assert firing(found) == {
        "DiskFull/a": 3,
        "DiskFull/b": 1,
        "service-silent/gateway": 1,
        "slo-command-latency": 1,
    }
    assert (found["DiskFull/a"].severity, found["DiskFull/a"].runbook) == ("page", "disk.yaml")


def test_two_that_would_follow_from_each_other_stay_themselves() -> None:
    rules = IncidentsFile(causes=(CauseEntry("A", follows=("B",)), CauseEntry("B", follows=("A",))))
    assert firing(causes([outside("A"), outside("B")], rules)) == {"A": 1, "B": 1}


NAMES = st.sampled_from(["DiskFull", "Latency", "slo-x", "service-silent", "A/b", "runner-deaf"])
ALERTS = st.lists(
    st.builds(outside, NAMES, st.sampled_from(["page", "ticket"]), host=st.sampled_from("abc"))
)
OPEN = st.sets(st.sampled_from(["DiskFull", "slo-x", "service-silent/gateway", "record-away"]))


@given(ALERTS, OPEN)
@settings(max_examples=100, deadline=None)
def test_every_alert_is_counted_once_whatever_their_order(
    alerts: list[Alert], open: set[str]
) -> None:
    rules = IncidentsFile(causes=(CauseEntry("Latency", follows=("Disk*",)),))
    found = causes(alerts, rules, open)
    assert sum(cause.firing for cause in found.values()) == len(alerts)
    shuffled = alerts.copy()
    random.Random(7).shuffle(shuffled)
    assert firing(causes(shuffled, rules, open)) == firing(found)


def test_what_is_ours_is_not_told_back() -> None:
    mine = {"status": "firing", "labels": {"alertname": "HiveIncident", "hive_incident": "x"}}
    body = msgspec.json.encode({"version": "4", "alerts": [mine]})
    assert of_alertmanager(body, 5) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no webhook of Alertmanager"),
        (b"[]", "no webhook of Alertmanager"),
        (b'{"version":"4"}', "alerts"),
        (b'{"version":"3","alerts":[]}', "version is '3'"),
        (b'{"version":"4","alerts":[{"status":"maybe","labels":{}}]}', "status is 'maybe'"),
        (b'{"version":"4","alerts":[{"status":"firing","labels":{"a":1}}]}', "labels"),
        (b"\xff\xfe", "no webhook"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(NoMessage, match=said):
        of_alertmanager(body, 5)


def test_an_alert_that_came_twice_counts_as_it_was_last() -> None:
    alert = {"labels": {"alertname": "A"}, "fingerprint": "f", "startsAt": "2026-01-01T00:00:00Z"}
    body = msgspec.json.encode(
        {"version": "4", "alerts": [alert | {"status": s} for s in ("firing", "resolved")]}
    )
    [coming] = of_alertmanager(body, 2_000_000_000_000)
    assert coming.is_over
    assert coming.since_ms == 1_767_225_600_000


@given(st.text(max_size=3000))
def test_a_cleaned_text_drives_no_terminal_and_can_be_stored(text: str) -> None:
    made = clean(text)
    assert len(made) <= MAX_TEXT
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in made)
