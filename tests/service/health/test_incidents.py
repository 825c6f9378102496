"""Incidents on a real record: one for each cause, whoever looks, whatever fails meanwhile."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.incident_report import (
    IncidentQuery,
    IncidentReport,
    IncidentTold,
    Verb,
)
from hive_contracts.submit import Refused
from hive_health.baselines.regressions import regressions
from hive_health.incidents import watch as watches
from hive_shared.eventstore.errors import NotAllowed, StoreUnavailable
from hive_shared.eventstore.port import Append, StreamVersion
from hive_shared.eventstore.postgres import PostgresEventStore
from tests.component.incidents.test_regressions import SLOW, USUAL
from tests.conftest import Database
from tests.suites.bus import SOON, pool_of
from tests.suites.gateway import new_id
from tests.suites.incidents import AWAY, SILENT, hive


async def test_an_incident_from_its_first_alert_to_its_report(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        await it.sees(SILENT)
        await it.sees(SILENT)
        assert await it.listed() == [("service-silent-github-1", "open")]
        name = "service-silent-github-1"
        assert isinstance(await it.tells("acknowledge", name, "on it"), IncidentTold)
        assert isinstance(await it.tells("mitigate", name), IncidentTold)
        assert isinstance(await it.tells("note", name, "it was the disk"), IncidentTold)
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        assert await it.listed() == [(name, "resolved")]
        report = await it.desk.incident(IncidentQuery(name))
    assert isinstance(report, IncidentReport)
    assert report.people == ("ann",)
    assert [entry.what for entry in report.timeline] == [
        "began",
        "IncidentOpened",
        "IncidentAcknowledged",
        "IncidentMitigated",
        "IncidentNoted",
        "AlertsChanged",
        "IncidentResolved",
    ]
    summary = report.summary
    assert summary.since_ms <= summary.opened_ms <= report.acknowledged_ms < summary.resolved_ms
    assert (report.acknowledged_by, report.mitigated_by, report.resolved_by) == ("ann", "ann", "")
    assert [alert.about for alert in report.alerts] == ["github"]


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_jump_of_the_clock_earns_nothing_whatever_state_an_incident_is_in(
    database: Database, tmp_path: Path, hours: int
) -> None:
    async with hive(database, tmp_path) as it:
        it.decided_by.saw(it.clock.now_ms())
        await it.sees(SILENT)
        await it.sees(SILENT, after_s=hours * 3600)
        assert await it.types() == ["IncidentOpened"]
        it.clock.passed_s = 20
        await it.sees()
        await it.sees(after_s=hours * 3600)
        assert await it.types() == ["IncidentOpened", "AlertsChanged"]
        it.clock.passed_s = 420
        await it.sees()
        await it.sees(SILENT, after_s=hours * 3600)
        assert await it.types() == [
            "IncidentOpened",
            "AlertsChanged",
            "IncidentResolved",
            "IncidentReopened",
        ]
        assert await it.listed() == [("service-silent-github-1", "open")]


async def test_whatever_is_told_counts_as_told_after_what_is_recorded(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        await it.sees(SILENT)
        name = "service-silent-github-1"
        it.clock.ahead_s = -3600  # another process, on a machine whose clock is wrong
        assert isinstance(await it.tells("acknowledge", name), IncidentTold)
        assert isinstance(await it.tells("resolve", name, anyway=True), IncidentTold)
        await it.sees()
        await it.sees(SILENT)
        report = await it.desk.incident(IncidentQuery(name))
    assert isinstance(report, IncidentReport)
    opened_ms = report.summary.opened_ms
    told = [entry for entry in report.timeline if entry.what != "began"]
    assert [entry.what for entry in told][:2] == ["IncidentOpened", "IncidentAcknowledged"]
    assert all(entry.at_ms >= opened_ms for entry in told)


async def test_the_next_one_of_a_cause_has_the_next_number(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        for _ in range(2):
            await it.sees(AWAY)
            await it.sees(after_s=20)
            await it.sees(after_s=400)
            it.clock.ahead_s += 4000
        assert await it.listed() == [("record-away-2", "resolved"), ("record-away-1", "resolved")]


async def test_a_command_takes_effect_once_however_often_it_is_sent(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        await it.sees(AWAY)
        id = new_id()
        first = await it.tells("note", "record-away-1", "seen", command_id=id)
        again = await it.tells("note", "record-away-1", "seen", command_id=id)
        assert first.position == again.position
        assert (await it.types()).count("IncidentNoted") == 1
        other = await it.tells("note", "record-away-1", "else", command_id=id)
        assert isinstance(other, Refused)
        assert other.code == "reused"


async def test_what_cannot_be_done_is_refused_with_the_reason(
    database: Database, tmp_path: Path
) -> None:
    wrong: list[tuple[Verb, str, str, str]] = [
        ("acknowledge", "record-away-9", "", "not-found"),
        ("resolve", "record-away-1", "", "conflict"),
        ("note", "record-away-1", " ", "invalid"),
        ("note", "record-away-1", "x" * 5000, "invalid"),
    ]
    async with hive(database, tmp_path) as it:
        await it.sees(AWAY)
        for verb, name, note, code in wrong:
            refused = await it.tells(verb, name, note)
            assert isinstance(refused, Refused)
            assert (refused.code, bool(refused.message)) == (code, True)
        assert await it.types() == ["IncidentOpened"]
        done = await it.tells("resolve", "record-away-1", anyway=True)
        assert done.summary.status == "resolved"
        await it.sees(AWAY)
        assert await it.types() == ["IncidentOpened", "IncidentResolved"]


async def test_two_who_see_the_same_trouble_open_one_incident(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as one, hive(database, tmp_path, "two") as two:
        await asyncio.gather(*(each.sees(AWAY, SILENT) for each in (one, two) for _ in range(3)))
        assert sorted(await one.types()) == ["IncidentOpened", "IncidentOpened"]


async def test_whoever_asks_at_the_same_moment_sees_what_happened_once(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as one, hive(database, tmp_path, "two") as two:
        await one.sees(AWAY)
        await one.sees(after_s=20)
        await one.sees(AWAY, after_s=20)
        await one.sees(AWAY, SILENT)
        await asyncio.gather(*(two.watch.refresh() for _ in range(8)))
        states = [known.state for known in two.watch.register.newest(9)]
        assert states == [known.state for known in one.watch.register.newest(9)]
        assert [state.changes for state in states] == [0, 2]


async def test_an_append_whose_answer_got_lost_is_not_made_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hive(database, tmp_path) as it:
        append = it.store.append

        async def without_an_answer(*given: Any) -> Any:
            await append(*given)
            raise StoreUnavailable("nothing is known of the outcome")

        with monkeypatch.context() as cut:
            cut.setattr(it.store, "append", without_an_answer)
            await it.sees(AWAY)
        await it.sees(AWAY)
        await it.sees(AWAY)
        assert await it.types() == ["IncidentOpened"]


async def test_who_lost_the_fence_while_it_looked_records_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "HELD_MS", 1)
    async with hive(database, tmp_path) as one, hive(database, tmp_path, "two") as two:
        outside = one.watch._outside

        async def while_another_takes_it() -> Any:
            async with asyncio.timeout(SOON):
                while await two.store.take_fence(watches.FENCE, "two", 60_000) is None:
                    await asyncio.sleep(0.01)
            return await outside()

        monkeypatch.setattr(one.watch, "_outside", while_another_takes_it)
        one.eyes.symptoms = [AWAY]
        assert await one.watch.turn() is False
        assert await one.types() == []


async def test_what_was_wrong_while_the_record_was_away_is_recorded_afterwards(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hive(database, tmp_path) as it:
        with monkeypatch.context() as cut:

            async def away(*_: object) -> None:
                raise StoreUnavailable("gone")

            cut.setattr(it.store, "head", away)
            await it.sees(AWAY)
            assert list(it.watch.unwritten) == ["record-away"]
        await it.sees()
        assert await it.types() == ["IncidentOpened"]
        assert it.watch.unwritten == {}
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        assert await it.listed() == [("record-away-1", "resolved")]
        [known] = it.watch.register.newest(1)
        assert known.opened.at_ms - known.opened.since_ms >= 8000


async def test_an_incident_of_other_settings_tells_of_the_attempt_that_had_them_first(
    database: Database, tmp_path: Path
) -> None:
    usual = [replace(each, settings="s1") for each in USUAL]
    slow = [replace(each, prompt="p1", settings="s2") for each in SLOW]
    async with hive(database, tmp_path) as it:
        it.eyes.regressions = tuple(regressions([*usual, *slow]))
        await it.sees()
        await it.sees(after_s=20)
        [(name, _)] = await it.listed()
        report = await it.desk.incident(IncidentQuery(name))
        assert isinstance(report, IncidentReport)
        [before] = [entry for entry in report.timeline if entry.what == "before"]
    told = "the first attempt ended with other settings of its profile (position 140)"
    assert before.text == told


async def test_a_regression_is_one_incident_until_somebody_knows_of_it(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        it.eyes.regressions = tuple(regressions([*USUAL, *SLOW]))
        await it.sees()
        await it.sees(after_s=20)
        [(name, status)] = await it.listed()
        assert (name.startswith("regression-code-app-fix-main"), status) == (True, "open")
        report = await it.desk.incident(IncidentQuery(name))
        assert isinstance(report, IncidentReport)
        assert "came with the launch at position 140" in report.summary.title
        [alert] = report.alerts
        assert alert.preceded_by is not None
        assert (alert.preceded_by.position, alert.preceded_by.kind) == (140, "prompt")
        [before] = [entry for entry in report.timeline if entry.what == "before"]
        assert before.text == "another prompt was launched (position 140)"
        assert (before.position, before.at_ms) == (140, alert.preceded_by.at_ms)
        # Whoever has just started knows of none yet: nothing is over for that.
        it.eyes.regressions = None
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        assert await it.types() == ["IncidentOpened"]
        it.eyes.regressions = tuple(regressions([*USUAL, *SLOW]))
        await it.tells("acknowledge", name, "the new prompt checks more")
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        assert await it.listed() == [(name, "resolved")]
        await it.sees(after_s=20)
        await it.sees(after_s=8000)
        assert await it.listed() == [(name, "resolved")]


async def test_a_regression_that_came_back_is_over_by_itself(
    database: Database, tmp_path: Path
) -> None:
    async with hive(database, tmp_path) as it:
        it.eyes.regressions = tuple(regressions([*USUAL, *SLOW]))
        await it.sees()
        it.eyes.regressions = ()
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        [(_, status)] = await it.listed()
        assert status == "resolved"


async def test_what_health_cannot_hear_is_not_over(database: Database, tmp_path: Path) -> None:
    async with hive(database, tmp_path) as it:
        await it.sees(SILENT)
        it.eyes.hears = 0
        await it.sees(after_s=20)
        await it.sees(after_s=400)
        assert await it.types() == ["IncidentOpened"]
        it.eyes.hears = 60
        await it.sees()
        assert await it.types() == ["IncidentOpened", "AlertsChanged"]


async def test_health_may_write_no_mission(database: Database) -> None:
    async with pool_of(database.url("health")) as pool:
        mission = new_id()
        meta = Meta(mission, new_id(), "health")
        event = NewEvent(new_id(), f"mission-{mission}", "MissionSucceeded", b"{}", meta)
        with pytest.raises(NotAllowed):
            await PostgresEventStore(pool).append(
                Append((StreamVersion(event.stream, 0),), (event,))
            )
