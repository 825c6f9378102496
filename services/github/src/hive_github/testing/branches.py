"""What follows when a ref moves: webhooks, pull requests, check suites, the merge queue."""

from typing import Any

from hive_github.testing import checking, registry
from hive_github.testing.git import ZERO, CommitFacts, GitProblem
from hive_github.testing.model import Account, Issue, Pull, Repository
from hive_github.testing.shapes import commits as shown
from hive_github.testing.shapes import pulls as shown_pulls
from hive_github.testing.shapes import repositories
from hive_github.testing.world import World

MOST_COMMITS = 20
"""That a push tells of."""


def moved(world: World, at: Repository, ref: str, old: str, new: str, who: Account) -> None:
    """After git has moved the ref."""
    if old == new:
        return
    if new == ZERO:
        at.tips.pop(ref, None)
    else:
        at.tips[ref] = new
    at.pushed_at = at.updated_at = world.now()
    kind, _, name = ref.removeprefix("refs/").partition("/")
    if kind not in ("heads", "tags"):
        return
    _told_push(world, at, ref, old, new, who)
    if ZERO in (old, new):
        _told_ref(world, at, "create" if old == ZERO else "delete", kind, name, who)
    if kind != "heads":
        return
    if new != ZERO:
        checking.suites_for_push(world, at, name, old, new, who)
    for other in world.repositories.values():
        for issue in list(other.pulls):
            if issue.state == "open" and issue.pull is not None:
                _follow(world, other, issue, issue.pull, at, name, new, who)


def forget(world: World, at: Repository, branch: str, who: Account) -> None:
    """Delete a branch, with all that follows."""
    ref = f"refs/heads/{branch}"
    old = world.git.ref(at.path, ref)
    if old is not None:
        world.git.set_ref(at.path, ref, ZERO)
        moved(world, at, ref, old, ZERO, who)


def advance(world: World, at: Repository, branch: str, new: str, who: Account) -> None:
    """Move a branch, by GitHub itself."""
    ref = f"refs/heads/{branch}"
    old = world.git.ref(at.path, ref) or ZERO
    world.git.set_ref(at.path, ref, new)
    moved(world, at, ref, old, new, who)


def _follow(
    world: World,
    at: Repository,
    issue: Issue,
    pull: Pull,
    where: Repository,
    branch: str,
    new: str,
    who: Account,
) -> None:
    """One open pull request after a branch of `where` has moved."""
    if where is pull.head_repository and branch == pull.head:
        if new == ZERO:
            closed(world, at, issue, who)
            return
        before, pull.head_sha = pull.head_sha, new
        fetch_head(world, at, issue)
        _outdate(world, at, pull, before)
        issue.updated_at = world.now()
        if pull.queued is not None:
            world.dequeued(at, issue, "BRANCH_PROTECTIONS", who)
        pull.auto_merge = None if who is not issue.user else pull.auto_merge
        shown_pulls.tell(world, at, issue, "synchronize", who, before=before, after=new)
    if where is at and branch == pull.base and new != ZERO:
        if world.git.is_ancestor(at.path, pull.head_sha, new):
            # Somebody brought it there by another way: GitHub shows it as merged.
            merged(world, at, issue, pull.head_sha, who)
            return
        pull.base_sha = new


def _outdate(world: World, at: Repository, pull: Pull, before: str) -> None:
    """Comments on a file that has changed since lose their line; GitHub looks at the lines."""
    try:
        changed = {change.path for change in world.git.changes(at.path, before, pull.head_sha)}
    except GitProblem:
        changed = {comment.path for comment in pull.comments}
    for comment in pull.comments:
        if comment.path in changed:
            comment.line = None
        else:
            comment.commit = pull.head_sha


def merged(world: World, at: Repository, issue: Issue, commit: str, who: Account) -> None:
    assert issue.pull is not None
    issue.pull.merged_at = world.now()
    issue.pull.merged_by = who
    issue.pull.merge_commit_sha = commit
    issue.pull.queued = None
    issue.pull.auto_merge = None
    closed(world, at, issue, who)


def closed(world: World, at: Repository, issue: Issue, who: Account) -> None:
    issue.state, issue.closed_at, issue.closed_by = "closed", world.now(), who
    issue.updated_at = world.now()
    shown_pulls.tell(world, at, issue, "closed", who)


def fetch_head(world: World, at: Repository, issue: Issue) -> None:
    """`refs/pull/<number>/head`, with what a fork has brought."""
    assert issue.pull is not None
    pull = issue.pull
    if pull.head_repository is not at:
        world.git.run(
            at.path, "fetch", "--quiet", "--no-write-fetch-head", str(pull.head_repository.path),
            pull.head_sha,
        )  # fmt: skip
    world.git.set_ref(at.path, f"refs/pull/{issue.number}/head", pull.head_sha)


def _told_push(world: World, at: Repository, ref: str, old: str, new: str, who: Account) -> None:
    if not world.heard("push", at):
        return
    made, lost = old == ZERO, new == ZERO
    # A new branch tells of what the default branch does not have.
    default = world.git.ref(at.path, f"refs/heads/{at.default_branch}")
    start = old if not made else None if ref.endswith(f"/{at.default_branch}") else default
    span = f"{start}..{new}" if start else new
    listed: list[CommitFacts] = []
    if not lost:
        listed = world.git.commits(at.path, span, MOST_COMMITS)[::-1]
    forced = not (made or lost) and not world.git.is_ancestor(at.path, old, new)
    page = repositories.html(world, at)
    head = world.git.commits(at.path, new, 1)[0] if not lost else None
    said: dict[str, Any] = {
        "ref": ref,
        "before": old,
        "after": new,
        "created": made,
        "deleted": lost,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{old[:12]}...{new[:12]}",
        "commits": [shown.pushed(world, at, one) for one in listed],
        "head_commit": shown.pushed(world, at, head) if head else None,
        "pusher": {"name": who.login, "email": f"{who.login}@users.noreply.github.com"},
        **registry.context(world, at, who),
    }
    world.tell("push", said, at)


def _told_ref(world: World, at: Repository, event: str, kind: str, name: str, who: Account) -> None:
    said: dict[str, Any] = {
        "ref": name,
        "ref_type": "branch" if kind == "heads" else "tag",
        "pusher_type": "user",
        **registry.context(world, at, who),
    }
    if event == "create":
        said |= {"master_branch": at.default_branch, "description": None}
    world.tell(event, said, at)
