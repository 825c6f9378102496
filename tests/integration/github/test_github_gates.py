"""Gates that a check on the test GitHub judges, by the rows and the service's own look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hive_contracts.plan import GithubCheckGate, Tip
from hive_contracts.task import CheckAwaited, ConcludeCheck, GatesJudged, TaskCancelled
from hive_github.api.errors import GithubError
from hive_github.checks.gates import GithubGates
from hive_github.testing.registry import PERMISSIONS
from hive_github.views.projection import GithubProjection
from hive_github.views.reader import Views
from hive_shared.clock import SystemClock
from tests.conftest import Database
from tests.integration.github.ground import Ground, on_github
from tests.suites.bus import pool_of
from tests.suites.on_github import GATE, MISSION, Story

CI = GithubCheckGate("ci", "ci/required")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


@asynccontextmanager
async def looking(ground: Ground, database: Database) -> AsyncIterator[GithubGates]:
    """With the rows of all that is recorded so far."""
    async with pool_of(database.url("github"), 2) as pool:
        async with pool.acquire() as connection:
            projection = GithubProjection()
            await projection.clear(connection)
            await projection.apply(connection, await ground.hive.store.read_all(0, 1000))
        yield GithubGates(ground.hive.github, Views(pool), ground.hive.orders, SystemClock())


async def look(ground: Ground, database: Database, commit: str = "") -> list[ConcludeCheck]:
    """What the orchestrator has been told after another look."""
    async with looking(ground, database) as gates:
        await gates.look(commit)
    told = [command for _, command in ground.hive.orders.told]
    assert all(isinstance(command, ConcludeCheck) for command in told)
    return told  # type: ignore[return-value]


async def awaited(ground: Ground) -> tuple[Story, Tip]:
    story = ground.story()
    await story.launched()
    tip = await story.merged(a="1")
    await story.planned(CI)
    await story.happened(CheckAwaited(GATE, MISSION, "ci", "ci/required", tip.commit, 600))
    return story, tip


async def pushed(ground: Ground) -> tuple[Story, Tip]:
    story, tip = await awaited(ground)
    await ground.hive.carry()
    return story, tip


def check(ground: Ground, tip: Tip, name: str = "ci/required", **told: object) -> None:
    ground.server.check_run(ground.shop, tip.commit, name, ground.ci, **told)


async def test_nothing_is_asked_of_github_before_the_commit_is_there(
    ground: Ground, database: Database
) -> None:
    await awaited(ground)
    asked = len(ground.server.heard)
    assert await look(ground, database) == []
    assert len(ground.server.heard) == asked


async def test_a_check_run_that_succeeds_passes_the_gate_once(
    ground: Ground, database: Database
) -> None:
    _, tip = await pushed(ground)
    assert await look(ground, database) == []
    check(ground, tip, status="in_progress")
    assert await look(ground, database) == []
    check(ground, tip, "another", conclusion="failure")
    check(ground, tip, conclusion="success")
    for _ in range(2):
        [said] = await look(ground, database)
    assert (said.task_id, said.commit, said.result.name) == (GATE, tip.commit, "ci")
    assert said.result.passed


async def test_a_commit_status_of_that_name_counts_as_well(
    ground: Ground, database: Database
) -> None:
    _, tip = await pushed(ground)
    ada = ground.server.person("ada")
    ada.status(ground.shop, tip.commit, "ci/required", "pending")
    assert await look(ground, database, tip.commit) == []
    ada.status(ground.shop, tip.commit, "ci/required", "success")
    [said] = await look(ground, database, tip.commit)
    assert said.result.passed


async def test_a_failure_carries_what_matters_of_it(ground: Ground, database: Database) -> None:
    _, tip = await pushed(ground)
    place = {"path": "a.txt", "start_line": 1, "end_line": 1, "annotation_level": "failure"}
    output = {
        "title": "1 of 412 failed", "summary": "test_retry reads the clock twice",
        "annotations": [{**place, "message": "expected 2"}],
    }  # fmt: skip
    check(ground, tip, conclusion="failure", output=output)
    [said] = await look(ground, database)
    assert not said.result.passed
    assert said.result.reason.startswith(
        f"GitHub's check 'ci/required' says failure on {tip.commit[:12]}: "
    )
    assert said.result.tail == (
        "1 of 412 failed\na.txt:1: expected 2\ntest_retry reads the clock twice"
    )


@pytest.mark.parametrize("over", ["judged", "cancelled"])
async def test_what_is_over_is_not_looked_at(ground: Ground, database: Database, over: str) -> None:
    story, tip = await pushed(ground)
    end = GatesJudged(GATE, 0, tip.commit, ()) if over == "judged" else TaskCancelled(GATE, MISSION)
    await story.happened(end)
    asked = len(ground.server.heard)
    check(ground, tip, conclusion="success")
    assert await look(ground, database) == []
    assert len(ground.server.heard) == asked


async def test_another_commit_is_not_looked_at(ground: Ground, database: Database) -> None:
    _, tip = await pushed(ground)
    check(ground, tip, conclusion="success")
    assert await look(ground, database, "f" * 40) == []


async def test_what_may_not_be_read_is_left_out(ground: Ground, database: Database) -> None:
    _, tip = await pushed(ground)
    ground.server.person("ada").status(ground.shop, tip.commit, "ci/required", "success")
    allowed = {name: level for name, level in PERMISSIONS.items() if name != "checks"}
    ground.server.grant(ground.at, allowed)
    [said] = await look(ground, database)
    assert said.result.passed


async def test_a_token_that_was_revoked_is_an_error_and_nothing_is_said(
    ground: Ground, database: Database
) -> None:
    _, tip = await pushed(ground)
    check(ground, tip, conclusion="success")
    ground.server.uninstall(ground.at)
    with pytest.raises(GithubError):
        await look(ground, database)
    assert ground.hive.orders.told == []
