"""Whom a mission's pull request asks for a review, and what GitHub takes of that."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from hive_github.desk import status_of
from hive_github.testing.registry import PERMISSIONS
from hive_github.testing.shapes.pulls import pull_of
from tests.integration.github.ground import WISH, Ground, on_github
from tests.suites.on_github import MISSION


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with on_github(tmp_path) as ground:
        ground.server.team("acme/api", members=["tim"], repositories=[ground.shop])
        yield ground


async def asked(ground: Ground, *reviewers: str) -> tuple[set[str], set[str], tuple[str, ...]]:
    """People and teams that GitHub shows as asked, and what `hive pr` says was not taken."""
    story = ground.story(msgspec.structs.replace(WISH, reviewers=reviewers))
    await story.launched()
    await story.merged(a="1")
    await ground.hive.carry()
    pull = pull_of(ground.pull)
    known = await ground.hive.records.pull_request(MISSION)
    status = status_of(known, await ground.hive.records.checks(MISSION))
    assert known.asked is not None
    assert {*known.asked.reviewers} == {each.login for each in pull.reviewers} | {
        each.full_name for each in pull.teams
    }
    return (
        {each.login for each in pull.reviewers},
        {each.full_name for each in pull.teams},
        status.refused,
    )


async def test_people_and_teams_are_asked(ground: Ground) -> None:
    people, teams, refused = await asked(ground, "ada", "acme/api")
    assert (people, teams, refused) == ({"ada"}, {"acme/api"}, ())


async def test_those_that_github_does_not_take_are_named_and_hold_up_no_other(
    ground: Ground,
) -> None:
    people, teams, refused = await asked(ground, "acme/nobody", "eve", "acme/api", "ada")
    assert (people, teams) == ({"ada"}, {"acme/api"})
    nobody, eve = refused
    assert nobody.startswith("acme/nobody: ")
    assert "not a collaborator" in nobody
    assert eve.startswith("eve: ")


async def test_a_namesake_of_another_organisations_team_is_not_asked(ground: Ground) -> None:
    people, teams, refused = await asked(ground, "globex/api")
    assert (people, teams) == (set(), set())
    assert refused == ("globex/api: it is no team of acme/shop's organisation",)


async def test_where_teams_may_not_be_seen_it_says_what_to_give(ground: Ground) -> None:
    ground.server.grant(ground.at, {k: v for k, v in PERMISSIONS.items() if k != "members"})
    _, teams, [refused] = await asked(ground, "acme/api")
    assert teams == set()
    assert refused.startswith("acme/api: GitHub shows no teams")
    assert "permission to read members" in refused


async def test_a_mission_that_names_a_team_hears_the_review_of_a_member(ground: Ground) -> None:
    await asked(ground, "acme/api")
    story = ground.story(None)
    await story.succeeded()
    await ground.hive.carry()
    ground.server.person("tim").review(ground.shop, ground.pull, "REQUEST_CHANGES", "Not so.")
    assert pull_of(ground.pull).teams == []
    round = await ground.hive.look()
    assert round is not None
    assert (round.kind, round.by) == ("review", "tim")


async def test_owners_of_the_code_are_asked_beside_them_once_it_is_ready(ground: Ground) -> None:
    boss = ground.server.person("boss")
    boss.push(ground.shop, "main", {".github/CODEOWNERS": "a.txt @ada\nb.txt @eve\n"})
    people, _, _ = await asked(ground, "tim")
    assert people == {"tim"}, "a draft is nobody's to review"
    await ground.story(None).succeeded()
    await ground.hive.carry()
    pull = pull_of(ground.pull)
    assert not pull.draft
    assert {each.login for each in pull.reviewers} == {"ada", "tim"}
