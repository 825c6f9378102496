"""What a delivery is about. Pure.

A delivery says that something has changed, not what is so now: they come late, twice and in any
order. So all that is taken from one is where to look.
"""

import re
from typing import Final, Literal

import msgspec

from hive_contracts.github.check import Button


class RepositoryTouched(msgspec.Struct, frozen=True):
    full_name: str
    installation: int = 0


class RepositoriesGone(msgspec.Struct, frozen=True):
    """These numbers, or all that the installation reached."""

    reason: Literal["removed", "deleted", "suspended"]
    numbers: tuple[int, ...] = ()
    installation: int = 0


class InstallationTouched(msgspec.Struct, frozen=True):
    """It may be used again, which says nothing of its repositories."""

    installation: int


class PullRequestTouched(msgspec.Struct, frozen=True):
    full_name: str
    repository: int
    """Its number."""
    number: int
    installation: int = 0


class IssueTouched(msgspec.Struct, frozen=True):
    """Something may have been asked there."""

    full_name: str
    number: int
    installation: int = 0


class BranchTouched(msgspec.Struct, frozen=True):
    """It was pushed to, or checks of its head have ended."""

    full_name: str
    repository: int
    """Its number."""
    branch: str


class CommitTouched(msgspec.Struct, frozen=True):
    """A check or status of it has changed."""

    full_name: str
    commit: str


class GroupAsked(msgspec.Struct, frozen=True):
    """A merge queue wants checks on the head of a group."""

    full_name: str
    repository: int
    number: int
    """Of the pull request that was put on top of it."""
    head: str


class ButtonTouched(msgspec.Struct, frozen=True):
    full_name: str
    repository: int
    external_id: str
    head: str
    button: Button
    login: str
    installation: int = 0


class SuiteTouched(msgspec.Struct, frozen=True):
    """A person wants all checks of a commit to run again."""

    full_name: str
    repository: int
    head: str
    login: str
    installation: int = 0


Touched = (
    RepositoryTouched
    | RepositoriesGone
    | InstallationTouched
    | PullRequestTouched
    | IssueTouched
    | BranchTouched
    | CommitTouched
    | GroupAsked
    | ButtonTouched
    | SuiteTouched
)


class _Repository(msgspec.Struct):
    id: int
    full_name: str


class _Installation(msgspec.Struct):
    id: int = 0


class _PullRequest(msgspec.Struct):
    number: int


class _Link(msgspec.Struct):
    pass


class _Issue(msgspec.Struct):
    number: int
    pull_request: _Link | None = None
    """There where the issue is a pull request."""


class _Comment(msgspec.Struct):
    body: str | None = None


class _Branch(msgspec.Struct):
    name: str


class _Sender(msgspec.Struct):
    login: str


class _Check(msgspec.Struct):
    """A check run or suite."""

    head_sha: str
    head_branch: str | None = None
    external_id: str | None = None


class _Group(msgspec.Struct):
    head_sha: str
    head_ref: str


class _Action(msgspec.Struct):
    identifier: str


class _Payload(msgspec.Struct):
    action: str = ""
    issue: _Issue | None = None
    comment: _Comment | None = None
    ref: str = ""
    state: str = ""
    branches: list[_Branch] = []
    repository: _Repository | None = None
    installation: _Installation | None = None
    pull_request: _PullRequest | None = None
    repositories: list[_Repository] = []
    repositories_added: list[_Repository] = []
    repositories_removed: list[_Repository] = []
    sender: _Sender | None = None
    check_run: _Check | None = None
    check_suite: _Check | None = None
    requested_action: _Action | None = None
    merge_group: _Group | None = None
    sha: str | None = None


_REPOSITORY: Final = frozenset(
    ("renamed", "transferred", "archived", "unarchived", "edited", "privatized", "publicized")
)
_PULL_REQUEST: Final = frozenset(
    (
        "pull_request", "pull_request_review", "pull_request_review_comment",
        "pull_request_review_thread",
    )
)  # fmt: skip
_CHECKS: Final = frozenset(("check_run", "check_suite", "status", "merge_group"))
_QUEUED: Final = re.compile(r"/pr-([0-9]{1,12})-[0-9a-f]+$")
"""How the branch of a merge group ends."""
_HEADS: Final = "refs/heads/"
_ISSUE: Final = frozenset(("opened", "labeled", "assigned", "reopened", "transferred"))
READ: Final = frozenset(
    ("installation", "installation_repositories", "repository", "issues", "issue_comment", "push",
     *_PULL_REQUEST, *_CHECKS)
)  # fmt: skip
"""The kinds that something follows from; of all others the body is not even decoded."""


def _may_ask(kind: str, action: str, issue: _Issue, comment: _Comment | None) -> bool:
    """Most of what is said on issues is not said to the hive, and costs no request."""
    if issue.pull_request is not None:
        return False
    if kind == "issues":
        return action in _ISSUE
    said = (comment.body or "") if comment else ""
    return action == "created" and "/hive" in said.lower()


def touched(event: str, body: bytes) -> list[Touched]:
    """Raises msgspec.MsgspecError where a kind that is read is not as GitHub describes it."""
    if event not in READ:
        return []
    payload = msgspec.json.decode(body, type=_Payload)
    installation = payload.installation.id if payload.installation else 0
    repository = payload.repository
    match event, payload.action:
        case "installation", "deleted":
            return [RepositoriesGone("removed", installation=installation)]
        case "installation", "suspend":
            return [RepositoriesGone("suspended", installation=installation)]
        case "installation", "unsuspend":
            return [InstallationTouched(installation)]
        case "installation", _:
            return [
                RepositoryTouched(each.full_name, installation) for each in payload.repositories
            ]
        case "installation_repositories", _:
            gone = tuple(each.id for each in payload.repositories_removed)
            told: list[Touched] = [RepositoriesGone("removed", gone)] if gone else []
            added = payload.repositories_added
            return told + [RepositoryTouched(each.full_name, installation) for each in added]
        case "repository", "deleted" if repository is not None:
            return [RepositoriesGone("deleted", (repository.id,))]
        case "repository", action if repository is not None and action in _REPOSITORY:
            return [RepositoryTouched(repository.full_name, installation)]
        case kind, _ if kind in _PULL_REQUEST and repository and payload.pull_request:
            number = payload.pull_request.number
            return [PullRequestTouched(repository.full_name, repository.id, number, installation)]
        case ("issues" | "issue_comment") as kind, action if repository and payload.issue:
            if _may_ask(kind, action, payload.issue, payload.comment):
                return [IssueTouched(repository.full_name, payload.issue.number, installation)]
        case "push", _ if repository is not None and payload.ref.startswith(_HEADS):
            return [_branch(repository, payload.ref.removeprefix(_HEADS))]
        case kind, _ if kind in _CHECKS and repository is not None:
            return _of_checks(event, payload, repository, installation)
    return []


def _of_checks(
    event: str, payload: _Payload, repository: _Repository, installation: int
) -> list[Touched]:
    name, login = repository.full_name, payload.sender.login if payload.sender else ""
    match event, payload.action:
        case "check_run", "rerequested" | "requested_action" if payload.check_run is not None:
            button = _button(payload)
            external_id, head = payload.check_run.external_id or "", payload.check_run.head_sha
            if button is None or not login:
                return []
            return [
                ButtonTouched(name, repository.id, external_id, head, button, login, installation)
            ]
        case "check_run", "completed" if payload.check_run is not None:
            return [CommitTouched(name, payload.check_run.head_sha)]
        case "check_suite", "rerequested" if payload.check_suite is not None and login:
            head = payload.check_suite.head_sha
            return [SuiteTouched(name, repository.id, head, login, installation)]
        case "check_suite", "completed" if payload.check_suite is not None:
            suite = payload.check_suite
            branches = [_branch(repository, suite.head_branch)] if suite.head_branch else []
            return [CommitTouched(name, suite.head_sha), *branches]
        case "status", _ if payload.sha:
            ended = payload.branches if payload.state != "pending" else []
            branches = [_branch(repository, each.name) for each in ended]
            return [CommitTouched(name, payload.sha), *branches]
        case "merge_group", "checks_requested" if payload.merge_group is not None:
            group = payload.merge_group
            if (found := _QUEUED.search(group.head_ref)) is not None:
                return [GroupAsked(name, repository.id, int(found[1]), group.head_sha)]
    return []


def _branch(repository: _Repository, name: str) -> BranchTouched:
    return BranchTouched(repository.full_name, repository.id, name)


def _button(payload: _Payload) -> Button | None:
    if payload.action == "rerequested":
        return "rerun"
    pressed = payload.requested_action.identifier if payload.requested_action else ""
    match pressed:
        case "rerun" | "approve":
            return pressed
    return None
