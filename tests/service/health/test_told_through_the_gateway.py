"""Incidents and the policy as people get them: through a gateway, from a process of health."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import astuple, replace

from hive_cli.policy import _shown
from hive_client.errors import HiveError
from hive_client.hive import Hive
from hive_contracts.health import (
    AttemptChange,
    Baselines,
    Cause,
    Objectives,
    ObjectiveStanding,
)
from hive_contracts.policy import NOTHING, EndOverride, OverridePolicy
from hive_health.baselines.attempts import Attempt
from hive_health.policy import keeper as keepers
from hive_health.policy.keeper import Keeper
from hive_shared.clock import SystemClock
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.postgres import PostgresEventStore
from hive_shared.restraints import Restraining
from tests.component.incidents.test_regressions import SLOW, USUAL
from tests.conftest import Database, NatsAccount
from tests.service.health.test_processes import health
from tests.suites.bus import SOON, pool_of
from tests.suites.gateway import ADMIN, gateway, gateway_settings, new_id, scripted

POLICY = """
enforce: true
states:
  frozen: {budgets: {mission-success: 10%}, hold: 0s, slots: 1, freeze_landing: true}
"""
PINNING = """
enforce: true
states:
  old: {budgets: {mission-success: 10%}, hold: 0s, pin: [model, prompt]}
"""


async def test_an_incident_and_an_override_from_a_client_to_the_record(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    folder = tmp_path / "health"
    folder.mkdir()
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "incidents.yaml").write_text("causes: [{alert: x, group_by: 1 2}]\n")
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with (
        scripted(database, nats),
        gateway(settings) as door,
        Hive(f"127.0.0.1:{settings.gateway_grpc_port}", ADMIN, patience=1) as client,
    ):
        away = await client.operations.policy()
        assert "until health is back" in away.problem
        with pytest.raises(HiveError, match="no process of health"):
            await client.operations.incidents()
        await door.launch()
        async with health(database, nats, folder), asyncio.timeout(3 * SOON):
            # No relay runs here, so the bus has nothing of what is in the record.
            while True:
                try:
                    listed = await client.operations.incidents()
                except HiveError:
                    listed = None
                if listed is not None and listed.incidents:
                    break
                await asyncio.sleep(0.2)
            assert "is no label" in listed.problem
            names = [each.name for each in listed.incidents]
            assert "feed-held-up-1" in names
            command = new_id()
            for _ in range(2):
                told = await client.operations.tell_incident(
                    "feed-held-up-1", "acknowledge", "mine", command_id=command
                )
                assert told.summary.status == "acknowledged"
            with pytest.raises(HiveError, match="no incident is named"):
                await client.operations.tell_incident("nobody", "note", "x")
            with pytest.raises(HiveError, match="cannot be done"):
                await client.operations.tell_incident("feed-held-up-1", "destroy")
            report = await client.operations.incident("feed-held-up-1")
            assert report.acknowledged_by.startswith("admin-")
            whats = [entry.what for entry in report.timeline]
            assert whats.count("IncidentAcknowledged") == 1

            while not (await client.operations.policy()).states:
                await asyncio.sleep(0.2)
            with pytest.raises(HiveError, match="needs a reason"):
                await client.operations.override_policy(3600)
            overridden = await client.operations.override_policy(3600, "a release")
            assert overridden.report.override_reason == "a release"
            shown = await client.operations.policy()
            assert (shown.enforced, shown.problem) == (True, "")
            assert shown.override_by.startswith("admin-")
            ended = await client.operations.override_policy(0)
            assert ended.report.override_by == ""


async def test_what_became_worse_is_an_incident_of_a_process_of_health(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    now, columns = datetime.now(UTC), Attempt.__struct_fields__
    folder = tmp_path / "health"
    folder.mkdir()
    rows = [
        replace(each, ended_at=now - timedelta(minutes=90 - n))
        for n, each in enumerate((*USUAL, *SLOW))
    ]
    async with pool_of(database.admin_url) as pool:
        await pool.copy_records_to_table(
            "attempts", schema_name="health", columns=columns,
            records=[astuple(row) for row in rows],
        )  # fmt: skip
    async with (
        scripted(database, nats),
        gateway(settings),
        Hive(f"127.0.0.1:{settings.gateway_grpc_port}", ADMIN, patience=1) as client,
        health(database, nats, folder),
        asyncio.timeout(3 * SOON),
    ):
        while True:
            with suppress(HiveError):
                listed = (await client.operations.incidents()).incidents
                if found := [each for each in listed if each.cause.startswith("regression/")]:
                    break
            await asyncio.sleep(0.2)
        [incident] = found
        assert (incident.severity, incident.status, incident.firing) == ("ticket", "open", 1)
        assert "since position 140 (40 attempts before, 20 since)" in incident.title
        assert "hive incident ack" in incident.remedy
        report = await client.operations.incident(incident.name)
        assert [entry.position for entry in report.timeline if entry.what == "before"] == [140]
        assert report.alerts[0].preceded_by.kind == "prompt"
        [change] = (await client.operations.baselines(28)).changes
        assert (change.position, change.preceded_by.position) == (140, 140)


class Seen:
    """Objectives as a test says."""

    def __init__(self) -> None:
        self.left = 1.0
        self.asked = 0
        """How often somebody wanted to know what became worse."""

    async def __call__(self) -> Objectives:
        standing = ObjectiveStanding(
            "mission-success", "", "", 0.9, 1, "x", budget_left=self.left,
            surely_burnt=1 - self.left,
        )  # fmt: skip
        return Objectives((standing,))

    async def usual(self) -> Baselines:
        self.asked += 1
        work = ("/code/app", "fix", "main", "claude")
        now = datetime.now(UTC)
        cause = Cause("model", "sonnet", "opus", now)
        change = AttemptChange(*work, "seconds", now, 60, 180, True, 40, 20, (cause,))
        return Baselines(changes=(change,))


async def test_a_used_up_budget_is_decided_once_and_obeyed_by_others(
    database: Database, tmp_path: Path
) -> None:
    path, seen, clock = tmp_path / "policy.yaml", Seen(), SystemClock()
    path.write_text(POLICY)
    async with pool_of(database.url("health")) as pool, pool_of(database.url("gateway")) as other:
        store = PostgresEventStore(pool)
        one, two = (Keeper(store, seen, seen.usual, path, clock, new_id) for _ in range(2))
        obeying = Restraining(PostgresEventStore(other), clock)
        await one.look()
        assert await obeying.now() == NOTHING
        seen.left = 0.05
        await asyncio.gather(*(keeper.look() for keeper in (one, two) for _ in range(3)))
        events = await store.read_category("policy", 0)
        assert [each.type for each in events] == ["PolicyConfigured", "PolicyTightened"]
        await obeying.refresh()
        assert (await obeying.now()).freeze_landing
        fresh, reading = (
            Keeper(store, seen, seen.usual, path, clock, new_id),
            Restraining(store, clock),
        )
        await asyncio.gather(*(each.refresh() for each in (fresh, reading) for _ in range(8)))
        assert [each.name for each in fresh.standing.entered] == ["frozen"]
        assert fresh.standing == reading.standing == one.standing
        # A process that begins anew decides on what is recorded.
        again = Keeper(store, seen, seen.usual, path, clock, new_id)
        await again.look()
        assert len(await store.read_category("policy", 0)) == 2

        path.write_text("enforce: tru\n")
        await again.look()
        assert "policy.yaml:1" in again.problem
        assert again.standing.demanded.freeze_landing, "a wrong file changes nothing"
        path.write_text(POLICY)
        id = new_id()
        asked = OverridePolicy(clock.now_ms(), "ann", 3_600_000, "a release")
        later = OverridePolicy(clock.now_ms() + 5000, "ann", 3_600_000, "a release")
        position = await again.tell(asked, "ann", id)
        assert await again.tell(later, "ann", id) == position, "sent twice, done once"
        await obeying.refresh()
        assert await obeying.now() == NOTHING
        await one.tell(EndOverride(clock.now_ms(), "ann"))
        await obeying.refresh()
        assert (await obeying.now()).slots_most == 1
        seen.left = 0.9
        await two.look()
        await obeying.refresh()
        assert await obeying.now() == NOTHING
        path.unlink()
        await two.look()
        assert two.standing.policy.states == ()


async def test_what_became_worse_is_pinned_recorded_once_and_shown_by_a_gateway(
    database: Database, nats: NatsAccount, tmp_path: Path
) -> None:
    path, seen, clock = tmp_path / "policy.yaml", Seen(), SystemClock()
    path.write_text(PINNING)
    settings = gateway_settings(database, nats.url_of("gateway"), tmp_path)
    async with (
        pool_of(database.url("health")) as pool,
        scripted(database, nats),
        gateway(settings),
        Hive(f"127.0.0.1:{settings.gateway_grpc_port}", ADMIN, patience=1) as client,
    ):
        store = PostgresEventStore(pool)
        keeper = Keeper(store, seen, seen.usual, path, clock, new_id)
        await keeper.look()
        assert seen.asked == 0, "all is well"
        seen.left = 0.05
        for _ in range(3):
            await keeper.look()
        assert seen.asked == 1
        shown = await client.operations.policy()
        [pin] = shown.in_force.pins
        assert (pin.repository, pin.mission, pin.phase, pin.profile) == (
            "/code/app", "fix", "main", "claude",
        )  # fmt: skip
        assert (pin.what, pin.to, pin.instead_of) == ("model", "sonnet", "opus")
        assert [*shown.states[0].pins] == ["model", "prompt"]
        assert [*shown.states[0].demands.pins] == [pin]
        told = "\n".join(_shown(shown))
        assert "pinned: fix/main · claude: model sonnet, not opus" in told
        await keeper.tell(OverridePolicy(clock.now_ms(), "ann", 3_600_000, "a release"), "ann")
        assert [*(await client.operations.policy()).in_force.pins] == []
        await keeper.tell(EndOverride(clock.now_ms(), "ann"))
        seen.left = 0.9
        await keeper.look()
        shown = await client.operations.policy()
        assert [*shown.in_force.pins] == [*shown.states[0].demands.pins] == []
        assert seen.asked == 1


async def test_while_the_record_is_away_nothing_is_decided(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.setattr(keepers, "MAX_CONFLICTS", 2)
    async with pool_of(database.url("health")) as pool:
        store, seen = PostgresEventStore(pool), Seen()
        keeper = Keeper(store, seen, seen.usual, tmp_path / "policy.yaml", SystemClock(), new_id)

        async def away(*_: object) -> None:
            raise StoreUnavailable("gone")

        with monkeypatch.context() as cut:
            cut.setattr(store, "append", away)
            with pytest.raises(StoreUnavailable):
                await keeper.look()
        assert await store.read_category("policy", 0) == []
        await keeper.look()
        assert len(await store.read_category("policy", 0)) == 1
