"""`hive validate uptime`, a short one: each process is killed, and nobody notices."""

import httpx
import pytest

from hive_bench.uptime import run
from hive_bench.uptime.run import ALERTS, measure, replicated

TARGET = 0.95
"""A run this short has a few hundred calls, and each try that met a killed process is counted."""
TWICE = ("relay", "orchestrator", "gateway", "github", "health", "runner")
ONCE = ("redis", "nats", "postgres")


@pytest.mark.full("two of each process; test_chaos kills each of one hive at any size")
@pytest.mark.timeout(900)
async def test_calls_are_answered_while_each_process_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(run, "LEAST_EVERY", 6.0)
    with replicated(told.append) as (stack, repository):
        state = stack.state()
        assert state is not None
        names = {program.name for program in state.programs}
        measured = await measure(
            stack,
            repository,
            seconds=6 * (len(names) + 1),
            target=TARGET,
            deadline=10,
            told=told.append,
            length=5,
        )
        state = stack.state()
        assert state is not None
        running, programs = state.running(), state.programs
        folder = stack.paths.data
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{state.http_port + ALERTS}/alerts"
            alerts = await client.post(url, json={})
    assert names == {*TWICE, *(f"{name}-2" for name in TWICE), *ONCE}
    killed = [kill.program for kill in measured.kills]
    assert set(killed) == names, told
    assert {each.program for each in measured.killed} == names
    assert all(each.times for each in measured.killed), measured.killed
    assert all(kill.back_s is not None for kill in measured.kills[:2])
    assert measured.whole.calls > 100
    assert measured.whole.failed == 0, measured.errors
    assert measured.whole.slo is not None, "the objective was looked at"
    assert measured.events_missing == 0
    assert len(measured.missions) >= 8
    assert measured.undone == ()
    assert measured.met
    assert len(measured.windows) >= 2
    assert not folder.exists()
    assert len(running) >= len(names)
    doors = {each.name: each.restarts for each in programs if each.name.startswith("health")}
    assert doors == {name: killed.count(name) for name in doors}, "both take alerts at one port"
    assert alerts.status_code == 401, "whoever is there wants a token"
