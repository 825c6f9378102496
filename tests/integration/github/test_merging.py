"""Merging on the test GitHub: only what was judged, only when all is green, only once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hive_contracts.github.pull_request import MergeQueued
from hive_contracts.github.questions import OpenPullRequest
from hive_contracts.plan import PullRequestWish
from hive_contracts.policy import PolicyRelaxed, PolicyTightened, Restraints
from hive_github.api.errors import Forbidden, NotFound, Refused, Unreachable
from hive_github.api.github import Answer, Method
from hive_github.desk import Desk, status_of
from hive_github.doctor import Doctor
from hive_github.testing import Rules
from hive_github.testing.registry import PERMISSIONS
from hive_shared import restraints
from hive_shared.clock import SystemClock
from tests.integration.github.ground import (
    WHEN_GREEN,
    WISH,
    Ground,
    e2e,
    on_github,
    opened,
    puts,
    state,
    waits,
)
from tests.suites.bus import eventually, running
from tests.suites.hand_clock import HandClock
from tests.suites.on_github import MISSION, Hive, new_id


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        yield ground


async def test_it_is_merged_when_the_mission_has_succeeded_and_not_before(ground: Ground) -> None:
    story, tip = await opened(ground)
    assert (ground.pull.state, puts(ground)) == ("open", 0)
    await story.succeeded()
    await ground.hive.carry()
    assert await state(ground) == "merged"
    assert ground.pull.pull is not None
    assert ground.pull.pull.merged_at is not None
    [put] = [heard for heard in ground.server.heard if heard.method == "PUT"]
    assert msgspec.json.decode(put.body) == {"sha": tip.commit, "merge_method": "merge"}
    assert (await ground.hive.told())[-2:] == ["MergeBegun", "PullRequestMerged"]
    before = ground.writes()
    await ground.hive.carry()
    assert ground.writes() == before


async def test_nothing_is_merged_while_landing_is_frozen(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restraints, "FRESH_SECONDS", 0)
    frozen = Restraints(freeze_landing=True, reason="mission-success is used up")
    story, _ = await opened(ground)
    await story.happened(PolicyTightened("p", 1, "frozen", (), frozen, frozen))
    await story.succeeded()
    await ground.hive.carry()
    assert (await waits(ground)).startswith("landing is frozen: mission-success is used up")
    assert puts(ground) == 0
    await story.happened(PolicyRelaxed("p", 2, "frozen", (), Restraints(), Restraints()))
    await ground.hive.carry()
    assert await state(ground) == "merged"


@pytest.fixture
def clock() -> HandClock:
    """The record's, which knows nothing of the machine's."""
    return HandClock()


@pytest.fixture
async def settling(tmp_path: Path, clock: HandClock) -> AsyncIterator[Ground]:
    async with on_github(tmp_path, settle_seconds=60, clock=clock) as ground:
        yield ground


MAY_BEGIN = "checks may still begin, until 12:01:01 UTC: the rules of main name none"


async def test_checks_that_begin_a_moment_after_the_push_are_waited_for(
    settling: Ground, clock: HandClock
) -> None:
    story, tip = await opened(settling)
    await story.succeeded()
    await settling.hive.carry()
    assert (await waits(settling)).startswith(MAY_BEGIN)
    known = await settling.hive.records.pull_request(MISSION)
    shown = status_of(known, await settling.hive.records.checks(MISSION)).merging
    assert shown.startswith(f"waits: {MAY_BEGIN}")
    at = (settling.shop, tip.commit)
    settling.server.check_run(*at, "sign-off", settling.ci, conclusion="success")
    clock.ms += 20_000
    await settling.hive.carry()
    assert (await waits(settling)).startswith(MAY_BEGIN), "another may come after the first"
    run = settling.server.check_run(*at, "e2e", settling.ci, status="in_progress")
    clock.ms += 41_000
    await settling.hive.carry()
    assert await waits(settling) == "checks are not completed: e2e"
    assert puts(settling) == 0
    settling.server.conclude(settling.shop, run, "success")
    await settling.hive.carry()
    assert await state(settling) == "merged"


async def test_where_nothing_begins_in_its_time_it_is_merged_also_by_another_process(
    settling: Ground, clock: HandClock, tmp_path: Path
) -> None:
    story, _ = await opened(settling)
    await story.succeeded()
    clock.ms += 59_000
    await settling.hive.carry()
    again = Hive(settling.hive.github, settling.hive.store, tmp_path, 60, clock)
    await again.carry()
    before = await again.told()
    clock.ms += 59_000
    await again.carry()
    assert await again.told() == before, "what it waits for is recorded once"
    assert puts(settling) == 0
    clock.ms += 1_000
    await again.carry()
    assert await state(settling) == "merged"


async def test_the_end_of_that_time_is_acted_upon_when_it_comes(
    settling: Ground, clock: HandClock
) -> None:
    story, _ = await opened(settling)
    await story.succeeded()
    await settling.hive.carry()
    assert (await waits(settling)).startswith(MAY_BEGIN)
    looked = asyncio.Event()

    async def look(mission_id: str) -> None:
        await settling.hive.carrier.carry(mission_id, "the end")
        looked.set()

    async with running(settling.hive.ends.run(look)):
        await eventually(lambda: clock.sleepers)
        clock.ms += 59_900
        await eventually(lambda: clock.sleepers)
        assert (puts(settling), looked.is_set()) == (0, False)
        clock.ms += 200
        await looked.wait()
    assert await state(settling) == "merged"


async def test_made_ready_for_review_is_a_reason_for_checks_to_begin(
    settling: Ground, clock: HandClock
) -> None:
    story, _ = await opened(settling)
    clock.ms += 3_600_000
    await story.succeeded()
    await settling.hive.carry()
    assert (await waits(settling)).startswith("checks may still begin, until 13:01:01 UTC")


async def test_where_the_rules_name_checks_those_are_waited_for_and_no_time(
    settling: Ground,
) -> None:
    settling.server.protect(settling.shop, rules=Rules(checks=("e2e", "hive / tests")))
    story, tip = await opened(settling)
    await story.succeeded()
    await settling.hive.carry()
    assert await waits(settling) == "required checks have not begun: e2e, hive / tests"
    await settling.hive.show()
    at = (settling.shop, tip.commit, "e2e", settling.ci)
    settling.server.check_run(*at, conclusion="success")
    await settling.hive.carry()
    assert await state(settling) == "merged"


async def test_a_required_check_of_the_hives_own_says_nothing_of_others(settling: Ground) -> None:
    settling.server.protect(settling.shop, rules=Rules(checks=("hive / tests",)))
    story, _ = await opened(settling)
    await story.succeeded()
    await settling.hive.carry()
    await settling.hive.show()
    await settling.hive.carry()
    assert (await waits(settling)).startswith(MAY_BEGIN)


@pytest.mark.parametrize("refused", [Forbidden, NotFound])
async def test_rules_that_cannot_be_seen_are_taken_for_none(
    settling: Ground, clock: HandClock, monkeypatch: pytest.MonkeyPatch, refused: type[Refused]
) -> None:
    rest = settling.hive.github.rest

    async def plain(method: Method, path: str, installation: int, **told: Any) -> Answer:
        if "/rules/branches/" in path:
            raise refused(403, "Upgrade to GitHub Pro")
        return await rest(method, path, installation, **told)

    monkeypatch.setattr(settling.hive.github, "rest", plain)
    story, _ = await opened(settling)
    await story.succeeded()
    await settling.hive.carry()
    assert (await waits(settling)).startswith(MAY_BEGIN)
    clock.ms += 60_000
    await settling.hive.carry()
    assert await state(settling) == "merged"


async def test_never_is_the_default(ground: Ground) -> None:
    story, _ = await opened(ground, WISH)
    await story.succeeded()
    await ground.hive.carry()
    assert (ground.pull.state, puts(ground)) == ("open", 0)
    assert (await ground.hive.records.pull_request(MISSION)).merging is None


async def test_a_mission_that_failed_is_not_merged(ground: Ground) -> None:
    await opened(ground)
    await ground.hive.carry()
    assert (ground.pull.state, puts(ground)) == ("open", 0)


async def test_others_checks_are_waited_for(ground: Ground) -> None:
    story, tip = await opened(ground)
    at = (ground.shop, tip.commit, "e2e", ground.ci)
    ground.server.check_run(*at, status="in_progress")
    await story.succeeded()
    await ground.hive.carry()
    assert await waits(ground) == "checks are not completed: e2e"
    ground.server.check_run(*at, conclusion="failure")
    await ground.hive.carry()
    assert await waits(ground) == "checks have failed: e2e"
    assert puts(ground) == 0
    ground.server.check_run(*at, conclusion="success")
    await ground.hive.carry()
    assert await state(ground) == "merged"


async def test_an_objection_is_waited_out(ground: Ground) -> None:
    story, _ = await opened(ground)
    ada = ground.server.person("ada")
    ada.review(ground.shop, ground.pull, "REQUEST_CHANGES", "no")
    await story.succeeded()
    await ground.hive.carry()
    assert await waits(ground) == "changes are requested by ada"
    ada.review(ground.shop, ground.pull, "APPROVE", "yes")
    await ground.hive.carry()
    assert await state(ground) == "merged"


async def test_what_came_back_is_seen_to_before_it_is_merged(ground: Ground) -> None:
    story, tip = await opened(ground, msgspec.structs.replace(WHEN_GREEN, rounds=1))
    await story.succeeded()
    ground.server.check_run(ground.shop, tip.commit, "e2e", ground.ci, conclusion="failure")
    await ground.hive.carry()
    assert (await waits(ground)).startswith("round 1 comes first: ")
    assert puts(ground) == 0


async def test_what_passed_by_being_run_again_is_said_before_it_is_merged(ground: Ground) -> None:
    story, tip = await opened(ground, msgspec.structs.replace(WHEN_GREEN, rounds=1))
    await story.succeeded()
    e2e(ground, tip.commit, ("success", ""))
    e2e(ground, tip.commit, ("failure", "a bad day"))
    ground.server.next_rerun(ground.shop, "e2e", "success")
    await ground.hive.rounds.look(MISSION, "test")
    await ground.hive.carry()
    assert await state(ground) == "merged"
    assert "### Passed when they were run once more" in (ground.pull.body or "")


async def test_what_somebody_pushed_is_never_merged(ground: Ground) -> None:
    story, _ = await opened(ground)
    pull = ground.pull.pull
    assert pull is not None
    ground.server.person("ada").push(ground.shop, pull.head, {"b.txt": "2"})
    await story.succeeded()
    await ground.hive.carry()
    assert "somebody pushed" in await waits(ground)
    assert puts(ground) == 0


async def test_what_is_pushed_between_the_look_and_the_merge_is_not_merged(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, _ = await opened(ground)
    await story.succeeded()
    rest = ground.hive.github.rest

    async def late(method: Method, path: str, installation: int, **told: Any) -> Answer:
        if method == "PUT" and ground.pull.pull is not None:
            head = ground.pull.pull.head
            ground.server.person("ada").push(ground.shop, head, {"b.txt": "2"})
        return await rest(method, path, installation, **told)

    monkeypatch.setattr(ground.hive.github, "rest", late)
    await ground.hive.carry()
    assert "Head branch was modified" in await waits(ground)
    assert puts(ground) == 1


async def test_a_crash_after_the_merge_merges_nothing_twice(ground: Ground) -> None:
    story, _ = await opened(ground)
    await story.succeeded()
    path = "/repos/acme/shop/pulls/*/merge"
    ground.server.fail("cut", method="PUT", path=path, done=True)
    with pytest.raises(Unreachable):
        await ground.hive.carry()
    assert await state(ground) == "open"
    await ground.hive.carry()
    assert await state(ground) == "merged"
    assert puts(ground) == 1


async def test_the_repositorys_rules_are_waited_for(ground: Ground) -> None:
    ground.server.protect(ground.shop, rules=Rules(approvals=1))
    story, _ = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    assert await waits(ground) == "the repository's rules: a review or a required check is missing"
    ground.server.person("ada").review(ground.shop, ground.pull, "APPROVE")
    await ground.hive.carry()
    assert await state(ground) == "merged"


@pytest.mark.parametrize("rules", [None, Rules(linear=True)], ids=["settings", "a rule"])
async def test_the_way_to_merge_is_one_that_the_repository_allows(
    ground: Ground, rules: Rules | None
) -> None:
    if rules is None:
        ground.shop.merge_methods = frozenset({"squash"})
    else:
        ground.server.protect(ground.shop, rules=rules)
    story, _ = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    assert await state(ground) == "merged"
    tip = ground.server.git(ground.shop, "rev-list", "--parents", "-1", "main").split()
    assert len(tip) == 2, "no merge commit"


async def test_merged_by_somebody_first_is_as_well(ground: Ground) -> None:
    story, _ = await opened(ground)
    ada = ground.server.person("ada")
    ada.set_draft(ground.shop, ground.pull, False)
    ada.merge(ground.shop, ground.pull)
    await story.succeeded()
    await ground.hive.looks.pull_request(
        MISSION, "acme/shop", ground.pull.number, ground.at.id, "test"
    )
    await ground.hive.carry()
    assert (await state(ground), puts(ground)) == ("merged", 0)


async def test_closed_is_the_end(ground: Ground) -> None:
    story, _ = await opened(ground)
    ground.server.person("ada").close(ground.shop, ground.pull)
    await story.succeeded()
    await ground.hive.looks.pull_request(
        MISSION, "acme/shop", ground.pull.number, ground.at.id, "test"
    )
    await ground.hive.carry()
    assert (await state(ground), puts(ground)) == ("closed", 0)


@pytest.mark.parametrize("permission", ["checks", "statuses"])
async def test_what_may_not_be_seen_is_not_taken_for_green(ground: Ground, permission: str) -> None:
    story, _ = await opened(ground)
    await story.succeeded()
    less = {name: level for name, level in PERMISSIONS.items() if name != permission}
    ground.server.grant(ground.at, less)
    ground.server.revoke_tokens(ground.at)
    await ground.hive.carry()
    assert (await waits(ground)).startswith("its checks and reviews cannot be seen: Resource not")
    assert puts(ground) == 0
    ground.server.grant(ground.at, PERMISSIONS)
    await ground.hive.carry()
    assert await state(ground) == "merged"


async def test_a_conflict_is_said(ground: Ground) -> None:
    story, _ = await opened(ground)
    ground.server.person("boss").push(ground.shop, "main", {"a.txt": "other"})
    await story.succeeded()
    await ground.hive.carry()
    assert await waits(ground) == "it conflicts with main"


async def test_who_asks_that_it_goes_on_keeps_what_was_wished_for(ground: Ground) -> None:
    await opened(ground)
    hive = ground.hive
    doctor = Doctor(hive.github, hive.looks, SystemClock(), b"")
    desk = Desk(hive.store, hive.records, doctor, new_id)
    again = OpenPullRequest(MISSION, "", PullRequestWish("acme/shop"), "ann", keep_merge=True)
    await desk.open(again)
    known = await hive.records.pull_request(MISSION)
    assert known.requested is not None
    assert known.requested.wish == WHEN_GREEN
    await desk.open(msgspec.structs.replace(again, keep_merge=False))
    known = await hive.records.pull_request(MISSION)
    assert known.requested is not None
    assert known.requested.wish.merge == "never"


async def test_what_it_waits_for_is_shown_to_people(ground: Ground) -> None:
    story, _ = await opened(ground)
    ground.server.person("ada").review(ground.shop, ground.pull, "REQUEST_CHANGES", "no")
    await story.succeeded()
    await ground.hive.carry()
    known = await ground.hive.records.pull_request(MISSION)
    checks = await ground.hive.records.checks(MISSION)
    assert status_of(known, checks).merging == "waits: changes are requested by ada"
    queued = msgspec.structs.replace(known, merging=MergeQueued(MISSION, "c" * 40))
    assert status_of(queued, checks).merging == "ccccccc is in the merge queue"


async def test_what_belongs_to_an_owner_of_code_waits_for_their_approval(ground: Ground) -> None:
    ground.server.person("boss").push(ground.shop, "main", {".github/CODEOWNERS": "*.txt @ada\n"})
    ground.server.protect(ground.shop, rules=Rules(code_owners=True))
    story, _ = await opened(ground)
    await story.succeeded()
    await ground.hive.carry()
    assert await waits(ground) == "the repository's rules: a review or a required check is missing"
    ground.server.person("rob").review(ground.shop, ground.pull, "APPROVE")
    await ground.hive.carry()
    assert (await waits(ground)).startswith("the repository's rules: a review")
    ground.server.person("ada").review(ground.shop, ground.pull, "APPROVE")
    await ground.hive.carry()
    assert await state(ground) == "merged"
