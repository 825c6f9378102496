"""A mission's checks on the test GitHub, and their buttons."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hive_contracts.github.check import Button, CheckPlace
from hive_contracts.mission import LaunchMission, MissionFailed
from hive_contracts.outcome import GateResult
from hive_contracts.plan import ApprovalGate, CommandGate, Tip
from hive_contracts.submit import Refused
from hive_contracts.task import (
    ApprovalRequested,
    ApproveGate,
    AttemptStarted,
    GatesJudged,
    TaskLeased,
)
from hive_github.api.errors import Unreachable
from hive_github.checks.buttons import Pressed, Suite
from hive_github.testing import CheckRun, GitHub
from hive_github.testing.registry import PERMISSIONS
from tests.integration.github.ground import Ground, ground_of, on_github
from tests.suites.on_github import GATE, MISSION, Story, as_person, calling

TESTS = CommandGate("tests", "pytest -q")
ASK = ApprovalGate("ok", "Is it right?")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def with_a_pull_request(ground: Ground) -> tuple[Story, Tip]:
    story = ground.story()
    await story.launched()
    tip = await story.merged(a="1")
    await ground.hive.carry()
    return story, tip


def red(ground: Ground, tip: Tip, output: str) -> GatesJudged:
    ref = ground.hive.artifacts.put(output.encode())
    result = GateResult("tests", passed=False, exit_code=1, tail=output[-500:], output=ref)
    return GatesJudged(GATE, 1, tip.commit, (result,))


def pressed(ground: Ground, run: CheckRun, button: Button, login: str) -> Pressed:
    id = ground.hive.github.places.repository_id(ground.shop.id)
    place = CheckPlace(run.external_id, run.head_sha)
    return Pressed("acme/shop", id, ground.at.id, place, button, login)


def suite_of(ground: Ground, head: str, login: str) -> Suite:
    id = ground.hive.github.places.repository_id(ground.shop.id)
    return Suite("acme/shop", id, ground.at.id, head, login)


async def test_a_gate_is_one_check_run_from_its_plan_to_its_end(ground: Ground) -> None:
    story, tip = await with_a_pull_request(ground)
    await ground.hive.show()
    work = ground.run("hive / work")
    assert (work.head_sha, work.conclusion) == (tip.commit, "success")
    assert work.details_url == f"{ground.server.url}/acme/shop/pull/{ground.pull.number}"
    await story.planned(TESTS)
    await ground.hive.show()
    run = ground.run("hive / tests")
    assert (run.status, run.head_sha, run.external_id) == ("queued", tip.commit, f"{GATE}/tests")
    leased = TaskLeased(GATE, 1, "gates", "r", "s", 60)
    await story.happened(leased, AttemptStarted(GATE, 1))
    await ground.hive.show()
    assert run.status == "in_progress"
    await story.happened(red(ground, tip, "src/a.py:3: boom\nsrc/b.py:4:1: warning: hm\n"))
    await ground.hive.show()
    assert (run.status, run.conclusion, run.title) == ("completed", "failure", "Exit status 1")
    assert [(a["path"], a["start_line"], a["annotation_level"]) for a in run.annotations] == [
        ("src/a.py", 3, "failure"), ("src/b.py", 4, "warning"),
    ]  # fmt: skip
    assert [action["identifier"] for action in run.actions] == ["rerun"]
    assert len([each for each in ground.shop.check_runs if each.name == "hive / tests"]) == 1


async def test_shown_again_nothing_is_written(ground: Ground) -> None:
    await with_a_pull_request(ground)
    await ground.hive.show()
    before = ground.writes()
    await ground.hive.show()
    assert ground.writes() == before


async def test_a_crash_after_a_check_run_was_made_makes_no_second_one(ground: Ground) -> None:
    await with_a_pull_request(ground)
    ground.server.fail("cut", method="POST", path="/repos/acme/shop/check-runs", done=True)
    with pytest.raises(Unreachable):
        await ground.hive.show()
    assert (await ground.hive.records.checks(MISSION)).shown == {}
    await ground.hive.show()
    ground.run("hive / work")
    assert len((await ground.hive.records.checks(MISSION)).shown) == 1


async def test_ten_thousand_places_are_sent_in_fifties_and_counted(ground: Ground) -> None:
    story, tip = await with_a_pull_request(ground)
    await story.planned(TESTS)
    output = "\n".join(f"src/a.py:{line}: bad" for line in range(1, 10_001))
    await story.happened(red(ground, tip, output))
    await ground.hive.show()
    run = ground.run("hive / tests")
    assert len(run.annotations) == 250
    assert "9,750 more places are named in the output." in (run.summary or "")


async def test_without_the_permission_it_is_said_once_and_not_tried_again_for_each_event(
    ground: Ground,
) -> None:
    ground.server.grant(ground.at, {**PERMISSIONS, "checks": "read"})
    await with_a_pull_request(ground)
    await ground.hive.show()
    state = await ground.hive.records.checks(MISSION)
    assert state.refused is not None
    assert state.refused.reason.startswith("acme/shop takes no checks: Resource not accessible")
    assert "write access to checks" in state.refused.remedy
    before = ground.writes("POST")
    assert await ground.hive.shows.show(MISSION, "test")
    assert ground.writes("POST") == before
    ground.server.grant(ground.at, PERMISSIONS)
    await ground.hive.show()
    assert (await ground.hive.records.checks(MISSION)).refused is None
    ground.run("hive / work")


async def test_an_archived_repository_takes_none_until_it_is_back(ground: Ground) -> None:
    await with_a_pull_request(ground)
    boss = ground.server.person("boss")
    boss.archive(ground.shop)
    await ground.hive.show()
    refused = (await ground.hive.records.checks(MISSION)).refused
    assert refused is not None
    assert "archived" in refused.reason
    boss.archive(ground.shop, False)
    await ground.hive.show()
    assert ground.run("hive / work").conclusion == "success"


async def test_a_renamed_repository_is_found_under_its_new_name(ground: Ground) -> None:
    await with_a_pull_request(ground)
    ground.server.person("boss").rename(ground.shop, "store")
    await ground.hive.looks.repository("acme/store", "test")
    await ground.hive.show()
    assert ground.run("hive / work").conclusion == "success"


async def test_with_a_token_they_are_commit_statuses(tmp_path: Path) -> None:
    async with GitHub() as server:
        shop = server.repository("acme/shop", files={"a": "b"}, collaborators={"ada": "write"})
        app = server.app()
        at = server.install(app, "acme")
        async with calling(server, as_person(server, "ada")) as github:
            ground = ground_of(server, github, tmp_path, shop, app, at)
            story, tip = await with_a_pull_request(ground)
            await story.planned(TESTS)
            await ground.hive.show()
            await story.happened(red(ground, tip, "boom"))
            await ground.hive.show()
            said = [(status.context, status.state) for status in shop.statuses]
            assert said == [
                ("hive / work", "success"),
                ("hive / tests", "pending"),
                ("hive / tests", "failure"),
            ]  # fmt: skip
            assert shop.check_runs == []


async def asked(ground: Ground) -> CheckRun:
    story, _ = await with_a_pull_request(ground)
    await story.planned(ASK)
    await story.happened(ApprovalRequested(GATE, MISSION, "ok", "Is it right?"))
    await ground.hive.show()
    run = ground.run("hive / ok")
    assert run.conclusion == "action_required"
    return run


async def test_who_may_write_approves_by_the_button_under_their_name(ground: Ground) -> None:
    run = await asked(ground)
    press = pressed(ground, run, "approve", "ada")
    assert await ground.hive.buttons.press(press, "0192f0c0" + "e" * 24) == ""
    assert await ground.hive.buttons.press(press, "0192f0c0" + "e" * 24) == ""
    assert ground.hive.orders.told == [("github:ada", ApproveGate(GATE, "ok", "github:ada"))]
    state = (await ground.hive.records.checks(MISSION)).pressed
    assert state is not None
    assert (state.by, state.outcome, state.reason) == ("github:ada", "done", "ok approved")


@pytest.mark.parametrize("login", ["rob", "eve"])
async def test_a_strangers_press_is_refused_and_said(ground: Ground, login: str) -> None:
    ground.server.person("eve")
    run = await asked(ground)
    await ground.hive.buttons.press(pressed(ground, run, "approve", login), "0192f0c0" + "e" * 24)
    assert ground.hive.orders.told == []
    state = (await ground.hive.records.checks(MISSION)).pressed
    assert state is not None
    assert (state.outcome, state.reason) == ("refused", f"{login} may not write to acme/shop")
    await ground.hive.show()
    assert f"github:{login} pressed 'approve': {login} may not write" in (run.summary or "")


async def test_what_the_orchestrator_refuses_is_said(ground: Ground) -> None:
    run = await asked(ground)
    ground.hive.orders.answer = Refused("not-allowed", "gate 'ok' is for bob, not for github:ada")
    await ground.hive.buttons.press(pressed(ground, run, "approve", "ada"), "0192f0c0" + "e" * 24)
    state = (await ground.hive.records.checks(MISSION)).pressed
    assert state is not None
    assert (state.outcome, state.reason) == ("refused", "gate 'ok' is for bob, not for github:ada")


async def test_run_again_launches_a_failed_mission_once_more(ground: Ground) -> None:
    story, tip = await with_a_pull_request(ground)
    await story.planned(TESTS)
    failed = MissionFailed(MISSION, "gates: tests failed")
    await story.happened(red(ground, tip, "boom"), failed)
    await ground.hive.show()
    run = ground.run("hive / tests")
    ground.server.person("ada").rerun(ground.shop, run)
    assert run.status == "queued", "GitHub puts it back"
    await ground.hive.buttons.press(pressed(ground, run, "rerun", "ada"), "0192f0c0" + "e" * 24)
    [(actor, command)] = ground.hive.orders.told
    assert actor == "github:ada"
    assert isinstance(command, LaunchMission)
    assert command.plan.name == "fix-upload"
    assert command.plan.pull_request is not None
    await ground.hive.show()
    assert (run.status, run.conclusion) == ("completed", "failure")
    assert "it runs again as fix-upload-2" in (run.summary or "")


async def test_all_run_again_launch_it_once_more_once_and_each_is_told_anew(ground: Ground) -> None:
    story, tip = await with_a_pull_request(ground)
    await story.planned(TESTS)
    await story.happened(red(ground, tip, "boom"), MissionFailed(MISSION, "gates: tests failed"))
    await ground.hive.show()
    runs = [ground.run("hive / work"), ground.run("hive / tests")]
    assert {run.head_sha for run in runs} == {tip.commit}
    heard = len(ground.server.heard)
    suite = suite_of(ground, tip.commit, "ada")
    assert await ground.hive.buttons.press_all(suite, "0192f0c0" + "e" * 24) == ""
    [(actor, command)] = ground.hive.orders.told
    assert actor == "github:ada"
    assert isinstance(command, LaunchMission)
    await ground.hive.show()
    written = [each.path for each in ground.server.heard[heard:] if each.method == "PATCH"]
    assert len(written) == 2
    assert "it runs again as fix-upload-2" in (runs[1].summary or "")


async def test_all_are_run_again_only_for_who_may_write_and_where_the_hive_has_some(
    ground: Ground,
) -> None:
    run = await asked(ground)
    base = ground.shop.tips["refs/heads/main"]
    none = "the hive has no check to run again on "
    for head, said in ((base, none), ("f" * 40, "GitHub answers 422"), (run.head_sha, "")):
        suite = suite_of(ground, head, "rob")
        found = await ground.hive.buttons.press_all(suite, "0192f0c0" + "e" * 24)
        assert found.startswith(said)
    assert ground.hive.orders.told == []
    state = (await ground.hive.records.checks(MISSION)).pressed
    assert state is not None
    assert (state.outcome, state.reason) == ("refused", "rob may not write to acme/shop")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (None, "fix-upload-1 is at work: it tries again by itself"),
        ("succeeded", "fix-upload-1 has succeeded: nothing is to be run again"),
    ],
)
async def test_what_is_at_work_or_has_succeeded_is_not_run_again(
    ground: Ground, failure: str | None, reason: str
) -> None:
    story, _ = await with_a_pull_request(ground)
    if failure:
        await story.succeeded()
    await ground.hive.show()
    run = ground.run("hive / work")
    await ground.hive.buttons.press(pressed(ground, run, "rerun", "ada"), "0192f0c0" + "e" * 24)
    assert ground.hive.orders.told == []
    state = (await ground.hive.records.checks(MISSION)).pressed
    assert state is not None
    assert state.reason == reason


async def test_a_check_of_somebody_elses_or_of_another_repository_does_nothing(
    ground: Ground,
) -> None:
    run = await asked(ground)
    other = pressed(ground, run, "approve", "ada")
    for place in (CheckPlace("made-up", run.head_sha), CheckPlace(run.external_id, "f" * 40)):
        strange = Pressed("acme/shop", other.repository_id, ground.at.id, place, "approve", "ada")
        assert await ground.hive.buttons.press(strange, "0192f0c0" + "e" * 24)
    elsewhere = Pressed("acme/other", "x-1", ground.at.id, other.place, "approve", "ada")
    said = await ground.hive.buttons.press(elsewhere, "0192f0c0" + "e" * 24)
    assert said == "fix-upload-1 shows no such check on acme/other"
    assert ground.hive.orders.told == []
    assert (await ground.hive.records.checks(MISSION)).pressed is None


async def test_a_merge_group_gets_what_the_gates_said_of_the_pull_request(ground: Ground) -> None:
    story, tip = await with_a_pull_request(ground)
    await story.succeeded()
    await ground.hive.show()
    tree, parent = f"{tip.commit}^{{tree}}", tip.commit
    group = ground.checkout.git("commit-tree", tree, "-p", parent, "-m", "a group")
    ground.checkout.git("push", "-q", "origin", f"{group}:refs/heads/the-group")
    await ground.hive.shows.show_group(MISSION, group, "test")
    [run] = [run for run in ground.shop.check_runs if run.head_sha == group]
    assert (run.name, run.conclusion) == ("hive / tests", "success")
    assert f"Judged on `{tip.commit[:12]}`" in (run.summary or "")


async def test_without_a_pull_request_nothing_is_shown(ground: Ground) -> None:
    story = ground.story()
    await story.launched()
    assert await ground.hive.shows.show(MISSION, "test")
    assert ground.shop.check_runs == []
