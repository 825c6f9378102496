"""Commits, comparisons and files, as JSON."""

import base64
from typing import Any

from hive_github.testing.clock import stamp
from hive_github.testing.git import Change, CommitFacts
from hive_github.testing.model import Account, Repository
from hive_github.testing.shapes import repositories
from hive_github.testing.shapes.accounts import account
from hive_github.testing.world import World, node_id


def pushed(world: World, at: Repository, one: CommitFacts) -> dict[str, Any]:
    """As a push tells of it."""
    parent = one.parents[0] if one.parents else None
    changes = world.changes(at, parent, one.sha) if parent else []
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "distinct": True,
        "message": one.message,
        "timestamp": stamp(int(one.committer[2])),
        "url": f"{repositories.html(world, at)}/commit/{one.sha}",
        "author": {"name": one.author[0], "email": one.author[1]},
        "committer": {"name": one.committer[0], "email": one.committer[1]},
        "added": [change.path for change in changes if change.status == "added"],
        "removed": [change.path for change in changes if change.status == "removed"],
        "modified": [
            change.path for change in changes if change.status not in ("added", "removed")
        ],
    }


def short(world: World, at: Repository, one: CommitFacts) -> dict[str, Any]:
    """As check suites and merge groups have it."""
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "message": one.message,
        "timestamp": stamp(int(one.committer[2])),
        "author": {"name": one.author[0], "email": one.author[1]},
        "committer": {"name": one.committer[0], "email": one.committer[1]},
    }


def commit(world: World, at: Repository, one: CommitFacts) -> dict[str, Any]:
    url = f"{repositories.url(world, at)}/commits/{one.sha}"
    page = repositories.html(world, at)
    return {
        "sha": one.sha,
        "node_id": node_id("C", int(one.sha[:7], 16)),
        "commit": {
            "author": _signed(one.author),
            "committer": _signed(one.committer),
            "message": one.message,
            "tree": {
                "sha": one.tree, "url": f"{repositories.url(world, at)}/git/trees/{one.tree}",
            },
            "url": f"{repositories.url(world, at)}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": {
                "verified": False, "reason": "unsigned", "signature": None, "payload": None,
                "verified_at": None,
            },
        },
        "url": url,
        "html_url": f"{page}/commit/{one.sha}",
        "comments_url": f"{url}/comments",
        "author": _known(world, one.author[1]),
        "committer": _known(world, one.committer[1]),
        "parents": [
            {
                "sha": parent,
                "url": f"{repositories.url(world, at)}/commits/{parent}",
                "html_url": f"{page}/commit/{parent}",
            }
            for parent in one.parents
        ],
    }  # fmt: skip


def detailed(world: World, at: Repository, one: CommitFacts) -> dict[str, Any]:
    """With its files."""
    changes = world.changes(at, one.parents[0], one.sha) if one.parents else []
    added = sum(change.additions for change in changes)
    removed = sum(change.deletions for change in changes)
    return {
        **commit(world, at, one),
        "stats": {"total": added + removed, "additions": added, "deletions": removed},
        "files": [file(world, at, one.sha, change) for change in changes],
    }


def file(world: World, at: Repository, sha: str, one: Change) -> dict[str, Any]:
    page = repositories.html(world, at)
    url = repositories.url(world, at)
    found: dict[str, Any] = {
        "sha": one.blob if one.status != "removed" else one.old_blob,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{one.path}",
        "raw_url": f"{page}/raw/{sha}/{one.path}",
        "contents_url": f"{url}/contents/{one.path}?ref={sha}",
    }
    if one.patch is not None:
        found["patch"] = one.patch
    if one.status == "renamed":
        found["previous_filename"] = one.old_path
    return found


def content(world: World, at: Repository, ref: str, path: str, sha: str, data: bytes) -> Any:
    url = f"{repositories.url(world, at)}/contents/{path}?ref={ref}"
    blob = f"{repositories.url(world, at)}/git/blobs/{sha}"
    page = f"{repositories.html(world, at)}/blob/{ref}/{path}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "content": base64.encodebytes(data).decode(),
        "sha": sha,
        "url": url,
        "git_url": blob,
        "html_url": page,
        "download_url": f"{repositories.html(world, at)}/raw/{ref}/{path}",
        "_links": {"self": url, "git": blob, "html": page},
    }


def _signed(by: tuple[str, str, str]) -> dict[str, Any]:
    return {"name": by[0], "email": by[1], "date": stamp(int(by[2]))}


def _known(world: World, email: str) -> dict[str, Any] | None:
    """Whose no-reply address it is."""
    name, _, host = email.partition("@")
    if host != "users.noreply.github.com":
        return None
    number, _, login = name.partition("+")
    found: Account | None = world.accounts.get((login or number).lower())
    return account(world, found) if found else None
