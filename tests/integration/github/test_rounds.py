"""What comes back of a pull request goes to an agent: checks that failed, and how often."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from hive_contracts.github.pull_request import RequestPullRequest
from hive_contracts.plan import PullRequestWish
from hive_github.testing import checking
from tests.integration.github.came_back import Ground, on_github
from tests.suites.on_github import MISSION

LOG = (
    "2026-11-28T10:00:00.0000000Z ##[group]Run make test\n"
    + "2026-11-28T10:00:01.0000000Z all is well\n" * 500
    + "2026-11-28T10:00:02.0000000Z \x1b[31mFAILED test_upload: 3 != 4\x1b[0m\n"
    + "2026-11-28T10:00:02.0000000Z ##[error]Process completed with exit code 2.\n"
    + "2026-11-28T10:00:03.0000000Z Cleaning up orphan processes\n" * 500
)


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def test_a_failed_check_comes_back_with_the_part_of_its_log_that_matters(
    ground: Ground,
) -> None:
    await ground.opened()
    assert await ground.hive.look() is None
    ground.ci(lint=("success", ""), tests=("failure", LOG))
    round = await ground.asked()
    assert (round.round, round.kind, round.title) == (1, "checks", "a check failed: tests")
    assert "FAILED test_upload: 3 != 4" in round.finding
    assert "Process completed with exit code 2." in round.finding
    assert "\x1b" not in round.finding
    assert "orphan processes" not in round.finding
    assert "2026-11-28T" not in round.finding
    assert len(round.finding) < 16_000
    assert await ground.asked() == round  # it is asked for once

    old = ground.pull.head_sha
    tip = await ground.story.revised(round, upload="four\n")
    assert ground.pull.head_sha == old
    await ground.hive.carry()
    assert ground.pull.head_sha == tip.commit
    assert f"✓ mended in {tip.commit}" in (ground.issue.body or "")
    assert "a check failed: tests" in (ground.issue.body or "")
    state = await ground.hive.records.pull_request(MISSION)
    [(asked, end)] = state.rounds.done
    assert (asked.round, end.outcome, end.commit) == (1, "pushed", tip.commit)
    ground.ci(lint=("success", ""), tests=("success", ""))
    assert await ground.hive.look() is None


RED: Final = "{}\n2026-11-28T10:00:02.0000000Z ##[error]Process completed with exit code 1.\n"


@pytest.mark.parametrize(
    ("said", "task"),
    [
        pytest.param("./upload.txt:2: two is wrong", "work/work", id="a line of the earlier"),
        pytest.param("notes.txt:1:7 no full stop", "work/last", id="a line of the later"),
        pytest.param(
            "/home/runner/work/shop/shop/upload.txt:1: so", "work/work", id="where CI has it"
        ),
        pytest.param(
            "README.md:1: fine, but\nsee upload.txt:3", "work/work", id="a line of nobody's first"
        ),
        pytest.param("upload.txt:90: the end", "work/work", id="no such line: the file's last"),
        pytest.param("../../etc/passwd:1: \n/etc/passwd:2: ", "", id="no file of the repository"),
        pytest.param("nothing.txt:3: gone", "", id="no such file"),
        pytest.param("it took 12:30:07", "", id="no file at all"),
    ],
)
async def test_a_failed_check_is_told_to_the_task_that_made_the_line_it_names(
    ground: Ground, said: str, task: str
) -> None:
    await ground.opened_by_two({"upload": "one\ntwo\nthree\n"}, {"notes": "told\n"})
    ground.ci(tests=("failure", RED.format(said)))
    round = await ground.asked()
    assert (round.kind, round.task) == ("checks", task)


async def test_annotations_name_the_task_as_well(ground: Ground) -> None:
    await ground.opened_by_two({"upload": "one\ntwo\nthree\n"}, {"notes": "told\n"})
    linter = ground.server.app("linter", owner="acme")
    annotation = {
        "path": "upload.txt", "start_line": 2, "end_line": 2, "annotation_level": "failure",
        "message": "two is one too many",
    }  # fmt: skip
    run = ground.server.check_run(
        ground.shop, ground.pull.head_sha, "lint", linter, status="in_progress"
    )
    said = {"title": "1 problem", "summary": "notes.txt:1", "annotations": [annotation]}
    with ground.server.world.lock:
        checking.update_run(
            ground.server.world, ground.shop, run, linter.bot,
            {"conclusion": "failure", "output": said},
        )  # fmt: skip
    assert (await ground.asked()).task == "work/work"


async def test_what_the_hive_says_itself_is_nothing_that_came_back(ground: Ground) -> None:
    await ground.opened()
    ground.server.person("boss").status(
        ground.shop, ground.pull.head_sha, "hive / work / tests", "failure"
    )
    assert await ground.hive.look() is None


async def test_all_checks_of_a_commit_are_waited_for_and_come_back_together(
    ground: Ground,
) -> None:
    await ground.opened()
    other = ground.server.app("others-ci", owner="acme")
    run = ground.server.check_run(
        ground.shop, ground.pull.head_sha, "slow", other, status="in_progress"
    )
    ground.ci(tests=("failure", "it is red"))
    ground.server.person("boss").status(ground.shop, ground.pull.head_sha, "docs", "error")
    assert await ground.hive.look() is None
    annotation = {
        "path": "upload.txt", "start_line": 2, "end_line": 2, "annotation_level": "failure",
        "message": "two is one too many",
    }  # fmt: skip
    with ground.server.world.lock:
        said = {"title": "1 problem", "summary": "see below", "annotations": [annotation]}
        checking.update_run(
            ground.server.world, ground.shop, run, other.bot,
            {"conclusion": "failure", "output": said},
        )  # fmt: skip
    round = await ground.asked()
    assert round.title.startswith("3 checks failed: ")
    assert "upload.txt:2: two is one too many" in round.finding
    assert "1 problem" in round.finding
    assert "it is red" in round.finding
    assert "Check docs: error" in round.finding


async def test_a_check_that_fails_by_chance_runs_once_more_before_anybody_is_bothered(
    ground: Ground,
) -> None:
    await ground.opened()
    ground.ci(tests=("success", ""))
    ground.ci(tests=("failure", "a bad day"))
    ground.server.next_rerun(ground.shop, "tests", "success")
    assert await ground.hive.look() is None
    assert _calls(ground, "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun") == 1
    assert await ground.hive.look() is None
    assert "CheckRerun" in await ground.hive.told()
    await ground.hive.carry()
    await ground.hive.carry()
    assert (await ground.hive.told()).count("CheckRecovered") == 1
    said = f"| tests | `{ground.pull.head_sha[:12]}` | it has passed on the same commit |"
    assert said in (ground.issue.body or "")


async def test_a_check_that_fails_again_comes_back_after_one_rerun(ground: Ground) -> None:
    await ground.opened()
    main = ground.server.git(ground.shop, "rev-parse", "main")
    ground.server.run_workflow(ground.shop, main, "main", {"tests": ("failure", "old")})
    ground.ci(tests=("failure", "red"))
    assert await ground.hive.look() is None
    round = await ground.asked()
    assert "CheckRecovered" not in await ground.hive.told()
    assert "it failed when it was run again, too" in round.finding
    assert _calls(ground, "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun") == 1


async def test_after_so_many_rounds_a_person_is_asked_and_may_grant_as_many_again(
    ground: Ground,
) -> None:
    await ground.opened()
    for number in (1, 2):
        ground.ci(tests=("failure", f"red {number}"))
        await ground.story.revised(await ground.asked(), upload=f"try {number}\n")
        await ground.hive.carry()
    ground.ci(tests=("failure", "red 3"))
    assert await ground.hive.look() is None
    assert await ground.stuck() == "a check failed: tests, after 2 rounds"
    told = await ground.hive.told()
    assert await ground.hive.look() is None
    assert await ground.hive.told() == told
    wish = PullRequestWish("acme/shop", rounds=2)
    again = RequestPullRequest(MISSION, "fix-upload-1", wish, "ann")
    await ground.hive.records.tell(again, "test")
    await ground.hive.carry()
    state = await ground.hive.records.pull_request(MISSION)
    assert state.rounds.open is not None
    assert state.rounds.open.round == 3


async def test_no_rounds_are_wished_for(ground: Ground) -> None:
    await ground.opened()
    none = RequestPullRequest(MISSION, "fix-upload-1", PullRequestWish("acme/shop", rounds=0))
    await ground.hive.records.tell(none, "test")
    ground.ci(tests=("failure", "red"))
    ground.server.person("boss").push(ground.shop, "main", {"upload.txt": "theirs\n"})
    assert await ground.hive.look() is None
    assert await ground.stuck() == ""


async def test_what_failed_or_was_not_taken_up_waits_for_a_person(ground: Ground) -> None:
    await ground.opened()
    ground.ci(tests=("failure", "red"))
    await ground.story.failed(await ground.asked(), "revision-1/work: it gave up")
    await ground.hive.carry()
    assert await ground.stuck() == "round 1 failed: revision-1/work: it gave up"
    assert "**Round 1 has failed:**" in (ground.issue.body or "")
    ada = ground.server.person("ada")
    ada.review(ground.shop, ground.issue, "REQUEST_CHANGES", "Please.")
    await ground.story.declined(await ground.asked(), "its work was released")
    await ground.hive.carry()
    assert await ground.stuck() == "round 2 was not taken up: its work was released"


async def test_while_the_mission_is_at_work_nothing_comes_back(ground: Ground) -> None:
    await ground.story.launched()
    await ground.story.merged(upload="one\n")
    await ground.hive.carry()
    ground.ci(tests=("failure", "red"))
    assert await ground.hive.look() is None


async def test_a_pull_request_that_somebody_merged_first_is_left_alone(ground: Ground) -> None:
    await ground.opened()
    ground.ci(tests=("failure", "red"))
    ground.server.person("boss").merge(ground.shop, ground.issue)
    assert await ground.hive.look() is None
    assert (await ground.hive.records.pull_request(MISSION)).state == "merged"


async def test_without_the_permission_to_read_checks_reviews_still_come_back(
    ground: Ground,
) -> None:
    await ground.opened()
    [installation] = ground.server.world.installations_on(ground.shop)
    few = {"contents": "write", "pull_requests": "write", "metadata": "read", "issues": "write"}
    ground.server.grant(installation, few)
    ground.server.revoke_tokens(installation)
    ground.ci(tests=("failure", "red"))
    assert await ground.hive.look() is None
    ground.server.person("ada").review(ground.shop, ground.issue, "REQUEST_CHANGES", "Please.")
    assert (await ground.asked()).kind == "review"


def _calls(ground: Ground, operation: str) -> int:
    return sum(each.operation == operation for each in ground.server.heard)


async def test_whatever_somebody_writes_fits_into_the_record(ground: Ground) -> None:
    await ground.opened()
    places = [
        {"path": "upload.txt", "line": n % 3 + 1, "body": '\N{BUG}\0"\\' * 2_000} for n in range(9)
    ]
    ground.server.person("ada").review(
        ground.shop, ground.issue, "REQUEST_CHANGES", "\N{BUG}" * 9_000, places
    )
    round = await ground.asked()
    assert len(round.finding.encode()) <= 30_000
    assert "\0" not in round.finding
