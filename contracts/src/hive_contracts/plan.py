"""What a mission is made of: values shared by commands, events and leases.

Durations are seconds. Commits are full object names of git, digests are SHA-256 in hex.
"""

import hashlib
import re
from typing import Final, Literal

import msgspec

from hive_contracts.budget import Budget
from hive_contracts.dialogue import Rule

TaskKind = Literal["work", "gate", "merge", "expand"]
"""What a task's runner does: an agent's work, a check, a merge into the mission's branch, or the
listing of the items that a phase fans out over."""

Step = Literal["work", "gates", "merge", "expand"]
"""What one epoch of a task is leased for; a `work` task is leased for `gates` after its work."""

PROTECTED_GATE: Final = "protected"
"""The approval that is asked for where work changes protected paths."""
SETUP_GATE: Final = "set-up"
"""What is asked where the repository's set-up fails again and again: whether to try once more."""
RUNBOOK_GATE: Final = "runbook"
"""The approval that a runbook begins with."""
POLICY_GATE: Final = "error-budget"
"""What is asked before work is merged while the error-budget policy demands it."""
RESERVED: Final = frozenset({"base", "gates", "expand", PROTECTED_GATE, SETUP_GATE, POLICY_GATE})
"""Names of the hive's own; a gate of the repository file may have them all the same."""
ON_GITHUB: Final = "github:"
"""Before the login, in lower case, of a person who is known by GitHub alone."""
MAX_PHASES: Final = 64
"""Of a mission."""
MAX_GATES: Final = 40
"""Of a task, or of a mission."""
MAX_CHECK: Final = 200
"""Characters of a check's name on GitHub."""
MAX_PATHS: Final = 50
"""Patterns in a task's `paths`."""
MAX_ROUNDS: Final = 20
"""How often a review may send back, at most."""
WEBHOOK: Final = re.compile(r"https?://[!-~]{1,2000}")
"""What `Notify.webhook` matches as a whole."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parent of the values here: immutable, and silent about what is at its default."""


class ArtifactRef(Value, frozen=True):
    digest: str
    size: int
    """Bytes."""


class Tip(Value, frozen=True):
    """A commit on a mission's branch, and how to get it."""

    commit: str
    chain: str = ""
    """Digest of the manifest (`Link`) of the bundle that ends in this commit; empty at the base."""


class Repository(Value, frozen=True):
    url: str
    """What git fetches from: a URL or an absolute path on the runner's machine."""
    base: str
    """The commit that the mission starts from."""
    branch: str = ""
    """The branch that the base was the head of, for people; empty if it was none."""
    chain: str = ""
    """Digest of the manifest (`Link`) of a bundle that ends in the base, where the hive itself has
    the repository; empty where the runner fetches from `url`."""
    start: Tip | None = None
    """Where the mission's branch goes on from: what a mission had merged whose failed tasks this
    one does again. None is the base."""
    start_of: str = ""
    """The id of the mission that had merged it."""


class Link(Value, frozen=True):
    """One step from a base to a tip: an artifact (JSON) of its own, found by its digest."""

    old: str
    new: str
    bundle: ArtifactRef
    previous: str = ""
    """Digest of the `Link` that ends in `old`; empty where `old` is the base, or is empty because
    the bundle holds the whole history."""


class Origin(Value, frozen=True):
    """The issue on GitHub that a mission is for."""

    issue_id: str
    """Of the stream `issue-<issue_id>`."""
    issue: str
    """`owner/name#7`, at the launch."""
    url: str
    """For people."""
    title: str = ""
    """As somebody wrote it on GitHub: nobody has to trust it."""
    by: str = ""
    """Who had it launched: `github:LOGIN`."""


class Timeouts(Value, frozen=True):
    queue: float = 3600
    """Ready, until a runner has it."""
    start: float = 60
    """Leased, until the runner says that it began."""
    run: float = 1800
    silence: float = 600
    """Without a byte of output."""
    setup: float = 900
    answer: float = 0
    """A question of its agent, until a person has answered; 0 waits for ever."""


class Retry(Value, frozen=True):
    attempts: int = 2
    """How many attempts may fail by the agent's or a gate's fault, the first included."""
    backoff: float = 1
    """Before the second attempt; doubles each time."""
    backoff_max: float = 300


class CommandGate(Value, frozen=True, tag="command"):
    name: str
    run: str = ""
    """A shell command; empty is the gate of that name in the base commit's repository file."""
    timeout: float = 1800
    compare: Literal["", "base"] = ""
    """`base`: it passes where it is no worse than on the mission's base commit."""
    report: str = ""
    """The JUnit XML that the command writes: a path or glob in the repository."""

    @property
    def definition(self) -> str:
        """The same for gates that find the same on the same commit."""
        parts = msgspec.json.encode((self.run or self.name, bool(self.run), self.report))
        return hashlib.sha256(parts).hexdigest()[:16]


class ApprovalGate(Value, frozen=True, tag="approval"):
    name: str
    text: str
    """What a person is asked."""
    timeout: float = 0
    """0 waits for ever; else it counts as refused."""
    by: tuple[str, ...] = ()
    """Names or roles of those who may answer; empty is anybody who may answer at all."""


class HttpGate(Value, frozen=True, tag="http"):
    """A GET from the runner, again and again until it is answered as it should be."""

    name: str
    url: str
    status: int = 200
    contains: str = ""
    """Text that the answer's body has, too."""
    timeout: float = 60
    """Until then it must hold."""


class MetricGate(Value, frozen=True, tag="metric"):
    """An instant query of Prometheus, again and again until every sample is as it should be."""

    name: str
    url: str
    """Of the Prometheus server."""
    query: str
    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    value: float
    timeout: float = 60
    """Until then it must hold."""


class GithubCheckGate(Value, frozen=True, tag="github_check"):
    """A check run or commit status on GitHub, at the pushed tip of the mission's branch."""

    name: str
    check: str
    """Its name there, exactly."""
    timeout: float = 3600
    """Until then it must be completed."""


Check = CommandGate | HttpGate | MetricGate
"""What a runner judges."""
Gate = CommandGate | ApprovalGate | HttpGate | MetricGate | GithubCheckGate


class TaskSpec(Value, frozen=True):
    """Work for one agent: a prompt for a profile, or a plain shell command."""

    name: str
    prompt: str = ""
    run: str = ""
    agent: str = ""
    """The profile that gets the prompt; empty with `run`."""
    needs: tuple[str, ...] = ()
    """Tasks of the same phase that must be merged before this one starts."""
    gates: tuple[Gate, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    paths: tuple[str, ...] = ()
    """Git's glob pathspecs: a change outside of them fails the attempt, and tasks of a mission
    whose paths may meet do not run at the same time; empty is anywhere, beside anything."""
    review: bool = False
    """It judges what was made before it: it may list defects, and need not change anything."""
    model: str = ""
    """Of its agent; empty is the agent's own default."""
    permissions: tuple[Rule, ...] = ()
    """What its agent may do; empty is as the profile has it."""
    read_only: bool = False
    """A change of the worktree, but for `output`, fails the attempt."""
    output: str = ""
    """A file, by its path in the worktree, that must be there at the end; it is kept."""
    exclusive: bool = False
    """No two of its attempts are ever at work at the same time, on whatever machines."""
    on_failure: Literal["", "stop", "continue"] = ""
    """As `Phase.on_failure`, for this task alone; empty is as the phase says."""


class Item(Value, frozen=True):
    """One thing that a phase fans out over; `${item}` is its value, `${item.x}` a field."""

    value: str
    fields: dict[str, str] = {}


class Listed(Value, frozen=True, tag="list"):
    """The items are written in the plan."""

    items: tuple[Item, ...]


class Globbed(Value, frozen=True, tag="glob"):
    """The items are tracked files, or folders of such, on the tip when the phase starts."""

    patterns: tuple[str, ...]
    """Git's glob pathspecs; `!` in front takes away, `/` at the end names folders."""
    per: Literal["path", "directory"] = "path"
    """`directory` yields each folder that holds a match, once."""


class Commanded(Value, frozen=True, tag="command"):
    """The items are what a shell command prints on the tip when the phase starts."""

    run: str
    """Prints a JSON value a line: text, or an object with a `name`."""


class ForEach(Value, frozen=True):
    source: Listed | Globbed | Commanded
    template: TaskSpec
    min: int = 1
    """With fewer items the phase fails."""
    max: int = 10_000


class Phase(Value, frozen=True):
    """Either tasks that are written out, or a template for each item."""

    name: str
    needs: tuple[str, ...] = ()
    tasks: tuple[TaskSpec, ...] = ()
    for_each: ForEach | None = None
    on_failure: Literal["stop", "continue"] = "stop"
    """`continue`: the mission goes on without the tasks that failed, unless all of them did."""
    canary: int = 0
    """So many items go first; then a person is asked before the rest goes. 0 asks nobody."""
    sends_back_to: str = ""
    """The phase that is done again where this one, a review, lists defects."""
    rounds: int = 1
    """How often it may be sent back before the mission fails."""


class Notify(Value, frozen=True):
    """Who is told, by a signed POST, where a mission needs a person, is paused or has ended."""

    webhook: str
    """A URL of http or https. It is part of the record, and so is any secret in it."""
    when: tuple[Literal["needs-you", "paused", "done"], ...] = ()
    """Of what; empty is all of it."""


class PullRequestWish(Value, frozen=True):
    """A pull request on GitHub as the mission's result."""

    repository: str = ""
    """`owner/name`; empty is the one that the mission's repository is fetched from."""
    base: str = ""
    """The branch that it is to be merged into; empty is the one that the mission started from."""
    draft_until: Literal["success", "none"] = "success"
    """`success`: opened as a draft with the first merge, made ready when the mission has
    succeeded. `none`: opened when the mission has succeeded."""
    reviewers: tuple[str, ...] = ()
    """Logins, and teams as `organisation/team`."""
    labels: tuple[str, ...] = ()
    merge: Literal["never", "when_green", "queue"] = "never"
    """Who merges: `never` the hive; `when_green` the hive, once the mission has succeeded and all
    checks are green; `queue` GitHub's merge queue, which the hive puts it into."""
    rounds: int = 3
    """How often failed checks and reviews go back to an agent before a person is asked; with 0
    nothing does."""
    per: Literal["mission", "task"] = "mission"
    """`mission`: one for all that was changed. `task`: one for each task that changed something,
    based on those of the tasks that it needs."""


class Plan(Value, frozen=True):
    name: str
    """What people call it; runs are numbered: `fix-upload` becomes `fix-upload-3`."""
    phases: tuple[Phase, ...]
    type: str = ""
    """The agent type of the original calls, or empty."""
    objective: str = ""
    repository: Repository | None = None
    """None works in an empty folder, and nothing is merged."""
    prerequisites: tuple[str, ...] = ()
    """Names of missions of which a run must have succeeded first."""
    approvals: tuple[ApprovalGate, ...] = ()
    """What a person must confirm before the first phase."""
    criteria: tuple[Gate, ...] = ()
    """What must hold on the merged branch at the end; command gates also run on the base first."""
    notify: Notify | None = None
    budget: Budget | None = None
    pull_request: PullRequestWish | None = None
    """The result is a pull request; None is a branch that is pushed nowhere."""
    deadline: float = 0
    """Seconds from its launch until it is to have succeeded; 0 is without one."""


class Given(Value, frozen=True):
    """A file that a task made: its `output`."""

    name: str
    """Its path in the worktree."""
    file: ArtifactRef


class MergeOf(Value, frozen=True):
    """The work that a merge task merges, or what of the base a task is to merge."""

    task_id: str
    """Empty where it is no task's."""
    name: str
    """Phase and task, for the merge's message."""
    epoch: int
    commit: str
    bundle: ArtifactRef
