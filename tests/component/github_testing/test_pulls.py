"""Pull requests: opened, changed, reviewed, merged by real git."""

from typing import Any

import httpx
import pytest

from hive_github.testing import Issue, Refused, Rules
from hive_github.testing.shapes.pulls import pull_of
from tests.component.github_testing.scene import REPOSITORY, Scene

PULL = f"{REPOSITORY}/pulls/1"


def opened(it: Scene, files: dict[str, str] | None = None, **told: Any) -> Issue:
    it.ada.push(it.shop, "work", files or {"shop.py": "one\ntwo\nthree\nfour\n"}, "Work")
    return it.ada.open_pull(it.shop, "Work", "work", **told)


def test_a_pull_request_is_opened_listed_and_changed(it: Scene) -> None:
    sha = it.ada.push(it.shop, "hive/m-1", {"new.py": "1\n2\n"}, "Work")
    client = it.as_installation()
    told = {"title": "Work", "head": "hive/m-1", "base": "main", "draft": True, "body": "Done"}
    made = client.post(f"{REPOSITORY}/pulls", json=told)
    assert made.status_code == 201
    shown = made.json()
    assert shown["head"]["sha"] == sha
    assert (shown["draft"], shown["mergeable_state"]) == (True, "draft")
    assert (shown["commits"], shown["additions"], shown["changed_files"]) == (1, 2, 1)
    assert client.patch(PULL, json={"title": "Better"}).json()["title"] == "Better"
    for query in ("", "?head=acme:hive/m-1", "?base=main", "?state=all"):
        assert len(client.get(f"{REPOSITORY}/pulls{query}").json()) == 1, query
    assert client.get(f"{REPOSITORY}/pulls?head=acme:other").json() == []
    (file,) = client.get(f"{PULL}/files").json()
    assert (file["filename"], file["patch"]) == ("new.py", "@@ -0,0 +1,2 @@\n+1\n+2")
    assert [one["sha"] for one in client.get(f"{PULL}/commits").json()] == [sha]
    assert len(client.get(f"{REPOSITORY}/commits/{sha}/pulls").json()) == 1
    assert client.get(f"{PULL}/merge").status_code == 404
    assert it.github.git(it.shop, "rev-parse", "refs/pull/1/head") == sha


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"head": "nowhere"}, "head"),
        ({"base": "nowhere"}, "base"),
        ({"head": "main"}, "head"),
        ({"head": "eve:work"}, "head"),
    ],
    ids=["no head", "no base", "nothing to merge", "a stranger's fork"],
)
def test_what_cannot_be_merged_is_not_opened(it: Scene, told: dict[str, str], field: str) -> None:
    it.ada.push(it.shop, "work", {"a": "a"})
    body = {"title": "Work", "head": "work", "base": "main", **told}
    refused = it.as_installation().post(f"{REPOSITORY}/pulls", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


def test_there_is_one_open_pull_request_for_a_head_and_a_base(it: Scene) -> None:
    opened(it)
    body = {"title": "Again", "head": "work", "base": "main"}
    refused = it.as_installation().post(f"{REPOSITORY}/pulls", json=body)
    assert "already exists for acme:work" in refused.json()["errors"][0]["message"]


def test_a_push_moves_the_head_and_a_force_push_too(it: Scene) -> None:
    pull = opened(it)
    first = pull_of(pull).head_sha
    second = it.ada.push(it.shop, "work", {"more.py": "x"})
    third = it.ada.push(it.shop, "work", {"other.py": "y"}, force=True)
    it.names()
    moved = [
        (one.payload["before"], one.payload["after"])
        for one in it.receiver.took
        if one.name == "pull_request.synchronize"
    ]
    assert moved == [(first, second), (second, third)]
    pushes = [one.payload for one in it.receiver.took if one.name == "push"]
    assert [push["forced"] for push in pushes] == [False, False, True]


def test_a_conflict_with_a_moved_base_shows_and_is_solved_by_a_push(it: Scene) -> None:
    opened(it, {"shop.py": "one\nmine\nthree\n"})
    it.bob.push(it.shop, "main", {"shop.py": "one\ntheirs\nthree\n"}, "Theirs")
    client = it.as_installation()
    shown = client.get(PULL).json()
    assert (shown["mergeable"], shown["mergeable_state"]) == (False, "dirty")
    assert client.put(f"{PULL}/merge", json={}).status_code == 405
    assert client.put(f"{PULL}/update-branch", json={}).status_code == 422
    it.ada.push(it.shop, "work", {"shop.py": "one\nboth\nthree\n"}, onto="main", force=True)
    assert client.get(PULL).json()["mergeable_state"] == "clean"


def test_the_base_is_merged_into_the_head(it: Scene) -> None:
    pull = opened(it)
    it.bob.push(it.shop, "main", {"other.py": "x"})
    client = it.as_installation()
    wrong = client.put(f"{PULL}/update-branch", json={"expected_head_sha": "0" * 40})
    assert wrong.status_code == 422
    assert client.put(f"{PULL}/update-branch", json={}).status_code == 202
    assert client.put(f"{PULL}/update-branch", json={}).status_code == 422
    parents = it.github.git(it.shop, "rev-list", "--parents", "-n1", "work").split()
    assert len(parents) == 3
    assert pull_of(pull).head_sha == parents[0]


@pytest.mark.parametrize(
    ("method", "log"),
    [
        ("merge", "Merge pull request #1 from acme/work\nWork\nInitial commit"),
        ("squash", "Work (#1)\nInitial commit"),
        ("rebase", "Work\nInitial commit"),
    ],
)
def test_it_is_merged_by_each_method(it: Scene, method: str, log: str) -> None:
    pull = opened(it, body="Fixes #2")
    issue = it.ada.open_issue(it.shop, "Broken")
    client = it.as_installation()
    told = {"merge_method": method, "sha": pull_of(pull).head_sha}
    merged = client.put(f"{PULL}/merge", json=told).json()
    assert it.github.git(it.shop, "rev-parse", "main") == merged["sha"]
    assert it.github.git(it.shop, "log", "--topo-order", "--format=%s", "main") == log
    shown = client.get(PULL).json()
    assert (shown["merged"], shown["merged_by"]["login"]) == (True, "hive[bot]")
    assert shown["merge_commit_sha"] == merged["sha"]
    assert client.get(f"{PULL}/merge").status_code == 204
    assert issue.state == "closed"
    assert client.put(f"{PULL}/merge", json={}).status_code == 405
    names = it.names()
    assert names.index("pull_request.closed") < names.index("issues.closed")


def test_a_merge_of_another_head_than_expected_is_refused(it: Scene) -> None:
    opened(it)
    refused = it.as_installation().put(f"{PULL}/merge", json={"sha": "0" * 40})
    assert refused.status_code == 409


def test_somebody_else_merges_it_first_by_git(it: Scene) -> None:
    pull = opened(it)
    head = pull_of(pull).head_sha
    it.bob.push(it.shop, "main", {"more": "x"}, onto=head)
    shown = it.as_installation().get(PULL).json()
    assert (shown["state"], shown["merged"]) == ("closed", True)


def test_rules_of_the_base_hold_a_merge_back_until_they_are_met(it: Scene) -> None:
    it.github.protect(
        it.shop, rules=Rules(checks=("ci",), approvals=1, conversations_resolved=True, strict=True)
    )
    pull = opened(it)
    client = it.as_installation()

    def refused() -> str:
        answer = client.put(f"{PULL}/merge", json={})
        assert answer.status_code == 405
        return str(answer.json()["message"])

    assert "1 approving review" in refused()
    assert client.get(PULL).json()["mergeable_state"] == "blocked"
    comment = it.bob.review_comment(it.shop, pull, "shop.py", 4, "Why?")
    it.bob.review(it.shop, pull, "REQUEST_CHANGES", "No.")
    assert "Changes have been requested" in refused()
    it.bob.review(it.shop, pull, "APPROVE")
    assert "conversation must be resolved" in refused()
    it.ada.resolve(it.shop, pull, comment)
    assert '"ci" is expected' in refused()
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "failure")
    assert '"ci" is failing' in refused()
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "success")
    it.github.person("boss").push(it.shop, "main", {"other": "x"})
    assert client.get(PULL).json()["mergeable_state"] == "behind"
    it.ada.push(it.shop, "work", {"again": "x"}, onto="main", force=True)
    it.bob.status(it.shop, pull_of(pull).head_sha, "ci", "success")
    assert client.put(f"{PULL}/merge", json={}).status_code == 200


def test_a_strangers_approval_does_not_count(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(approvals=1))
    pull = opened(it)
    it.eve.review(it.shop, pull, "APPROVE")
    with pytest.raises(Refused, match="approving review"):
        it.ada.merge(it.shop, pull)


def test_owners_of_the_code_are_asked_and_must_approve(it: Scene) -> None:
    it.bob.push(it.shop, "main", {".github/CODEOWNERS": "*.py @bob\n/docs/ @ada\n"})
    it.github.protect(it.shop, rules=Rules(code_owners=True))
    pull = opened(it)
    assert [one.login for one in pull_of(pull).reviewers] == ["bob"]
    with pytest.raises(Refused, match="code owner"):
        it.ada.merge(it.shop, pull)
    it.bob.review(it.shop, pull, "APPROVE")
    it.ada.merge(it.shop, pull)


def test_reviews_say_what_they_say_and_can_be_dismissed(it: Scene) -> None:
    pull = opened(it)
    client = it.as_person("bob")
    reviews = f"{PULL}/reviews"
    pending = client.post(reviews, json={"body": "later"}).json()
    assert pending["state"] == "PENDING"
    assert it.as_installation().get(reviews).json() == []
    sent = client.post(f"{reviews}/{pending['id']}/events", json={"event": "REQUEST_CHANGES"})
    assert sent.json()["state"] == "CHANGES_REQUESTED"
    gone = client.put(f"{reviews}/{pending['id']}/dismissals", json={"message": "ok"})
    assert gone.json()["state"] == "DISMISSED"
    own = it.as_person("ada").post(reviews, json={"event": "APPROVE"})
    assert own.status_code == 422
    assert client.post(reviews, json={"event": "COMMENT"}).status_code == 422
    assert client.get(f"{reviews}/99").status_code == 404
    assert it.names()[-2:] == ["pull_request_review.submitted", "pull_request_review.dismissed"]
    assert pull_of(pull).reviews[0].user.login == "bob"


def test_a_comment_on_a_line_is_answered_in_its_thread(it: Scene) -> None:
    pull = opened(it)
    client = it.as_installation()
    body = {"body": "Why?", "commit_id": pull_of(pull).head_sha, "path": "shop.py", "line": 4}
    made = client.post(f"{PULL}/comments", json=body).json()
    assert made["diff_hunk"].endswith("+four")
    answer = client.post(f"{PULL}/comments/{made['id']}/replies", json={"body": "Because."})
    assert answer.json()["in_reply_to_id"] == made["id"]
    assert len(pull_of(pull).threads) == 1
    one = f"{REPOSITORY}/pulls/comments/{made['id']}"
    assert client.patch(one, json={"body": "Why so?"}).json()["body"] == "Why so?"
    assert client.post(f"{one}/reactions", json={"content": "+1"}).status_code == 201
    assert client.get(one).json()["reactions"]["+1"] == 1
    it.ada.push(it.shop, "work", {"shop.py": "all\nnew\n"})
    assert "line" not in client.get(one).json()
    assert len(client.get(f"{REPOSITORY}/pulls/comments").json()) == 2


@pytest.mark.parametrize(
    "placed",
    [{"path": "none.py", "line": 1}, {"path": "shop.py", "line": 400}, {"path": "shop.py"}],
    ids=["another file", "a line that is not there", "no line"],
)
def test_a_comment_must_be_on_what_changed(it: Scene, placed: dict[str, Any]) -> None:
    pull = opened(it)
    body = {"body": "Why?", "commit_id": pull_of(pull).head_sha, **placed}
    assert it.as_installation().post(f"{PULL}/comments", json=body).status_code == 422


def test_reviewers_are_asked_among_collaborators_alone(it: Scene) -> None:
    opened(it)
    client = it.as_installation()
    path = f"{PULL}/requested_reviewers"
    assert client.post(path, json={"reviewers": ["bob"]}).status_code == 201
    assert [one["login"] for one in client.get(path).json()["users"]] == ["bob"]
    assert client.post(path, json={"reviewers": ["ada"]}).status_code == 422
    assert client.post(path, json={"reviewers": ["eve"]}).status_code == 422
    assert client.request("DELETE", path, json={"reviewers": ["bob"]}).status_code == 200
    assert client.get(path).json()["users"] == []


def test_a_fork_brings_its_head_along(it: Scene) -> None:
    public = it.github.repository("acme/open", private=False)
    fork = it.eve.fork(public)
    sha = it.eve.push(fork, "work", {"a": "a"})
    pull = it.eve.open_pull(public, "From outside", "eve:work")
    assert it.github.git(public, "rev-parse", "refs/pull/1/head") == sha
    client = it.as_installation()
    shown = client.get("/repos/acme/open/pulls/1").json()
    assert shown["head"]["repo"]["full_name"] == "eve/open"
    it.github.person("boss").merge(public, pull, "squash")
    assert it.github.git(public, "show", "main:a") == "a"


def test_a_deleted_head_closes_the_pull_request(it: Scene) -> None:
    pull = opened(it)
    it.ada.delete_branch(it.shop, "work")
    assert pull.state == "closed"
    assert it.as_installation().patch(PULL, json={"state": "open"}).status_code == 422


def test_file_names_of_every_kind_come_through(it: Scene) -> None:
    names = ["Ünï ☃.py", "a b/c'd.py", "tab\tname", 'quo"te', "[x]*?.py", "-dash"]
    opened(it, dict.fromkeys(names, "x\n"))
    client: httpx.Client = it.as_installation()
    shown = client.get(f"{PULL}/files").json()
    assert {one["filename"] for one in shown} == set(names)
    assert all(one["patch"] == "@@ -0,0 +1 @@\n+x" for one in shown)
