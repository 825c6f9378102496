"""Pull requests: opened, changed, made ready, merged; each change is told."""

import re
from typing import Any, Final

from hive_github.testing import branches, merging, reviewers, tracker
from hive_github.testing.model import Account, App, Issue, Pull, Repository
from hive_github.testing.refusals import Refused, invalid
from hive_github.testing.shapes import pulls as shown
from hive_github.testing.shapes.accounts import account
from hive_github.testing.world import World

_CLOSES: Final = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)", re.IGNORECASE
)


def open_pull(
    world: World,
    at: Repository,
    user: Account,
    title: str,
    head: str,
    base: str,
    *,
    body: str | None = None,
    draft: bool = False,
    maintainers: bool = True,
    app: App | None = None,
) -> Issue:
    """`head` may be `owner:branch` of a fork. Raises Refused."""
    if at.archived:
        raise Refused(403, "Repository was archived so is read-only.")
    where, branch = _head(world, at, head)
    head_sha = world.git.ref(where.path, f"refs/heads/{branch}") if where else None
    base_sha = world.git.ref(at.path, f"refs/heads/{base}")
    if where is None or head_sha is None:
        raise invalid("PullRequest", "head")
    if base_sha is None:
        raise invalid("PullRequest", "base")
    for other in at.pulls:
        assert other.pull is not None
        same = other.pull.head_repository is where and other.pull.head == branch
        if other.state == "open" and same and other.pull.base == base:
            said = f"A pull request already exists for {where.owner.login}:{branch}."
            raise invalid("PullRequest", "head", "custom", said)
    if where is at and world.git.is_ancestor(at.path, head_sha, base_sha):
        said = f"No commits between {base} and {branch}"
        raise invalid("PullRequest", "head", "custom", said)
    made = Issue(
        id=world.next_id("issue"), created_at=world.now(), number=world.next_number(at),
        title=title, body=body, user=user, app=app,
        pull=Pull(
            head_repository=where, head=branch, head_sha=head_sha, base=base, base_sha=base_sha,
            draft=draft, maintainer_can_modify=maintainers and where is not at,
        ),
    )  # fmt: skip
    branches.fetch_head(world, at, made)
    at.issues[made.number] = made
    shown.tell(world, at, made, "opened", user)
    if not draft:
        reviewers.ask_owners(world, at, made, user)
    return made


def _head(world: World, at: Repository, head: str) -> tuple[Repository | None, str]:
    owner, colon, branch = head.partition(":")
    if not colon:
        return at, head
    for one in world.repositories.values():
        if one.owner.login.lower() == owner.lower() and (one is at or one.parent is at):
            return one, branch
    return None, branch


def edit(world: World, at: Repository, one: Issue, who: Account, told: dict[str, Any]) -> None:
    """Raises Refused."""
    assert one.pull is not None
    tracker.edit(world, at, one, who, told.get("title"), told.get("body"))
    base = told.get("base")
    if base is not None and base != one.pull.base:
        sha = world.git.ref(at.path, f"refs/heads/{base}")
        if sha is None:
            raise invalid("PullRequest", "base")
        before = {"ref": {"from": one.pull.base}, "sha": {"from": one.pull.base_sha}}
        one.pull.base, one.pull.base_sha = base, sha
        shown.tell(world, at, one, "edited", who, changes={"base": before})
    if told.get("state") == "closed":
        close(world, at, one, who)
    elif told.get("state") == "open" and one.state == "closed":
        _reopen(world, at, one, who)
    if "maintainer_can_modify" in told:
        one.pull.maintainer_can_modify = told["maintainer_can_modify"]


def close(world: World, at: Repository, one: Issue, who: Account) -> None:
    assert one.pull is not None
    if one.state == "closed":
        return
    if one.pull.queued is not None:
        world.dequeued(at, one, "MANUAL", who)
    branches.closed(world, at, one, who)


def _reopen(world: World, at: Repository, one: Issue, who: Account) -> None:
    assert one.pull is not None
    pull = one.pull
    head = world.git.ref(pull.head_repository.path, f"refs/heads/{pull.head}")
    if pull.merged_at is not None or head is None:
        raise invalid("PullRequest", "state", "custom", "state cannot be changed.")
    pull.head_sha = head
    pull.base_sha = world.git.ref(at.path, f"refs/heads/{pull.base}") or pull.base_sha
    branches.fetch_head(world, at, one)
    tracker.reopen(world, at, one, who)


def set_draft(world: World, at: Repository, one: Issue, who: Account, draft: bool) -> None:
    assert one.pull is not None
    if one.pull.draft == draft:
        return
    one.pull.draft = draft
    one.updated_at = world.now()
    shown.tell(world, at, one, "converted_to_draft" if draft else "ready_for_review", who)
    if not draft:
        reviewers.ask_owners(world, at, one, who)


def update_branch(
    world: World, at: Repository, one: Issue, who: Account, expected: str | None
) -> None:
    """Merge the base into the head. Raises Refused."""
    assert one.pull is not None
    pull = one.pull
    if expected is not None and expected != pull.head_sha:
        raise Refused(422, "expected head sha didn't match current head ref.")
    if world.git.is_ancestor(at.path, pull.base_sha, pull.head_sha):
        raise Refused(422, "There are no new commits on the base branch.")
    made = merging.brought_up_to_date(world, at, one, who)
    if pull.head_repository is not at:
        world.git.run(
            pull.head_repository.path, "fetch", "--quiet", "--no-write-fetch-head", str(at.path),
            made,
        )  # fmt: skip
    branches.advance(world, pull.head_repository, pull.head, made, who)


def merge(
    world: World,
    at: Repository,
    one: Issue,
    who: Account,
    method: str = "merge",
    *,
    sha: str | None = None,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """The merge's commit. Raises Refused, by the branch's rules and by git."""
    assert one.pull is not None
    pull = one.pull
    if at.archived:
        raise Refused(403, "Repository was archived so is read-only.")
    if one.state == "closed":
        raise Refused(405, "Pull Request is not mergeable")
    if sha is not None and sha != pull.head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    if method not in at.merge_methods:
        raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
    rules = merging.rules_of(at, pull.base)
    if rules.merge_queue:
        raise Refused(405, "Changes must be made through the merge queue")
    if rules.linear and method == "merge":
        raise Refused(405, "Merge commits are not allowed on this branch.")
    facts = merging.facts(world, at, one)
    if facts.state not in ("clean", "unstable"):
        raise Refused(405, _refusal(facts))
    made = merging.merge_commit(world, at, one, pull.base_sha, method, who, title, message)
    finish(world, at, one, made, who)
    return made


def _refusal(facts: merging.Facts) -> str:
    match facts.state:
        case "dirty":
            return "Pull Request is not mergeable"
        case "draft":
            return "Pull Request is still a draft"
        case _:
            return facts.blocked_by


def finish(world: World, at: Repository, one: Issue, commit: str, who: Account) -> None:
    """The base moves to a merge, and what follows: closed issues, a deleted head."""
    assert one.pull is not None
    pull = one.pull
    # First, so that the moved base does not find it merged by another way.
    branches.merged(world, at, one, commit, who)
    branches.advance(world, at, pull.base, commit, who)
    if pull.base == at.default_branch:
        for number in _CLOSES.findall(one.body or ""):
            issue = at.issues.get(int(number))
            if issue is not None and issue.pull is None:
                tracker.close(world, at, issue, who)
    if at.delete_branch_on_merge and pull.head_repository is at:
        branches.forget(world, at, pull.head, who)


def set_auto_merge(
    world: World, at: Repository, one: Issue, who: Account, method: str | None
) -> None:
    """`method` None takes it back. Raises Refused."""
    assert one.pull is not None
    if method is None:
        if one.pull.auto_merge is not None:
            one.pull.auto_merge = None
            shown.tell(world, at, one, "auto_merge_disabled", who, reason="disabled")
        return
    facts = merging.facts(world, at, one)
    if facts.state in ("clean", "unstable"):
        raise Refused(422, f"Pull request Pull request is in {facts.state} status")
    one.pull.auto_merge = merging.auto_merge(account(world, who), method)
    shown.tell(world, at, one, "auto_merge_enabled", who, reason="")


def merge_by_itself(world: World, at: Repository, one: Issue) -> None:
    """Once nothing stands in the way of one whose auto-merge is on."""
    assert one.pull is not None
    if one.state != "open" or one.pull.auto_merge is None:
        return
    if merging.facts(world, at, one).state not in ("clean", "unstable"):
        return
    who = world.account(one.pull.auto_merge["enabled_by"]["login"])
    merge(world, at, one, who, one.pull.auto_merge["merge_method"])
