"""What became worse, as alerts: once for each series and change, until somebody knows of it."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from hive_contracts.files.incidents import IncidentsFile, parse_incidents
from hive_contracts.health import EventBefore
from hive_contracts.incident import (
    AcknowledgeIncident,
    IncidentOpened,
    ObserveAlerts,
    incident_id,
    incident_name,
)
from hive_health.baselines.attempts import Attempt
from hive_health.baselines.regressions import Regression, regressions
from hive_health.incidents.decider import INITIAL, decide, evolve
from hive_health.incidents.grouping import causes
from hive_health.incidents.register import Known
from hive_health.incidents.regressions import of_regressions

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def attempts(
    seconds: Iterable[float], first: int = 0, seed: int = 1, **fields: object
) -> list[Attempt]:
    chance = random.Random(seed + first)
    made = []
    for n, about in enumerate(seconds, first):
        attempt = Attempt(
            BEGAN + timedelta(minutes=n), "fix", "main", "claude", "sonnet", "p1", "g1",
            "/code/app", "1.0", "succeeded", about * chance.uniform(0.8, 1.25), position=100 + n,
        )  # fmt: skip
        made.append(replace(attempt, **fields))
    return made


USUAL = attempts([60.0] * 40)
SLOW = attempts([180.0] * 20, 40, prompt="p2")


def test_what_became_slower_is_told_with_what_came_before_it() -> None:
    [found] = regressions([*USUAL, *SLOW])
    assert (found.change.position, found.is_sure) == (140, True)
    before = found.change.preceded_by
    assert before is not None
    assert (before.position, before.kind) == (140, "prompt"), "until its launch is known"
    launched = replace(before, position=77)
    change = replace(found.change, preceded_by=launched)
    [alert] = of_regressions([replace(found, change=change)], [])
    assert alert.seen.preceded_by == launched
    assert "fix/main by claude became worse: seconds" in alert.seen.text
    assert "since position 140 (40 attempts before, 20 since)" in alert.seen.text
    assert "prompt p1 → p2 came with the launch at position 77" in alert.seen.text
    assert alert.seen.severity == "ticket"


def test_other_settings_came_with_the_first_attempt_that_had_them() -> None:
    usual = [replace(each, settings="s1") for each in USUAL]
    slow = [replace(each, prompt="p1", settings="s2") for each in SLOW]
    [alert] = of_regressions(regressions([*usual, *slow]), [])
    told = "settings s1 → s2 came with the attempt that ended at position 140"
    assert told in alert.seen.text
    assert alert.seen.preceded_by is not None
    assert (alert.seen.preceded_by.position, alert.seen.preceded_by.kind) == (140, "settings")


def test_without_a_cause_the_attempt_before_it_is_named() -> None:
    slow = [replace(each, prompt="p1") for each in SLOW]
    [alert] = of_regressions(regressions([*USUAL, *slow]), [])
    assert "the attempt before it ended at position 139" in alert.seen.text
    ended = int(USUAL[-1].ended_at.timestamp() * 1000)
    assert alert.seen.preceded_by == EventBefore(139, "attempt", ended)


def test_a_wait_that_became_longer_is_told_of_all_missions_by_that_profile() -> None:
    waits = [replace(each, seconds=None, waited=each.seconds) for each in (*USUAL, *SLOW)]
    [found] = regressions(waits)
    [alert] = of_regressions([found], [])
    assert "all missions by claude became worse: waiting" in alert.seen.text


def test_what_became_better_or_came_back_is_no_regression() -> None:
    assert regressions(attempts([*[180.0] * 40, *[60.0] * 20])) == []
    back = attempts([60.0] * 30, 60)
    assert regressions([*USUAL, *SLOW, *back]) == []


def test_what_is_perhaps_chance_is_shown_by_baselines_and_opens_nothing() -> None:
    [found] = regressions([*USUAL, *SLOW])
    assert list(of_regressions([replace(found, is_sure=False)], [])) == []


def test_another_metric_and_another_change_have_incidents_of_their_own() -> None:
    dear = [replace(each, usd=9.0 + n % 2) for n, each in enumerate(SLOW)]
    cheap = [replace(each, usd=1.0 + n % 2 / 9) for n, each in enumerate(USUAL)]
    slower = attempts([600.0] * 20, 60, prompt="p3")
    found = regressions([*cheap, *dear, *slower])
    keys = set(causes(of_regressions(found, []), IncidentsFile()))
    assert keys == {
        "regression/-code-app fix main claude seconds/140",
        "regression/-code-app fix main claude seconds/160",
        "regression/-code-app fix main claude usd/140",
    }


def known(cause: str, *, acknowledged: bool = False) -> Known:
    id = incident_id(cause, 1)
    seen = ObserveAlerts(id, 1, name=incident_name(cause, 1), cause=cause, number=1, firing=1)
    [opened] = decide(INITIAL, seen)
    assert isinstance(opened, IncidentOpened)
    state = evolve(INITIAL, opened)
    if acknowledged:
        [event] = decide(state, AcknowledgeIncident(id, 2, "ann"))
        state = evolve(state, event)
    return Known(id, opened, state, 1, 1)


def cause_of(found: Regression, already: Iterable[Known] = ()) -> list[str]:
    return list(causes(of_regressions([found], already), IncidentsFile()))


def test_the_same_change_that_is_found_a_little_beside_its_place_is_the_same_incident() -> None:
    [found] = regressions([*USUAL, *SLOW])
    [cause] = cause_of(found)
    moved = replace(found, change=replace(found.change, position=143), is_sure=False)
    assert cause_of(moved, [known(cause)]) == [cause]


def test_a_file_that_groups_all_alerts_does_not_make_one_incident_of_two_changes() -> None:
    [found] = regressions([*USUAL, *SLOW])
    file = parse_incidents('causes: [{alert: "*", group_by: [host]}]\n', "incidents.yaml")
    assert list(causes(of_regressions([found], []), file)) == cause_of(found)


def test_what_somebody_knows_of_is_not_told_again() -> None:
    [found] = regressions([*USUAL, *SLOW])
    [cause] = cause_of(found)
    told = known(cause, acknowledged=True)
    assert cause_of(found, [told]) == []
    over = replace(told, state=replace(told.state, status="resolved"))
    moved = replace(found, change=replace(found.change, position=143))
    assert cause_of(moved, [over]) == []
