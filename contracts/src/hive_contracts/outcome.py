"""What one epoch of a task brought about: the values that reports and events carry.

Durations are seconds. Commits are full object names of git, digests are SHA-256 in hex.
"""

from typing import Final, Literal

from hive_contracts.budget import Spent
from hive_contracts.dialogue import Question
from hive_contracts.plan import ArtifactRef, Given, Item, Tip, Value

FailureKind = Literal[
    "agent",
    "gate",
    "no-change",
    "timeout",
    "conflict",
    "infrastructure",
    "limit",
    "budget",
    "permanent",
]
"""Whose failure it was.

`agent`, `gate`, `no-change` and `timeout` are tried again and count as an attempt; `infrastructure`
and `limit` are tried again and do not count; `budget` is tried again with more, if there is more to
give, and counts unless it had all that was left; `conflict` sends work back to the newest tip;
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

    def spent(self) -> Spent:
        """As it counts towards a budget."""
        return Spent(
            self.billed_usd,
            self.estimated_usd,
            self.input_tokens + self.output_tokens,
            known_usd=not self.unpriced,
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
    settings: str = ""
    """The first characters of a digest of what its profile runs and may do, as the runner's
    hive.toml had it."""


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
    """Changed paths that wait for a person, as the base commit's repository file has it, at most
    MAX_NAMED: what it protects, and tests that the base had."""
    protected_files: int = 0
    """How many there are."""
    tests: tuple[FileChange, ...] = ()
    """Changed test files that the base had, at most MAX_NAMED."""
    test_files: int = 0
    """How many there are."""
    agent: AgentRun | None = None
    """None for a plain command."""
    made: Given | None = None
    """The file that the task was to make, its `output`."""
    left_over: int = 0
    """Processes that its command left at work, and that were ended."""


class Asked(Value, frozen=True, tag="asked"):
    """An agent ended its turn with a question: the task goes on when a person has answered."""

    question: Question
    work: WorkDone
    """What it made so far: the next turn goes on from there."""


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
    set_up: str = ""
    """How the repository's set-up ended, where that is what failed: `ended with status 1`."""


class HandedOver(Value, frozen=True, tag="handover"):
    """What was there of an attempt when a person took its task over."""

    commit: str = ""
    """Empty where nothing was changed by then."""
    bundle: ArtifactRef | None = None
    """The git bundle `tip..commit`."""
    output: ArtifactRef | None = None
    setup: ArtifactRef | None = None
    """What the repository's set-up printed."""
    agent: AgentRun | None = None
    """The agent whose turn was ended, if one was at work."""


class Start(Value, frozen=True):
    """What a person left: work goes on from there and not from the tip, of which it is a
    descendant."""

    commit: str
    bundle: ArtifactRef
    """The git bundle `tip..commit`."""
    finished: bool = False
    """Whether it is the result: it is handed in as it is."""


Outcome = WorkDone | Asked | MergeDone | ItemsListed | GatesRun | Failure | HandedOver
