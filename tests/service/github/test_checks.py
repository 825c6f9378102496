"""Checks, buttons, gates and merging by the whole service, brought about by webhooks."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from hive_contracts.mission import RecordLanding
from hive_contracts.outcome import GateResult
from hive_contracts.plan import ApprovalGate, GithubCheckGate, PullRequestWish
from hive_contracts.task import (
    ApprovalRequested,
    ApproveGate,
    AttemptStarted,
    CheckAwaited,
    ConcludeCheck,
    GatesJudged,
    TaskLeased,
)
from hive_github.testing import CheckRun, Rules
from tests.service.github.test_service import Ground, ground, story
from tests.suites.on_github import GATE, MISSION, Story

__all__ = ["ground", "story"]

CI = GithubCheckGate("ci", "ci/required")
ASK = ApprovalGate("ok", "Is it right?")
ASKS = "0192f0c0" + "d" * 24


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.05)


def run_of(ground: Ground, name: str) -> CheckRun | None:
    found = [run for run in ground.shop.check_runs if run.name == name]
    assert len(found) < 2
    return found[0] if found else None


def is_shown(ground: Ground, name: str, *conclusions: str) -> bool:
    run = run_of(ground, name)
    return run is not None and run.conclusion in conclusions


async def test_a_button_a_gate_and_a_merge(ground: Ground, story: Story) -> None:
    story.wish = PullRequestWish("acme/shop", merge="when_green")
    # Over at once, but by the database's word.
    ground.settings = replace(ground.settings, github_settle_seconds=0.001)
    async with ground.speaking_alone():
        await story.launched()
        tip = await story.merged(a="1")
        await story.planned(CI)
        await story.happened(CheckAwaited(GATE, MISSION, "ci", "ci/required", tip.commit, 600))
        await story.planned(ASK, ASKS)
        await story.happened(ApprovalRequested(ASKS, MISSION, "ok", "Is it right?"))
        await until(lambda: is_shown(ground, "hive / ok", "action_required"))

        run = run_of(ground, "hive / ok")
        assert run is not None
        ground.server.person("ada").press(ground.shop, run, "approve")
        await until(lambda: ground.orders.told)
        assert ground.orders.told == [("github:ada", ApproveGate(ASKS, "ok", "github:ada"))]

        ci = ground.server.app("CI")
        ground.server.check_run(ground.shop, tip.commit, "ci/required", ci, conclusion="success")
        await until(lambda: len(ground.orders.told) == 2)
        green = GateResult("ci", passed=True, command="ci/required", commit=tip.commit)
        assert ground.orders.told[1] == ("github", ConcludeCheck(GATE, tip.commit, green))
        await story.happened(GatesJudged(GATE, 0, tip.commit, (green,)))

        ground.server.check_run(ground.shop, tip.commit, "late", ci, status="in_progress")
        await story.ended()
        await ground.until_ready()
        [pull] = ground.shop.pulls
        assert pull.state == "open", "a check is not completed"
        [late] = [run for run in ground.shop.check_runs if run.name == "late"]
        ground.server.conclude(ground.shop, late, "success")
        await until(lambda: len(ground.orders.told) == 3)
        (_, landed) = ground.orders.told[2]
        assert isinstance(landed, RecordLanding)
        assert (landed.mission_id, landed.branch) == (MISSION, "main")
        assert pull.pull is not None
        assert pull.pull.merged_at is not None


async def test_what_happens_in_a_moment_is_written_in_one_go_and_after_a_restart_once(
    ground: Ground, story: Story
) -> None:
    async with ground.speaking_alone():
        await story.launched()
        await story.merged(a="1")
        await story.planned(ASK)
        leased = TaskLeased(GATE, 1, "gates", "r", "s", 60)
        await story.happened(leased, *(AttemptStarted(GATE, 1) for _ in range(20)))
        await until(lambda: is_shown(ground, "hive / work", "success"))
    async with ground.speaking_alone():
        await story.happened(ApprovalRequested(GATE, MISSION, "ok", "Is it right?"))
        await until(lambda: is_shown(ground, "hive / ok", "action_required"))
    paths = [heard.path for heard in ground.server.heard if heard.method == "POST"]
    assert sum(path.endswith("/check-runs") for path in paths) == 2


async def test_a_merge_queue_that_waits_for_the_hives_own_gate_goes_on(
    ground: Ground, story: Story
) -> None:
    story.wish = PullRequestWish("acme/shop", merge="queue")
    rules = Rules(checks=("hive / tests",), merge_queue=True)
    ground.server.protect(ground.shop, rules=rules)
    async with ground.speaking_alone():
        await story.launched()
        await story.merged(a="1")
        await story.succeeded()
        await until(lambda: ground.orders.told)
        [(_, landed)] = ground.orders.told
        assert isinstance(landed, RecordLanding)
        [pull] = ground.shop.pulls
        assert pull.pull is not None
        assert pull.pull.merged_at is not None


async def test_a_gate_that_fails_on_github_is_mended_pushed_and_judged_anew(
    ground: Ground, story: Story
) -> None:
    story.wish = PullRequestWish("acme/shop", rounds=1)
    branch, job = "hive/fix-upload-1", {"ci/required": ("failure", "it is red")}
    async with ground.speaking_alone():
        await story.launched()
        tip = await story.merged(a="1")
        await story.planned(CI)
        await story.happened(CheckAwaited(GATE, MISSION, "ci", "ci/required", tip.commit, 600))
        await ground.until_known_as_open()
        ground.server.run_workflow(ground.shop, tip.commit, branch, job)
        round = await ground.until_round()
        assert "it is red" in round.finding
        assert ground.orders.told == []
        mended = await story.mended(round, a="2")
        ci = ground.server.app("CI")
        ground.server.check_run(ground.shop, tip.commit, "another", ci, conclusion="success")
        await until(lambda: ground.orders.told)
        [(_, said)] = ground.orders.told
        assert isinstance(said, ConcludeCheck)
        assert (said.task_id, said.result.passed) == (GATE, False)
        await story.happened(GatesJudged(GATE, 0, tip.commit, (said.result,)))
        await story.planned(CI, ASKS)
        await story.happened(CheckAwaited(ASKS, MISSION, "ci", "ci/required", mended.commit, 600))
        [pull] = ground.shop.pulls
        await until(lambda: pull.pull is not None and pull.pull.head_sha == mended.commit)
