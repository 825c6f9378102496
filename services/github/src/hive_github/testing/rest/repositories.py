"""Repositories: what they are, what is in them, and who may do what."""

from typing import Any

from hive_github.testing import branches, merging
from hive_github.testing.git import ZERO, GitProblem
from hive_github.testing.model import Repository
from hive_github.testing.refusals import Refused, not_found
from hive_github.testing.routes import Answer, Call, route
from hive_github.testing.shapes import accounts, commits, pulls
from hive_github.testing.shapes import repositories as shown
from hive_github.testing.world import node_id

_OLD_ROLES = {"maintain": "write", "triage": "read"}


@route("GET /repos/{owner}/{repo}", "metadata:read")
def get_repository(call: Call) -> Any:
    return shown.full(call.world, call.repository, call.caller.account)


@route("GET /repos/{owner}/{repo}/collaborators/{username}/permission", "metadata:read")
def get_permission(call: Call) -> Any:
    person = call.world.known_account(call.params["username"])
    role = call.world.role(person, call.repository)
    return {
        "permission": _OLD_ROLES.get(role, role),
        "role_name": role,
        "user": {
            **accounts.account(call.world, person),
            "role_name": role,
            "permissions": shown.permissions(role),
        },
    }


@route("GET /repos/{owner}/{repo}/collaborators/{username}", "metadata:read")
def is_collaborator(call: Call) -> Answer:
    person = call.world.known_account(call.params["username"])
    login = person.login.lower()
    at = call.repository
    if login not in at.collaborators and login not in at.owner.members and person is not at.owner:
        raise not_found()
    return Answer(status=204)


# ---- contents


@route("GET /repos/{owner}/{repo}/contents/{path}", "contents:read")
def get_content(call: Call) -> Any:
    at, git, path = call.repository, call.world.git, call.params["path"].strip("/")
    ref = call.query.get("ref") or at.default_branch
    sha = git.resolve(at.path, ref.removeprefix("refs/heads/"))
    if sha is None:
        raise Refused(404, f"No commit found for the ref {ref}")
    if not path or git.ref(at.path, f"{sha}:{path}") is None:
        if path:
            raise not_found()
        return _folder(call, sha, ref, "")
    found = git.ref(at.path, f"{sha}:{path}")
    assert found is not None
    if git.run(at.path, "cat-file", "-t", found).strip() == b"tree":
        return _folder(call, sha, ref, path)
    data = git.run(at.path, "cat-file", "blob", found)
    return commits.content(call.world, at, ref, path, found, data)


def _folder(call: Call, sha: str, ref: str, path: str) -> list[dict[str, Any]]:
    at = call.repository
    listed = call.world.git.run(at.path, "ls-tree", "-z", "-l", f"{sha}:{path}")
    entries = []
    for line in listed.decode(errors="surrogateescape").split("\0")[:-1]:
        facts, _, name = line.partition("\t")
        _, kind, blob, size = facts.split()
        full = f"{path}/{name}".lstrip("/")
        whole = commits.content(call.world, at, ref, full, blob, b"")
        del whole["content"], whole["encoding"]
        if kind == "tree":
            whole |= {"type": "dir", "download_url": None}
        entries.append({**whole, "size": 0 if size == "-" else int(size)})
    return entries


# ---- refs and commits


def _ref(call: Call, name: str, sha: str) -> dict[str, Any]:
    url = shown.url(call.world, call.repository)
    return {
        "ref": name,
        "node_id": node_id("REF", int(sha[:7], 16)),
        "url": f"{url}/git/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{url}/git/commits/{sha}"},
    }


@route("GET /repos/{owner}/{repo}/git/ref/{ref}", "contents:read")
def get_ref(call: Call) -> Any:
    name = f"refs/{call.params['ref']}"
    sha = call.world.git.ref(call.repository.path, name)
    if sha is None:
        raise not_found()
    return _ref(call, name, sha)


@route("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", "contents:read")
def matching_refs(call: Call) -> Answer:
    prefix = f"refs/{call.params['ref']}"
    found = call.world.git.refs(call.repository.path)
    names = [name for name in found if name.startswith(prefix)]
    return call.page(names, lambda name: _ref(call, name, found[name]))


@route("POST /repos/{owner}/{repo}/git/refs", "contents:write")
def create_ref(call: Call) -> Answer:
    name, sha, git = call.body["ref"], call.body["sha"], call.world.git
    if not name.startswith("refs/") or name.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/' and have at least two slashes")
    if git.ref(call.repository.path, name):
        raise Refused(422, "Reference already exists")
    _writable(call, call.repository)
    if git.resolve(call.repository.path, sha) != sha:
        raise Refused(422, "Object does not exist")
    try:
        git.set_ref(call.repository.path, name, sha)
    except GitProblem:
        raise Refused(422, "Reference name is not valid") from None
    branches.moved(call.world, call.repository, name, ZERO, sha, call.account)
    return Answer(status=201, body=_ref(call, name, sha))


@route("PATCH /repos/{owner}/{repo}/git/refs/{ref}", "contents:write")
def update_ref(call: Call) -> Any:
    name, sha, git = f"refs/{call.params['ref']}", call.body["sha"], call.world.git
    at = call.repository
    old = git.ref(at.path, name)
    if old is None:
        raise Refused(422, "Reference does not exist")
    _writable(call, at)
    rules = merging.rules_of(at, name.removeprefix("refs/heads/"))
    if rules.pull_request or rules.merge_queue:
        raise Refused(422, "Changes must be made through a pull request.")
    if git.resolve(at.path, sha) != sha:
        raise Refused(422, "Object does not exist")
    if not git.is_ancestor(at.path, old, sha) and not (
        call.body.get("force") and rules.force_pushes
    ):
        raise Refused(422, "Update is not a fast forward")
    git.set_ref(at.path, name, sha, old)
    branches.moved(call.world, at, name, old, sha, call.account)
    return _ref(call, name, sha)


@route("DELETE /repos/{owner}/{repo}/git/refs/{ref}", "contents:write")
def delete_ref(call: Call) -> Answer:
    name, at = f"refs/{call.params['ref']}", call.repository
    old = call.world.git.ref(at.path, name)
    if old is None:
        raise Refused(422, "Reference does not exist")
    _writable(call, at)
    if not merging.rules_of(at, name.removeprefix("refs/heads/")).deletions:
        raise Refused(422, "Cannot delete a protected branch")
    call.world.git.set_ref(at.path, name, ZERO)
    branches.moved(call.world, at, name, old, ZERO, call.account)
    return Answer(status=204)


@route("GET /repos/{owner}/{repo}/branches", "contents:read")
def list_branches(call: Call) -> Answer:
    heads = call.world.git.refs(call.repository.path, "refs/heads/")
    url = shown.url(call.world, call.repository)
    return call.page(
        heads.items(),
        lambda pair: {
            "name": pair[0].removeprefix("refs/heads/"),
            "commit": {"sha": pair[1], "url": f"{url}/commits/{pair[1]}"},
            "protected": pair[0].removeprefix("refs/heads/") in call.repository.rules,
        },
    )


@route("GET /repos/{owner}/{repo}/branches/{branch}", "contents:read")
def get_branch(call: Call) -> Any:
    at, name = call.repository, call.params["branch"]
    sha = call.world.git.ref(at.path, f"refs/heads/{name}")
    if sha is None:
        raise Refused(404, "Branch not found")
    url = f"{shown.url(call.world, at)}/branches/{name}"
    rules = at.rules.get(name)
    return {
        "name": name,
        "commit": commits.commit(call.world, at, call.world.git.commits(at.path, sha, 1)[0]),
        "_links": {"self": url, "html": f"{shown.html(call.world, at)}/tree/{name}"},
        "protected": rules is not None,
        "protection": shown.shown_protection(rules),
        "protection_url": f"{url}/protection",
    }


@route("GET /repos/{owner}/{repo}/branches/{branch}/protection", "administration:read")
def get_protection(call: Call) -> Any:
    at, name = call.repository, call.params["branch"]
    rules = at.rules.get(name)
    if rules is None:
        raise Refused(404, "Branch not protected")
    return shown.protection(call.world, at, name, rules)


@route("GET /repos/{owner}/{repo}/rules/branches/{branch}", "metadata:read")
def get_rules(call: Call) -> Answer:
    """A branch's rules, as whoever may read the repository sees them."""
    rules = call.repository.rules.get(call.params["branch"])
    return call.page([] if rules is None else shown.active_rules(rules), dict)


@route("GET /repos/{owner}/{repo}/commits", "contents:read")
def list_commits(call: Call) -> Answer:
    at = call.repository
    start = call.query.get("sha") or at.default_branch
    sha = call.world.git.resolve(at.path, start)
    if sha is None:
        raise not_found()
    found = call.world.git.commits(at.path, sha)
    return call.page(found, lambda one: commits.commit(call.world, at, one))


@route("GET /repos/{owner}/{repo}/commits/{ref}", "contents:read")
def get_commit(call: Call) -> Any:
    at = call.repository
    return commits.detailed(call.world, at, call.world.git.commits(at.path, call.sha(), 1)[0])


@route("GET /repos/{owner}/{repo}/compare/{basehead}", "contents:read")
def compare(call: Call) -> Any:
    at, git = call.repository, call.world.git
    one, _, other = call.params["basehead"].partition("...")
    base, head = git.resolve(at.path, one), git.resolve(at.path, other) if other else None
    if base is None or head is None:
        raise not_found()
    ahead = git.commits(at.path, f"{base}..{head}")[::-1]
    behind = git.count(at.path, f"{head}..{base}")
    since = git.merge_base(at.path, base, head)
    if since is None:
        raise Refused(404, f"No common ancestor between {one} and {other}.")
    status = "identical" if base == head else "ahead" if not behind else (
        "behind" if not ahead else "diverged"
    )  # fmt: skip
    page = f"{shown.html(call.world, at)}/compare/{call.params['basehead']}"
    listed = call.page(ahead, lambda each: commits.commit(call.world, at, each))
    changes = call.world.changes(at, base, head)
    body = {
        "url": f"{shown.url(call.world, at)}/compare/{call.params['basehead']}",
        "html_url": page, "permalink_url": page, "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": commits.commit(call.world, at, git.commits(at.path, base, 1)[0]),
        "merge_base_commit": commits.commit(call.world, at, git.commits(at.path, since, 1)[0]),
        "status": status, "ahead_by": len(ahead), "behind_by": behind,
        "total_commits": len(ahead), "commits": listed.body,
        "files": [commits.file(call.world, at, head, change) for change in changes],
    }  # fmt: skip
    return Answer(body=body, headers=listed.headers)


@route("GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", "pull_requests:read")
def pulls_of_commit(call: Call) -> Answer:
    at, sha = call.repository, call.sha("commit_sha")
    found = [
        issue for issue in at.pulls
        if issue.pull is not None
        and (issue.pull.merge_commit_sha == sha or (
            call.world.git.is_ancestor(at.path, sha, issue.pull.head_sha)
            and not call.world.git.is_ancestor(at.path, sha, issue.pull.base_sha)
        ))
    ]  # fmt: skip
    return call.page(found, lambda one: pulls.simple(call.world, at, one))


def _writable(call: Call, at: Repository) -> None:
    if at.archived:
        raise Refused(403, "Repository was archived so is read-only.")
