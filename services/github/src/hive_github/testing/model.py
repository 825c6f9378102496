"""What the test GitHub holds: plain mutable records, changed under the world's lock alone."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

ROLES: Final = ("none", "read", "triage", "write", "maintain", "admin")
"""What a person may do on a repository, each more than the one before."""

Level = Literal["read", "write"]


class Record(msgspec.Struct, kw_only=True, eq=False):
    """Has an identity; two alike are two."""

    id: int
    created_at: str
    updated_at: str = ""

    def __post_init__(self) -> None:
        self.updated_at = self.updated_at or self.created_at


class Account(Record, kw_only=True, eq=False):
    login: str
    type: Literal["User", "Organization", "Bot"] = "User"
    members: dict[str, str] = {}
    """Of an organisation: login → `member` or `admin`."""


class Team(Record, kw_only=True, eq=False):
    organization: Account
    slug: str
    members: set[str]
    """Logins, in lower case."""
    repositories: dict[int, str]
    """What its members may do, one of ROLES, by the repository's id."""

    @property
    def full_name(self) -> str:
        return f"{self.organization.login}/{self.slug}"

    def __contains__(self, account: Account) -> bool:
        return account.login.lower() in self.members


class Label(Record, kw_only=True, eq=False):
    name: str
    color: str = "ededed"
    description: str | None = None
    default: bool = False


class Reaction(Record, kw_only=True, eq=False):
    user: Account
    content: str


class Comment(Record, kw_only=True, eq=False):
    user: Account
    body: str
    app: "App | None" = None
    reactions: list[Reaction] = []


class ReviewComment(Record, kw_only=True, eq=False):
    user: Account
    body: str
    path: str
    commit: str
    original_commit: str
    line: int | None
    side: str = "RIGHT"
    start_line: int | None = None
    hunk: str = ""
    review: "Review"
    reply_to: "ReviewComment | None" = None
    reactions: list[Reaction] = []
    whole_file: bool = False


class Thread(Record, kw_only=True, eq=False):
    """Review comments that answer one another."""

    comments: list[ReviewComment]
    resolved_by: Account | None = None


class Review(Record, kw_only=True, eq=False):
    user: Account
    body: str
    state: str
    """`PENDING`, `COMMENTED`, `APPROVED`, `CHANGES_REQUESTED` or `DISMISSED`."""
    commit: str
    submitted_at: str | None = None


class QueueEntry(Record, kw_only=True, eq=False):
    branch: str
    """`gh-readonly-queue/<base>/pr-<number>-<sha of the base>`."""
    base_sha: str
    head_sha: str
    by: Account


class Pull(msgspec.Struct, kw_only=True, eq=False):
    """What a pull request has beyond an issue."""

    head_repository: "Repository"
    head: str
    head_sha: str
    base: str
    base_sha: str
    draft: bool = False
    merged_at: str | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    reviewers: list[Account] = []
    teams: list[Team] = []
    """That were asked for a review, as `reviewers` were."""
    reviews: list[Review] = []
    threads: list[Thread] = []
    queued: QueueEntry | None = None
    auto_merge: dict[str, Any] | None = None
    maintainer_can_modify: bool = False
    unsettled: int = 0
    """So many looks more do not yet see whether it can be merged."""

    @property
    def comments(self) -> list[ReviewComment]:
        found = [comment for thread in self.threads for comment in thread.comments]
        return sorted(found, key=lambda comment: comment.id)


class IssueEvent(Record, kw_only=True, eq=False):
    """Something that somebody did to an issue, as its list of events has it."""

    event: str
    actor: Account
    app: "App | None" = None
    label: Label | None = None
    assignee: Account | None = None
    rename: dict[str, str] | None = None


class Issue(Record, kw_only=True, eq=False):
    number: int
    title: str
    body: str | None
    user: Account
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    closed_by: Account | None = None
    locked: bool = False
    labels: list[Label] = []
    assignees: list[Account] = []
    comments: list[Comment] = []
    reactions: list[Reaction] = []
    events: list[IssueEvent] = []
    edited_at: str | None = None
    """When its body was changed last; to change its title is an event."""
    editor: Account | None = None
    app: "App | None" = None
    pull: Pull | None = None


class CheckRun(Record, kw_only=True, eq=False):
    name: str
    head_sha: str
    suite: "CheckSuite"
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = []
    actions: list[dict[str, str]] = []
    job: "Job | None" = None


class CheckSuite(Record, kw_only=True, eq=False):
    head_sha: str
    head_branch: str | None
    before: str
    app: "App"
    runs: list[CheckRun] = []


class Status(Record, kw_only=True, eq=False):
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account


class Job(Record, kw_only=True, eq=False):
    """A job of Actions, whose log can be read."""

    run: "WorkflowRun"
    check: CheckRun
    log: str


class WorkflowRun(Record, kw_only=True, eq=False):
    name: str
    head_sha: str
    head_branch: str
    event: str
    actor: Account
    number: int
    suite: CheckSuite
    attempt: int = 1
    jobs: list[Job] = []


class Rules(msgspec.Struct, kw_only=True, frozen=True):
    """What a protected branch asks for."""

    checks: tuple[str, ...] = ()
    strict: bool = False
    """The head must hold the newest base."""
    approvals: int = 0
    code_owners: bool = False
    pull_request: bool = True
    """Nobody pushes to the branch itself."""
    linear: bool = False
    conversations_resolved: bool = False
    force_pushes: bool = False
    deletions: bool = False
    merge_queue: bool = False


class Hook(Record, kw_only=True, eq=False):
    """Where deliveries go: an App's, or a repository's own."""

    url: str
    secret: str
    events: tuple[str, ...]
    active: bool = True
    app: "App | None" = None
    repository: "Repository | None" = None


class Repository(Record, kw_only=True, eq=False):
    owner: Account
    name: str
    path: Path
    private: bool
    default_branch: str
    archived: bool = False
    parent: "Repository | None" = None
    pushed_at: str = ""
    tips: dict[str, str] = {}
    """Where each ref was when its last move was told."""
    collaborators: dict[str, str] = {}
    labels: dict[str, Label] = {}
    issues: dict[int, Issue] = {}
    last_number: int = 0
    rules: dict[str, Rules] = {}
    suites: list[CheckSuite] = []
    statuses: list[Status] = []
    workflow_runs: list[WorkflowRun] = []
    hooks: list[Hook] = []
    merge_methods: frozenset[str] = frozenset(("merge", "squash", "rebase"))
    delete_branch_on_merge: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[Issue]:
        return [issue for issue in self.issues.values() if issue.pull is not None]

    @property
    def check_runs(self) -> list[CheckRun]:
        return [run for suite in self.suites for run in suite.runs]


class App(Record, kw_only=True, eq=False):
    slug: str
    name: str
    owner: Account
    client_id: str
    public_key: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    bot: Account
    hook: Hook | None = None
    setup_url: str | None = None
    description: str | None = None


class Installation(Record, kw_only=True, eq=False):
    app: App
    account: Account
    permissions: dict[str, str]
    events: tuple[str, ...]
    repositories: set[int] | None = None
    """None: all of the account's."""
    suspended_at: str | None = None
    suspended_by: Account | None = None

    def covers(self, repository: Repository) -> bool:
        if repository.owner is not self.account:
            return False
        return self.repositories is None or repository.id in self.repositories


class Token(msgspec.Struct, kw_only=True, eq=False):
    """Of an installation, or a person's fine-grained one."""

    value: str
    permissions: dict[str, str]
    repositories: set[int] | None
    expires_at: float | None
    """Seconds since 1970."""
    installation: Installation | None = None
    user: Account | None = None
    revoked: bool = False
