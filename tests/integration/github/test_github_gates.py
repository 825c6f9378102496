"""Gates that a check on the test GitHub judges, by the rows and the service's own look."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.mission import MissionFailed, RevisionDeclined
from hive_contracts.plan import GithubCheckGate, Tip
from hive_contracts.task import CheckAwaited, ConcludeCheck, GatesJudged, TaskCancelled
from hive_github.api.errors import GithubError
from hive_github.checks.gates import GithubGates
from hive_github.testing.registry import PERMISSIONS
from hive_github.views.projection import GithubProjection
from hive_github.views.reader import Views
from hive_shared.clock import SystemClock
from tests.conftest import Database
from tests.integration.github.ground import WISH, Ground, on_github
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
        hive = ground.hive
        yield GithubGates(hive.github, Views(pool), hive.orders, hive.judged, SystemClock())


async def look(ground: Ground, database: Database, commit: str = "") -> list[ConcludeCheck]:
    """What the orchestrator has been told after another look."""
    async with looking(ground, database) as gates:
        await gates.look(commit)
    told = [command for _, command in ground.hive.orders.told]
    assert all(isinstance(command, ConcludeCheck) for command in told)
    return told  # type: ignore[return-value]


async def awaited(ground: Ground, rounds: int = 0) -> tuple[Story, Tip]:
    story = ground.story(replace(WISH, rounds=rounds))
    await story.launched()
    tip = await story.merged(a="1")
    await story.planned(CI)
    await story.happened(CheckAwaited(GATE, MISSION, "ci", "ci/required", tip.commit, 600))
    return story, tip


async def pushed(ground: Ground, rounds: int = 0) -> tuple[Story, Tip]:
    story, tip = await awaited(ground, rounds)
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


# ---- a failure is a round's to mend

JOB = "ci/required"
LOG = (
    "2026-11-28T10:00:01.0000000Z all is well\n" * 200
    + "2026-11-28T10:00:02.0000000Z FAILED test_upload: 3 != 4\n"
    + "2026-11-28T10:00:02.0000000Z ##[error]Process completed with exit code 2.\n"
    + "2026-11-28T10:00:03.0000000Z Cleaning up orphan processes\n" * 200
)
AGAIN = "0192f0c0" + "d" * 24


def job(ground: Ground, tip: Tip, conclusion: str) -> None:
    branch = "hive/fix-upload-1"
    ground.server.run_workflow(ground.shop, tip.commit, branch, {JOB: (conclusion, LOG)})


async def round_of(ground: Ground) -> RoundAsked:
    open = (await ground.hive.records.pull_request(MISSION)).rounds.open
    assert open is not None
    return open


async def judged_anew(ground: Ground, story: Story, tip: Tip) -> None:
    """The gates of the hive have passed on what was mended, and GitHub is to judge it."""
    await story.planned(CI, AGAIN)
    await story.happened(CheckAwaited(AGAIN, MISSION, "ci", JOB, tip.commit, 600))
    await ground.hive.carry()


async def test_a_failure_goes_to_an_agent_and_is_concluded_once_the_mission_goes_on(
    ground: Ground, database: Database
) -> None:
    story, tip = await pushed(ground, rounds=2)
    job(ground, tip, "failure")
    for _ in range(2):
        assert await look(ground, database) == []
    round = await round_of(ground)
    assert (round.round, round.kind) == (1, "checks")
    assert (round.title, round.head) == ("a check failed: ci/required", tip.commit)
    assert "FAILED test_upload: 3 != 4" in round.finding
    assert "orphan" not in round.finding
    mended = await story.mended(round, a="2")
    [said] = await look(ground, database)
    assert (said.task_id, said.commit, said.result.passed) == (GATE, tip.commit, False)
    await story.happened(GatesJudged(GATE, 0, tip.commit, (said.result,)))

    await ground.hive.carry()
    pull = ground.pull.pull
    assert pull is not None
    assert pull.head_sha == tip.commit, "its own gates have not judged it yet"
    await judged_anew(ground, story, mended)
    assert pull.head_sha == mended.commit
    job(ground, mended, "success")
    [_, passed] = await look(ground, database)
    assert (passed.task_id, passed.result.passed) == (AGAIN, True)
    await story.happened(GatesJudged(AGAIN, 0, mended.commit, (passed.result,)))
    await story.ended()
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    [(_, end)] = state.rounds.done
    assert (end.outcome, end.commit) == ("pushed", mended.commit)
    assert state.failed is None


async def test_a_failure_is_concluded_with_the_part_of_its_log_that_matters(
    ground: Ground, database: Database
) -> None:
    _, tip = await pushed(ground)
    job(ground, tip, "failure")
    [said] = await look(ground, database)
    assert not said.result.passed
    assert "FAILED test_upload: 3 != 4\n##[error]Process completed" in said.result.tail
    assert "orphan" not in said.result.tail
    assert (await ground.hive.records.pull_request(MISSION)).rounds.last == 0


async def test_once_all_rounds_are_used_up_a_failure_ends_the_mission(
    ground: Ground, database: Database
) -> None:
    story, tip = await pushed(ground, rounds=1)
    job(ground, tip, "failure")
    await look(ground, database)
    mended = await story.mended(await round_of(ground), a="2")
    [first] = await look(ground, database)
    await story.happened(GatesJudged(GATE, 0, tip.commit, (first.result,)))
    await judged_anew(ground, story, mended)
    job(ground, mended, "failure")
    [_, second] = await look(ground, database)
    assert (second.task_id, second.result.passed) == (AGAIN, False)
    await story.happened(MissionFailed(MISSION, "ci: it failed"))
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    [(_, end)] = state.rounds.done
    assert (end.outcome, state.rounds.open) == ("failed", None)
    assert await ground.hive.look() is None, "what has never succeeded does not go on"


async def test_what_the_mission_does_not_take_up_is_concluded(
    ground: Ground, database: Database
) -> None:
    story, tip = await pushed(ground, rounds=2)
    job(ground, tip, "failure")
    assert await look(ground, database) == []
    await story.happened(RevisionDeclined(MISSION, 1, "no agent made the change"))
    [said] = await look(ground, database)
    assert not said.result.passed


async def test_what_failed_by_chance_runs_once_more_first(
    ground: Ground, database: Database
) -> None:
    _, tip = await pushed(ground, rounds=2)
    job(ground, tip, "success")
    job(ground, tip, "failure")
    ground.server.next_rerun(ground.shop, JOB, "success")
    assert await look(ground, database) == []
    [said] = await look(ground, database)
    assert said.result.passed
    told = await ground.hive.told()
    assert (told.count("CheckRerun"), told.count("RoundAsked")) == (1, 0)


async def test_what_was_cancelled_is_nothing_to_mend(ground: Ground, database: Database) -> None:
    _, tip = await pushed(ground, rounds=2)
    job(ground, tip, "cancelled")
    [said] = await look(ground, database)
    assert not said.result.passed


async def test_whoever_reviewed_is_answered_by_what_github_has_passed(
    ground: Ground, database: Database
) -> None:
    story, tip = await pushed(ground, rounds=3)
    job(ground, tip, "success")
    [passed] = await look(ground, database)
    await story.happened(GatesJudged(GATE, 0, tip.commit, (passed.result,)))
    await story.ended()
    await ground.hive.carry()
    ada = ground.server.person("ada")
    ada.review(
        ground.shop, ground.pull, "REQUEST_CHANGES", "No.",
        [{"path": "a.txt", "line": 1, "body": "Not one."}],
    )  # fmt: skip
    review = await ground.hive.look()
    assert review is not None
    mended = await story.mended(review, a="2")
    await judged_anew(ground, story, mended)
    job(ground, mended, "failure")
    await look(ground, database)
    checks = await round_of(ground)
    assert (checks.round, checks.kind, checks.by) == (2, "checks", "ada")
    assert checks.threads == review.threads
    pull = ground.pull.pull
    assert pull is not None
    [thread] = pull.threads
    assert len(thread.comments) == 1, "nothing is answered before it is right"
    last = await story.revised(checks, a="3")
    await ground.hive.carry()
    await ground.hive.carry()
    assert pull.head_sha == last.commit
    assert thread.resolved_by is not None
    assert len(thread.comments) == 2
    assert last.commit in thread.comments[-1].body
