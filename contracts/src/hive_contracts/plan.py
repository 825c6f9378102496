"""What a mission is made of: values shared by commands, events and leases.

Durations are seconds. Commits are full object names of git, digests are SHA-256 in hex.
"""

import hashlib
from typing import Final, Literal

import msgspec

TaskKind = Literal["work", "gate", "merge", "expand"]
"""What a task's runner does: an agent's work, a check, a merge into the mission's branch, or the
listing of the items that a phase fans out over."""

Step = Literal["work", "gates", "merge", "expand"]
"""What one epoch of a task is leased for; a `work` task is leased for `gates` after its work."""

FailureKind = Literal[
    "agent",
    "gate",
    "no-change",
    "timeout",
    "conflict",
    "infrastructure",
    "limit",
    "permanent",
]
"""Whose failure it was.

`agent`, `gate`, `no-change` and `timeout` are tried again and count as an attempt; `infrastructure`
and `limit` are tried again and do not count; `conflict` sends work back to the newest tip;
`permanent` is never tried again.
"""

MAX_DETAIL: Final = 4_096
"""Characters of a failure's detail; the whole output is an artifact."""
MAX_SAID: Final = 2_048
"""Characters of an agent's last words that an event carries."""
MAX_TAIL: Final = 8_192
"""Characters of a gate's output that an event carries, and that the next attempt is given."""
MAX_NAMED: Final = 20
"""Paths, or tests, that a result names; beyond that they are counted."""
PROTECTED_GATE: Final = "protected"
"""The approval that is asked for where work changes protected paths."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parent of the values here: immutable, and silent about what is at its default."""


class ArtifactRef(Value, frozen=True):
    digest: str
    size: int
    """Bytes."""


class Repository(Value, frozen=True):
    url: str
    """What git fetches from: a URL or an absolute path on the runner's machine."""
    base: str
    """The commit that the mission starts from."""
    branch: str = ""
    """The branch that the base was the head of, for people; empty if it was none."""


class Tip(Value, frozen=True):
    """A commit on a mission's branch, and how to get it."""

    commit: str
    chain: str = ""
    """Digest of the manifest (`Link`) of the bundle that ends in this commit; empty at the base."""


class Link(Value, frozen=True):
    """One step from a base to a tip: an artifact (JSON) of its own, found by its digest."""

    old: str
    new: str
    bundle: ArtifactRef
    previous: str = ""
    """Digest of the `Link` that ends in `old`; empty where `old` is the base."""


class Timeouts(Value, frozen=True):
    queue: float = 3600
    """Ready, until a runner has it."""
    start: float = 60
    """Leased, until the runner says that it began."""
    run: float = 1800
    silence: float = 600
    """Without a byte of output."""
    setup: float = 900


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


Check = CommandGate | HttpGate | MetricGate
"""What a runner judges."""
Gate = CommandGate | ApprovalGate | HttpGate | MetricGate


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
    """Who is told, by a signed POST, where a mission needs a person or has ended."""

    webhook: str
    """A URL of http or https. It is part of the record, and so is any secret in it."""
    when: tuple[Literal["needs-you", "done"], ...] = ()
    """Of what; empty is all of it."""


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


class Baseline(Value, frozen=True):
    """What a gate with `compare: base` found on the mission's base commit."""

    gate: str
    """`CommandGate.definition`."""
    exit_code: int | None = None
    """None where the command did not end by itself."""
    tests: ArtifactRef | None = None
    """Its tests (JSON); None where the gate has no report."""
    flaky: tuple[str, ...] = ()
    """Tests that were seen to fail and, run again on the same files, to pass."""


class Tally(Value, frozen=True):
    """A gate's tests, counted from its report, beside those of the base."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    base_passed: int = 0
    base_failed: int = 0
    added: int = 0
    """Tests that the base does not have."""
    gone: int = 0
    newly_failed: int = 0
    newly_skipped: int = 0


class GateResult(Value, frozen=True):
    name: str
    passed: bool
    command: str = ""
    exit_code: int | None = None
    """None where the command did not end by itself."""
    seconds: float = 0
    tail: str = ""
    """What matters of its output, at most MAX_TAIL characters: failing tests, then its end."""
    output: ArtifactRef | None = None
    reason: str = ""
    """Why it did not pass, where the exit status does not say it."""
    tally: Tally | None = None
    """None without a report."""
    flaky: tuple[str, ...] = ()
    """Tests that failed here and passed when they were run again, at most MAX_NAMED."""
    baseline: Baseline | None = None
    """With `compare: base`: what it was compared with."""
    commit: str = ""
    """What was judged; empty without a repository."""


class FileChange(Value, frozen=True):
    path: str
    insertions: int = 0
    """Lines; 0 in a binary file."""
    deletions: int = 0


class Usage(Value, frozen=True):
    """What agents used. Amounts that were billed, that are estimated, and that nobody knows are
    never mixed."""

    input_tokens: int = 0
    """Read, those from a cache included."""
    cached_tokens: int = 0
    """Of these, from a cache."""
    output_tokens: int = 0
    billed_usd: float = 0
    estimated_usd: float = 0
    """At list prices; on a subscription nobody pays it."""
    unpriced: int = 0
    """Runs of agents that did not say what they cost."""

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            round(self.billed_usd + other.billed_usd, 6),
            round(self.estimated_usd + other.estimated_usd, 6),
            self.unpriced + other.unpriced,
        )


class AgentRun(Value, frozen=True):
    """One run of an agent, as it told of itself."""

    profile: str
    session: str = ""
    """Its session's id, by which its own command goes on with it."""
    said: str = ""
    """Its last words, at most MAX_SAID characters."""
    prompt: ArtifactRef | None = None
    """What it was asked, as it was sent."""
    usage: Usage | None = None
    """None where it did not say."""


class WorkDone(Value, frozen=True, tag="work"):
    """An agent's work, committed; without a repository, or with nothing to change, no commit."""

    commit: str = ""
    bundle: ArtifactRef | None = None
    """The git bundle `tip..commit`."""
    no_change: str = ""
    """Why nothing needed to be changed, in the agent's words."""
    output: ArtifactRef | None = None
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    defects: str = ""
    """What a review found, at most MAX_TAIL characters; empty accepts."""
    setup: ArtifactRef | None = None
    """What the repository's set-up printed."""
    protected: tuple[str, ...] = ()
    """Changed paths that the base commit's repository file protects, at most MAX_NAMED."""
    protected_files: int = 0
    """How many there are."""
    tests: tuple[FileChange, ...] = ()
    """Changed test files that the base had, at most MAX_NAMED."""
    test_files: int = 0
    """How many there are."""
    agent: AgentRun | None = None
    """None for a plain command."""


class MergeDone(Value, frozen=True, tag="merge"):
    old: str
    """The tip that the merge started from."""
    new: Tip


class ItemsListed(Value, frozen=True, tag="items"):
    items: tuple[Item, ...]


class GatesRun(Value, frozen=True, tag="gates"):
    commit: str
    results: tuple[GateResult, ...]
    setup: ArtifactRef | None = None
    """What the repository's set-up printed."""


class Failure(Value, frozen=True, tag="failure"):
    kind: FailureKind
    detail: str
    """One sentence for people, at most MAX_DETAIL characters."""
    tail: str = ""
    """The end of the output that explains it, at most MAX_TAIL characters."""
    output: ArtifactRef | None = None
    files: tuple[str, ...] = ()
    """The files in conflict."""
    retry_after: float = 0
    """Seconds until a limit is lifted; 0 if not known."""
    setup: ArtifactRef | None = None
    """What the repository's set-up printed."""
    agent: AgentRun | None = None
    """The agent that was at work, if one was."""


Outcome = WorkDone | MergeDone | ItemsListed | GatesRun | Failure


class MergeOf(Value, frozen=True):
    """The work that a merge task merges."""

    task_id: str
    name: str
    """Phase and task, for the merge's message."""
    epoch: int
    commit: str
    bundle: ArtifactRef
