"""Whether a pull request may be merged, and the merge itself, by real git."""

import fnmatch
from typing import Any, Final

import msgspec

from hive_github.testing import registry
from hive_github.testing.git import GitProblem
from hive_github.testing.model import ROLES, Account, Issue, Pull, Repository, Rules
from hive_github.testing.refusals import Refused
from hive_github.testing.world import World

_NO_RULES: Final = Rules(pull_request=False, force_pushes=True, deletions=True)
GOOD: Final = ("success", "neutral", "skipped")


class Facts(msgspec.Struct, frozen=True):
    """What GitHub works out about a pull request."""

    mergeable: bool | None
    state: str
    """`clean`, `dirty`, `draft`, `blocked`, `behind`, `unstable`, `unknown`."""
    commits: int
    additions: int
    deletions: int
    files: int
    blocked_by: str = ""


def rules_of(at: Repository, branch: str) -> Rules:
    return at.rules.get(branch, _NO_RULES)


def facts(world: World, at: Repository, one: Issue) -> Facts:
    assert one.pull is not None
    pull = one.pull
    span = f"{pull.base_sha}..{pull.head_sha}"
    changes = world.changes(at, pull.base_sha, pull.head_sha)
    counted = (
        world.git.count(at.path, span),
        sum(change.additions for change in changes),
        sum(change.deletions for change in changes),
        len(changes),
    )
    if one.state == "closed":
        return Facts(None, "unknown", *counted)
    if world.merged_tree(at, pull.base_sha, pull.head_sha) is None:
        return Facts(False, "dirty", *counted, "the merge has conflicts")
    if pull.draft:
        return Facts(True, "draft", *counted, "it is a draft")
    if missing := _missing(world, at, one, rules_of(at, pull.base)):
        return Facts(True, "blocked", *counted, missing)
    up_to_date = world.git.is_ancestor(at.path, pull.base_sha, pull.head_sha)
    if rules_of(at, pull.base).strict and not up_to_date:
        return Facts(True, "behind", *counted, "the head branch is not up to date with the base")
    states = check_states(at, pull.head_sha)
    unstable = any(state not in GOOD for state in states.values())
    return Facts(True, "unstable" if unstable else "clean", *counted)


def check_states(at: Repository, sha: str) -> dict[str, str]:
    """The newest word of each check and status on a commit: `success`, `failure`, `pending`, …"""
    found: dict[str, str] = {}
    for status in at.statuses:
        if status.sha == sha:
            found[status.context] = status.state
    for run in at.check_runs:
        if run.head_sha == sha:
            found[run.name] = run.conclusion or "pending"
    return found


def checks_wanting(at: Repository, sha: str, rules: Rules) -> str:
    """What is wrong with the required checks; empty when all are there and good."""
    states = check_states(at, sha)
    for name in rules.checks:
        if name not in states:
            return f'Required status check "{name}" is expected.'
        if states[name] not in GOOD:
            return f'Required status check "{name}" is {_said(states[name])}.'
    return ""


def _said(state: str) -> str:
    return "pending" if state == "pending" else "failing"


def standing_reviews(pull: Pull) -> dict[int, str]:
    """Each reviewer's last word that counts, by the account's id."""
    found: dict[int, str] = {}
    for review in pull.reviews:
        if review.state in ("APPROVED", "CHANGES_REQUESTED"):
            found[review.user.id] = review.state
        elif review.state == "DISMISSED":
            found.pop(review.user.id, None)
    return found


def _missing(world: World, at: Repository, one: Issue, rules: Rules) -> str:
    assert one.pull is not None
    standing = {
        number: state
        for number, state in standing_reviews(one.pull).items()
        if any(
            review.user.id == number
            and world.role(review.user, at) not in ("none", "read", "triage")
            for review in one.pull.reviews
        )
    }
    if rules.approvals and "CHANGES_REQUESTED" in standing.values():
        return "Changes have been requested by a reviewer."
    given = sum(1 for state in standing.values() if state == "APPROVED")
    if given < rules.approvals:
        return f"At least {rules.approvals} approving review is required."
    approved = {
        review.user.login.lower()
        for review in one.pull.reviews
        if standing.get(review.user.id) == "APPROVED"
    }
    approved |= {
        name for name, team in world.teams.items() if not approved.isdisjoint(team.members)
    }
    if rules.code_owners and any(
        not owners & approved for owners in _owners_of_changes(world, at, one)
    ):
        return "Waiting on code owner review."
    if rules.conversations_resolved and any(t.resolved_by is None for t in one.pull.threads):
        return "A conversation must be resolved before this pull request can be merged."
    return checks_wanting(at, one.pull.head_sha, rules)


def code_owners(world: World, at: Repository, one: Issue) -> set[str]:
    """Logins, and full names of teams, in lower case, of who owns what a pull request changes."""
    return set().union(*_owners_of_changes(world, at, one))


def _owners_of_changes(world: World, at: Repository, one: Issue) -> list[set[str]]:
    """Of each changed file that has any: for each, the last line of CODEOWNERS that matches."""
    assert one.pull is not None
    lines = _code_owner_lines(world, at, one.pull.base_sha)
    found = []
    for change in world.changes(at, one.pull.base_sha, one.pull.head_sha):
        owners: set[str] = set()
        for pattern, names in lines:
            if _matches(pattern, change.path):
                owners = {name for name in names if _may_own(world, at, name)}
        if owners:
            found.append(owners)
    return found


def _may_own(world: World, at: Repository, name: str) -> bool:
    """Only who may write owns code: GitHub passes over all others."""
    team, person = world.teams.get(name), world.accounts.get(name)
    if team is not None:
        role = team.repositories.get(at.id, "none")
    else:
        role = world.role(person, at) if person is not None else "none"
    return ROLES.index(role) >= ROLES.index("write")


_CODE_OWNERS: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""The first that is there counts."""


def _code_owner_lines(world: World, at: Repository, sha: str) -> list[tuple[str, set[str]]]:
    listed = world.git.run(at.path, "ls-tree", "--full-tree", "--name-only", sha, *_CODE_OWNERS)
    for path in sorted(listed.decode().split(), key=_CODE_OWNERS.index):
        text = world.git.run(at.path, "cat-file", "blob", f"{sha}:{path}").decode(errors="replace")
        words = [line.partition("#")[0].split() for line in text.splitlines()]
        return [
            (line[0], {name[1:].lower() for name in line[1:] if name.startswith("@")})
            for line in words
            if line
        ]
    return []


def _matches(pattern: str, path: str) -> bool:
    """As a line of .gitignore: anchored by a slash, a folder with all that is in it."""
    anchored = "/" in pattern.rstrip("/")
    plain = pattern.strip("/")
    if pattern == "*" or fnmatch.fnmatchcase(path, plain):
        return True
    if fnmatch.fnmatchcase(path, f"{plain}/*"):
        return True
    return not anchored and (
        fnmatch.fnmatchcase(path, f"*/{plain}") or fnmatch.fnmatchcase(path, f"*/{plain}/*")
    )


def merge_commit(
    world: World,
    at: Repository,
    one: Issue,
    onto: str,
    method: str,
    who: Account,
    title: str | None = None,
    message: str | None = None,
) -> str:
    """The commit that brings a pull request onto `onto`. Raises Refused for a conflict."""
    assert one.pull is not None
    pull = one.pull
    git, name = world.git, registry.address(who)
    if method == "rebase":
        base = git.merge_base(at.path, onto, pull.head_sha) or onto
        made = git.rebased(at.path, onto, base, pull.head_sha, name)
        if made is None:
            raise Refused(405, "This branch can't be rebased")
        return made
    tree = git.merged_tree(at.path, onto, pull.head_sha)
    if tree is None:
        raise Refused(405, "Pull Request is not mergeable")
    if method == "squash":
        head = title or f"{one.title} (#{one.number})"
        text = f"{head}\n\n{message or ''}".rstrip() + "\n"
        return git.commit_tree(at.path, tree, [onto], text, name)
    label = f"{pull.head_repository.owner.login}/{pull.head}"
    head = title or f"Merge pull request #{one.number} from {label}"
    text = f"{head}\n\n{message or one.title}\n"
    return git.commit_tree(at.path, tree, [onto, pull.head_sha], text, name)


def brought_up_to_date(world: World, at: Repository, one: Issue, who: Account) -> str:
    """A merge of the base into the head. Raises Refused for a conflict."""
    assert one.pull is not None
    pull = one.pull
    try:
        tree = world.git.merged_tree(at.path, pull.head_sha, pull.base_sha)
    except GitProblem as problem:
        raise Refused(422, str(problem)) from problem
    if tree is None:
        raise Refused(422, "merge conflict between base and head")
    text = f"Merge branch '{pull.base}' into {pull.head}\n"
    parents = [pull.head_sha, pull.base_sha]
    return world.git.commit_tree(at.path, tree, parents, text, registry.address(who))


def auto_merge(by: dict[str, Any], method: str) -> dict[str, Any]:
    return {
        "enabled_by": by, "merge_method": method, "commit_title": "", "commit_message": "",
    }  # fmt: skip
