"""An incident: given what happened, when something is said, then these events."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hive_contracts.incident import (
    AcknowledgeIncident,
    AlertsChanged,
    AlertSeen,
    AnyIncidentCommand,
    AnyIncidentEvent,
    FailRunbook,
    IncidentAcknowledged,
    IncidentMitigated,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    MitigateIncident,
    NoteIncident,
    NoteRunbook,
    ObserveAlerts,
    Patience,
    ResolveIncident,
    RunbookFailed,
    RunbookLaunched,
    incident_id,
    incident_name,
)
from hive_health.incidents.decider import (
    INITIAL,
    MANY_CHANGES,
    Incident,
    NotNow,
    decide,
    evolve,
)

ID = incident_id("record-away", 1)
ONE = AlertSeen("record-away", "record", "it does not answer", severity="page", since_ms=500)
TWO = AlertSeen("record-away", "replica", "nor does this", severity="page", since_ms=900)
S = 1000


def seen(at_s: float, *alerts: AlertSeen, firing: int | None = None) -> ObserveAlerts:
    many = len(alerts) if firing is None else firing
    grave = "page" if any(alert.severity == "page" for alert in alerts) else "ticket"
    return ObserveAlerts(
        ID,
        int(at_s * S),
        name="record-away-1",
        cause="record-away",
        number=1,
        firing=many,
        alerts=alerts,
        since_ms=500 if alerts else 0,
        severity=grave,  # type: ignore[arg-type]
        title="it does not answer",
    )


OPENED = IncidentOpened(
    ID, S, "record-away-1", "record-away", 1, "it does not answer", "page", 1, (ONE,), 500
)
OPEN = (OPENED,)
CALM = (*OPEN, AlertsChanged(ID, 20 * S, 0))
RESOLVED = (*CALM, IncidentResolved(ID, 400 * S))
BACK = (*RESOLVED, IncidentReopened(ID, 500 * S, 1, quiet=True))
LEFT = (*OPEN, IncidentResolved(ID, 30 * S, "ann"))
AGAIN = 3600 + 500


def told(*events: AnyIncidentEvent) -> Incident:
    state = INITIAL
    for event in events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        pytest.param((), seen(1, ONE), [OPENED], id="an alert opens it"),
        pytest.param((), seen(1), [], id="without an alert nothing is opened"),
        pytest.param(OPEN, seen(90, ONE), [], id="the same alert says nothing new"),
        pytest.param(OPEN, seen(20, ONE, TWO), [], id="one more waits until it is worth an event"),
        pytest.param(
            OPEN,
            seen(62, ONE, TWO),
            [AlertsChanged(ID, 62 * S, 2, (TWO,))],
            id="one more is told after a minute",
        ),
        pytest.param(OPEN, seen(5), [], id="a blink is no calm"),
        pytest.param(
            OPEN, seen(20), [AlertsChanged(ID, 20 * S, 0)], id="calm is told once there is any"
        ),
        pytest.param(CALM, seen(300), [], id="not calm for long enough"),
        pytest.param(
            CALM, seen(320), [IncidentResolved(ID, 320 * S)], id="calm for long enough ends it"
        ),
        pytest.param(
            CALM,
            seen(40, ONE),
            [AlertsChanged(ID, 40 * S, 1)],
            id="alerts that come back before the end go on with it",
        ),
        pytest.param(
            RESOLVED,
            seen(500, ONE),
            [IncidentReopened(ID, 500 * S, 1, quiet=True)],
            id="soon after its end it is the same incident, and nobody is called again",
        ),
        pytest.param(
            RESOLVED,
            seen(3601, ONE),
            [IncidentReopened(ID, 3601 * S, 1)],
            id="people are called again once an hour is over",
        ),
        pytest.param(RESOLVED, seen(AGAIN, ONE), [], id="long after it is another incident"),
        pytest.param(
            (*BACK, AlertsChanged(ID, 520 * S, 0)),
            seen(520 + 599),
            [],
            id="what came back has to stay away for twice as long",
        ),
        pytest.param(
            (*BACK, AlertsChanged(ID, 520 * S, 0)),
            seen(520 + 600),
            [IncidentResolved(ID, 1120 * S)],
            id="twice as long ends it again",
        ),
        pytest.param(LEFT, seen(60, ONE), [], id="what a person resolved anyway stays so"),
        pytest.param(
            LEFT, seen(60), [AlertsChanged(ID, 60 * S, 0)], id="until its alerts were gone"
        ),
        pytest.param(
            (*LEFT, AlertsChanged(ID, 60 * S, 0)),
            seen(90, ONE),
            [IncidentReopened(ID, 90 * S, 1, quiet=True)],
            id="then they count again",
        ),
        pytest.param(
            OPEN,
            AcknowledgeIncident(ID, 5 * S, "ann", "mine"),
            [IncidentAcknowledged(ID, 5 * S, "ann", "mine")],
            id="somebody sees to it",
        ),
        pytest.param(
            (*OPEN, IncidentAcknowledged(ID, 5 * S, "ann")),
            AcknowledgeIncident(ID, 6 * S, "bob"),
            [],
            id="acknowledged twice is acknowledged once",
        ),
        pytest.param(
            OPEN,
            MitigateIncident(ID, 5 * S, "ann"),
            [IncidentMitigated(ID, 5 * S, "ann")],
            id="it can be mitigated at once",
        ),
        pytest.param(
            (*OPEN, IncidentMitigated(ID, 5 * S, "ann")),
            AcknowledgeIncident(ID, 6 * S, "bob"),
            [],
            id="what is mitigated was acknowledged",
        ),
        pytest.param(
            OPEN,
            ResolveIncident(ID, 30 * S, "ann", anyway=True),
            [IncidentResolved(ID, 30 * S, "ann")],
            id="a person may resolve it though alerts fire",
        ),
        pytest.param(RESOLVED, ResolveIncident(ID, 9, "ann"), [], id="resolved twice is once"),
        pytest.param(
            RESOLVED,
            NoteIncident(ID, 9, "ann", "it was the disk"),
            [IncidentNoted(ID, 9, "ann", "it was the disk")],
            id="notes come afterwards too",
        ),
        pytest.param(
            OPEN,
            NoteRunbook(ID, 9, "m", "look-1"),
            [RunbookLaunched(ID, 9, "m", "look-1")],
            id="its runbook was launched",
        ),
        pytest.param(
            (*OPEN, RunbookLaunched(ID, 9, "m", "look-1")),
            FailRunbook(ID, 10, "no such file"),
            [],
            id="one runbook for one incident",
        ),
        pytest.param(
            OPEN,
            FailRunbook(ID, 9, "no such file"),
            [RunbookFailed(ID, 9, "no such file")],
            id="its runbook could not be launched",
        ),
    ],
)
def test_given_when_then(
    given: tuple[AnyIncidentEvent, ...], when: AnyIncidentCommand, then: list[AnyIncidentEvent]
) -> None:
    assert decide(told(*given), when) == then


def test_it_grows_graver_at_once() -> None:
    ticket = replace(ONE, severity="ticket")
    [opened] = decide(INITIAL, seen(1, ticket))
    state = evolve(INITIAL, opened)
    [changed] = decide(state, seen(2, ONE))
    assert changed == AlertsChanged(ID, 2 * S, 1, (), "page")
    state = evolve(state, changed)
    assert state.severity == "page"
    assert decide(state, seen(3, ticket)) == []


@pytest.mark.parametrize(
    ("given", "when", "said"),
    [
        ((), AcknowledgeIncident(ID, 1, "ann"), "no such incident"),
        (OPEN, ResolveIncident(ID, 1, "ann"), "an alert of it still fires"),
        (RESOLVED, AcknowledgeIncident(ID, 1, "ann"), "resolved already"),
        (RESOLVED, MitigateIncident(ID, 1, "ann"), "resolved already"),
    ],
)
def test_what_cannot_be_done_is_said(
    given: tuple[AnyIncidentEvent, ...], when: AnyIncidentCommand, said: str
) -> None:
    with pytest.raises(NotNow, match=said):
        decide(told(*given), when)


LOOKS = st.lists(st.tuples(st.integers(2, 900), st.integers(0, 30)), max_size=60)


@given(LOOKS)
@settings(max_examples=60, deadline=None)
def test_whatever_alerts_do_events_stay_few_and_the_end_is_calm(
    looks: list[tuple[int, int]],
) -> None:
    state, now, events = INITIAL, 0.0, 0
    for after, firing in looks:
        # Between two steps health looks every two seconds.
        for _ in range(min(after, 60) // 2):
            now += after / (min(after, 60) // 2)
            alerts = tuple(replace(ONE, about=f"a{n}") for n in range(min(firing, 20)))
            made = decide(state, seen(now, *alerts, firing=firing))
            for event in made:
                state = evolve(state, event)
                if isinstance(event, IncidentResolved):
                    assert state.firing == 0
            events += len(made)
            if state.status == "resolved" and firing:
                # Only long after its end does an alert not open it again.
                assert now * S - state.resolved_ms >= Patience().reopen_within * S
    assert events <= 3 + now / 10
    assert len(state.told) <= 100


def test_ten_thousand_alerts_that_come_and_go_all_day_are_few_events() -> None:
    state, events = INITIAL, 0
    for look in range(24 * 180):
        firing = 9_000 + look * 37 % 1000
        alerts = tuple(replace(ONE, about=f"host-{(look + n) % 10_000}") for n in range(20))
        for event in decide(state, seen(look * 20 + 1, *alerts, firing=firing)):
            state, events = evolve(state, event), events + 1
    assert events < MANY_CHANGES + 24 * 6 + 10
    assert len(state.told) == 100


def test_flapping_calls_people_once_an_hour_at_most() -> None:
    """Alerts for a minute in every twelve."""
    state, called = INITIAL, []
    for look in range(12 * 1800):
        at = look * 2 + 1
        alerts = (ONE,) if at % 720 < 60 else ()
        for event in decide(state, seen(at, *alerts)):
            state = evolve(state, event)
            quiet = isinstance(event, IncidentReopened) and event.quiet
            if isinstance(event, IncidentOpened | IncidentReopened) and not quiet:
                called.append(at)
    assert all(later - one >= 3600 for one, later in itertools.pairwise(called))
    assert len(called) <= 2, "it has to stay away for longer each time, so it stays one incident"


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        ("record-away", "record-away-3"),
        ("service-silent/gateway", "service-silent-gateway-3"),
        ("slo-rework-rate", "slo-rework-rate-3"),
        ("disk-filling/Host A", r"disk-filling-host-a-[0-9a-f]{4}-3"),
        ("record/away", r"record-away-[0-9a-f]{4}-3"),
        ("HighLatency/eu", r"highlatency-eu-[0-9a-f]{4}-3"),
        ("x" * 300, r"x{30}-[0-9a-f]{4}-3"),
        ("…", r"alert-[0-9a-f]{4}-3"),
    ],
)
def test_a_name_can_be_typed_and_tells_causes_apart(cause: str, name: str) -> None:
    assert re.fullmatch(name, incident_name(cause, 3))
    assert incident_name(cause, 3) != incident_name(cause.replace("/", "-") + "?", 3)
