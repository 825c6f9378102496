"""Teams that are asked for a review, as GitHub asks them."""

import pytest

from hive_github.testing import Issue, Refused, Rules, Team
from hive_github.testing.registry import PERMISSIONS
from hive_github.testing.shapes.pulls import pull_of
from tests.component.github_testing.scene import REPOSITORY, Scene

PULL = f"{REPOSITORY}/pulls/1"
ASKED = f"{PULL}/requested_reviewers"


@pytest.fixture
def api(it: Scene) -> Team:
    return it.github.team("acme/api", members=["tim", "Tess"], repositories=[it.shop])


def opened(it: Scene, **files: str) -> Issue:
    it.ada.push(it.shop, "work", {"shop.py": "one\ntwo\n", **files})
    return it.ada.open_pull(it.shop, "Two", "work")


def slugs(it: Scene) -> list[str]:
    return [team["slug"] for team in it.as_installation().get(ASKED).json()["teams"]]


def test_a_team_is_asked_told_and_waited_for_no_more(it: Scene, api: Team) -> None:
    opened(it)
    client = it.as_installation()
    asked = client.post(ASKED, json={"team_reviewers": ["api"], "reviewers": ["bob"]})
    assert asked.status_code == 201
    assert [team["slug"] for team in asked.json()["requested_teams"]] == ["api"]
    assert client.post(ASKED, json={"team_reviewers": ["api"]}).status_code == 201
    assert slugs(it) == ["api"]
    assert client.get(PULL).json()["requested_teams"][0]["name"] == "api"
    assert it.names().count("pull_request.review_requested") == 2
    told = [one.payload for one in it.receiver.took if one.name.endswith("review_requested")]
    assert told[-1]["requested_team"]["slug"] == "api"
    withdrawn = {"reviewers": [], "team_reviewers": ["api"]}
    assert client.request("DELETE", ASKED, json=withdrawn).status_code == 200
    assert slugs(it) == []
    assert it.names()[-1] == "pull_request.review_request_removed"


def test_a_review_by_a_member_is_the_teams(it: Scene, api: Team) -> None:
    pull = opened(it)
    it.ada.request_review(it.shop, pull, "bob", teams=["api"])
    it.bob.review(it.shop, pull, "APPROVE")
    assert slugs(it) == ["api"]
    it.github.person("tim").review(it.shop, pull, "COMMENT", "Looks right.")
    assert slugs(it) == []
    assert it.names().count("pull_request_review.submitted") == 2


@pytest.mark.parametrize("slug", ["web", "ops", "elsewhere"])
def test_a_team_that_is_not_of_the_repository_is_refused_and_nobody_is_asked(
    it: Scene, api: Team, slug: str
) -> None:
    it.github.team("acme/ops", members=["tim"])
    it.github.organization("globex")
    it.github.team("globex/elsewhere", repositories=[it.shop])
    opened(it)
    answer = it.as_installation().post(
        ASKED, json={"reviewers": ["bob"], "team_reviewers": ["api", slug]}
    )
    assert answer.status_code == 422
    assert "is not a collaborator of the acme/shop repository" in answer.json()["message"]
    assert it.as_installation().get(ASKED).json() == {"users": [], "teams": []}


def test_a_team_that_may_not_be_seen_is_refused(it: Scene, api: Team) -> None:
    opened(it)
    it.github.grant(it.at, {k: v for k, v in PERMISSIONS.items() if k != "members"})
    answer = it.as_installation().post(ASKED, json={"team_reviewers": ["api"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0].startswith("Could not resolve to a node")
    assert slugs(it) == []


def test_members_of_a_team_may_do_what_it_may(it: Scene, api: Team) -> None:
    it.github.team("acme/readers", members=["rob"], repositories=[it.shop], role="read")
    it.github.protect(it.shop, rules=Rules(approvals=1))
    pull = opened(it)
    it.github.person("rob").review(it.shop, pull, "APPROVE")
    with pytest.raises(Refused, match="approving review"):
        it.ada.merge(it.shop, pull)
    it.github.person("tess").review(it.shop, pull, "APPROVE")
    it.ada.merge(it.shop, pull)


def test_a_team_that_owns_the_code_is_asked_and_one_of_it_must_approve(
    it: Scene, api: Team
) -> None:
    it.github.team("acme/readers", members=["rob"], repositories=[it.shop], role="read")
    it.bob.push(it.shop, "main", {".github/CODEOWNERS": "*.py @acme/api\n*.md @acme/readers\n"})
    it.github.protect(it.shop, rules=Rules(code_owners=True))
    pull = opened(it, **{"notes.md": "new\n"})
    assert pull_of(pull).teams == [api]
    it.bob.review(it.shop, pull, "APPROVE")
    with pytest.raises(Refused, match="code owner"):
        it.ada.merge(it.shop, pull)
    it.github.person("tim").review(it.shop, pull, "APPROVE")
    it.ada.merge(it.shop, pull)
