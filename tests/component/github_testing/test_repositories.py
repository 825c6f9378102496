"""Repositories: contents, refs, comparisons, and what becomes of them."""

import base64

import pytest

from hive_github.testing import Rules
from tests.component.github_testing.scene import REPOSITORY, Scene


def test_files_and_folders_are_read_at_any_ref(it: Scene) -> None:
    files = {".hive/repo.yaml": "gates: {}\n", ".github/CODEOWNERS": "* @ada\n", "ünï ☃.txt": "x"}
    it.ada.push(it.shop, "work", files)
    client = it.as_installation()
    contents = f"{REPOSITORY}/contents"
    shown = client.get(f"{contents}/.hive/repo.yaml?ref=work").json()
    assert base64.b64decode(shown["content"]) == b"gates: {}\n"
    assert client.get(f"{contents}/.hive/repo.yaml").status_code == 404
    assert client.get(f"{contents}/README.md?ref=nowhere").status_code == 404
    listed = client.get(f"{contents}/?ref=work").json()
    assert {one["name"]: one["type"] for one in listed} == {
        ".github": "dir", ".hive": "dir", "README.md": "file", "shop.py": "file",
        "ünï ☃.txt": "file",
    }  # fmt: skip
    assert [one["path"] for one in client.get(f"{contents}/.hive?ref=work").json()] == [
        ".hive/repo.yaml"
    ]
    assert client.get(f"{contents}/%C3%BCn%C3%AF%20%E2%98%83.txt?ref=work").json()["size"] == 1


def test_refs_are_made_moved_and_deleted(it: Scene) -> None:
    client, refs = it.as_installation(), f"{REPOSITORY}/git/refs"
    main = client.get(f"{REPOSITORY}/git/ref/heads/main").json()["object"]["sha"]
    told = {"ref": "refs/heads/hive/m-1", "sha": main}
    assert client.post(refs, json=told).status_code == 201
    assert client.post(refs, json=told).status_code == 422
    assert client.post(refs, json={**told, "ref": "hive"}).status_code == 422
    assert client.post(refs, json={**told, "ref": "refs/heads/a..b"}).status_code == 422
    assert client.post(refs, json={"ref": "refs/heads/x", "sha": "0" * 40}).status_code == 422
    newer = it.ada.push(it.shop, "other", {"a": "a"})
    path = f"{refs}/heads/hive/m-1"
    assert client.patch(path, json={"sha": newer}).json()["object"]["sha"] == newer
    assert client.patch(path, json={"sha": main}).status_code == 422
    assert client.patch(path, json={"sha": main, "force": True}).status_code == 200
    listed = client.get(f"{REPOSITORY}/git/matching-refs/heads/hive").json()
    assert [one["ref"] for one in listed] == ["refs/heads/hive/m-1"]
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 422
    assert client.get(f"{REPOSITORY}/git/ref/heads/hive/m-1").status_code == 404
    assert it.names()[-2:] == ["push", "delete"]


def test_commits_are_compared(it: Scene) -> None:
    sha = it.ada.push(it.shop, "work", {"a.py": "a\n"}, "Work")
    it.bob.push(it.shop, "main", {"b.py": "b\n"}, "Theirs")
    client = it.as_installation()
    shown = client.get(f"{REPOSITORY}/compare/main...work").json()
    assert (shown["status"], shown["ahead_by"], shown["behind_by"]) == ("diverged", 1, 1)
    assert [one["filename"] for one in shown["files"]] == ["a.py"]
    same = client.get(f"{REPOSITORY}/compare/work...work").json()
    assert (same["status"], same["files"]) == ("identical", [])
    assert client.get(f"{REPOSITORY}/compare/main...nowhere").status_code == 404
    commit = client.get(f"{REPOSITORY}/commits/work").json()
    assert (commit["sha"], commit["author"]["login"]) == (sha, "ada")
    assert commit["stats"]["additions"] == 1
    assert client.get(f"{REPOSITORY}/commits/nowhere").status_code == 422
    assert len(client.get(f"{REPOSITORY}/commits?sha=work").json()) == 2


@pytest.mark.parametrize(
    ("login", "permission"),
    [("boss", "admin"), ("ada", "write"), ("eve", "none"), ("tess", "read"), ("max", "write")],
)
def test_a_persons_permission_is_told(it: Scene, login: str, permission: str) -> None:
    for name, role in (("tess", "triage"), ("max", "maintain")):
        it.github.person(name)
        it.shop.collaborators[name] = role
    client = it.as_installation()
    shown = client.get(f"{REPOSITORY}/collaborators/{login}/permission").json()
    assert shown["permission"] == permission
    known = client.get(f"{REPOSITORY}/collaborators/{login}").status_code
    assert known == (404 if login == "eve" else 204)
    assert client.get(f"{REPOSITORY}/collaborators/nobody/permission").status_code == 404


def test_rules_of_a_branch_are_told(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",), approvals=2, merge_queue=True))
    client = it.as_installation()
    listed = client.get(f"{REPOSITORY}/rules/branches/main").json()
    kinds = {rule["type"] for rule in listed}
    assert {"required_status_checks", "pull_request", "merge_queue"} <= kinds
    assert client.get(f"{REPOSITORY}/branches/main").json()["protected"] is True
    assert client.get(f"{REPOSITORY}/branches/none").status_code == 404
    protection = f"{REPOSITORY}/branches/main/protection"
    assert client.get(protection).status_code == 403
    boss = it.as_person("boss", permissions={"administration": "read"})
    shown = boss.get(protection).json()
    assert shown["required_status_checks"]["contexts"] == ["ci"]
    it.github.unprotect(it.shop)
    assert boss.get(protection).status_code == 404


def test_a_renamed_repository_is_found_by_its_old_name(it: Scene) -> None:
    it.ada.open_issue(it.shop, "Broken")
    it.github.person("boss").rename(it.shop, "store")
    client = it.as_installation()
    moved = client.get(f"{REPOSITORY}/issues?state=all")
    assert moved.status_code == 301
    assert moved.headers["location"].endswith(f"/repositories/{it.shop.id}/issues?state=all")
    assert len(client.get(moved.headers["location"]).json()) == 1
    assert client.get(REPOSITORY, follow_redirects=True).json()["full_name"] == "acme/store"
    took = it.receiver.took
    it.github.settle()
    assert took[-1].payload["changes"]["repository"]["name"]["from"] == "shop"
    it.github.repository("acme/shop")
    assert client.get(REPOSITORY).json()["id"] != it.shop.id


def test_a_transferred_repository_leaves_its_installation(it: Scene) -> None:
    client = it.as_installation()
    it.github.organization("umbrella")
    it.github.person("boss").transfer(it.shop, it.github.world.known_account("umbrella"))
    assert client.get(REPOSITORY).status_code == 404
    assert it.names()[-1] == "installation_repositories.removed"
    there = it.github.install(it.app, "umbrella")
    path = f"/app/installations/{there.id}/access_tokens"
    moved = it.client(it.as_app().post(path).json()["token"]).get(REPOSITORY)
    assert moved.status_code == 301


def test_a_deleted_repository_is_gone(it: Scene) -> None:
    client = it.as_installation()
    it.github.person("boss").delete(it.shop)
    assert client.get(REPOSITORY).status_code == 404
    assert client.get("/installation/repositories").json()["total_count"] == 0
    assert it.names()[-2:] == ["repository.deleted", "installation_repositories.removed"]


def test_people_are_found_by_their_names(it: Scene) -> None:
    client = it.as_installation()
    assert client.get("/users/ada").json()["type"] == "User"
    assert client.get("/users/hive[bot]").json()["type"] == "Bot"
    assert client.get("/users/nobody").status_code == 404
    assert client.get("/user").status_code == 403
    assert client.get("/meta").json()["hooks"] == ["127.0.0.1/32"]
    assert client.get(f"{REPOSITORY}/assignees/ada").status_code == 204
    assert client.get(f"{REPOSITORY}/assignees/eve").status_code == 404
