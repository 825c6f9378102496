"""What runners and the orchestrator say to each other: `hive.commands.orchestrator.beat`.

A beat says what a runner is doing, the reply what it should be doing. Both are whole, so that a
lost offer, cancellation or report heals with the next beat.
"""

from typing import Final, Literal

import msgspec

from hive_contracts.budget import AttemptCap
from hive_contracts.dialogue import Answered, Reply
from hive_contracts.heartbeat import SilentAttempt
from hive_contracts.outcome import Failure, GatesRun, Start, WorkDone
from hive_contracts.plan import Step
from hive_contracts.task import TaskPlanned


class Holding(msgspec.Struct, frozen=True, omit_defaults=True):
    """An epoch that the runner knows: offered, at work, or reported and not forgotten yet."""

    task_id: str
    epoch: int
    state: Literal["starting", "running", "reported"] = "running"
    asks: str = ""
    """The question, by its id, for whose answer it waits at work."""


RUNNER_HANDLERS: Final = ("prepare", "turn", "gate", "merge", "report")
"""What a runner does of which its rate, errors and durations are told: filling a worktree, the turn
of a command or agent, judging by one gate, merging, and a report until the hive has answered it."""


class StepsDone(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one of `RUNNER_HANDLERS` did since the runner's process began."""

    name: str
    done: int = 0
    failed: int = 0
    busy: int = 0
    oldest_s: float = 0
    seconds: float = 0
    """That all of them took together."""
    buckets: tuple[int, ...] = ()
    """As in `hive_contracts.heartbeat.Handled`."""
    slowest_s: float = 0
    slowest_trace: str = ""
    """The id of a recorded trace; empty where there is none."""


class TokensUsed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the agents of one profile used since the runner's process began, as they told it."""

    profile: str
    input: int = 0
    """Read, those from a cache included."""
    cached: int = 0
    output: int = 0


class Beat(msgspec.Struct, frozen=True, tag="beat", omit_defaults=True):
    runner_id: str
    session_id: str
    name: str
    slots: int
    agents: tuple[str, ...] = ()
    draining: bool = False
    holding: tuple[Holding, ...] = ()
    closed: str = ""
    """Why it takes no new work for now, for people; empty while it does."""
    number: int = 0
    """Counted by the runner; the orders that answer it say it again."""
    handlers: tuple[StepsDone, ...] = ()
    """Told every few seconds, for the hive's metrics; empty in the beats between. It ends at the
    gateway."""
    tokens: tuple[TokensUsed, ...] = ()
    """The same."""
    silent: tuple[SilentAttempt, ...] = ()
    """The same, for health."""


class Canary(msgspec.Struct, frozen=True, tag="canary"):
    """A gateway's own beat: it proves that the hive could hear."""

    gateway: str


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """An epoch that this session should be working on."""

    epoch: int
    step: Step
    task: TaskPlanned
    attempt: int
    """Which attempt this is, from 1: epochs that failed by nobody's fault are not counted."""
    feedback: Failure | GatesRun | None = None
    """Why the attempt before it failed: input for this one."""
    result: WorkDone | None = None
    """With step `gates`: the work to be judged; with `work`: what was made before a question, and
    is gone on from."""
    traceparent: str = ""
    hints: tuple[str, ...] = ()
    """What people told it, in order."""
    session: str = ""
    """The agent's own session of the attempt before, where it told one."""
    start: Start | None = None
    """With step `work`: what a person left, where one had taken the task."""
    answers: tuple[Answered, ...] = ()
    """What its turns asked, and were answered, in order."""
    cap: AttemptCap | None = None
    """What the agent may use until it is stopped; None sets no bound."""


class Orders(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that the session should be working on; whatever else it holds is to be stopped."""

    session_id: str
    leases: tuple[Lease, ...] = ()
    """What it holds already is named in `keep` instead."""
    keep: tuple[Holding, ...] = ()
    beat_seconds: float = 2
    hand_over: tuple[Holding, ...] = ()
    """A person has taken these: what is there is to be reported, and nothing more be done."""
    replies: tuple[Reply, ...] = ()
    """To questions for which attempts wait at work."""
    answers: int = 0
    """The number of the beat that was heard; 0 of a runner that does not count."""
    session_ttl: float = 0
    """Seconds of silence after which the hive gives the session's leases to others."""


class TaskRelease(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a runner may let go of a task that it keeps work of, because of what people decided."""

    task_id: str
    all: bool = False
    """All that its attempts left: its mission was released."""
    commit: str = ""
    """Its work, which was landed with its mission's branch."""


Heard = Beat | Canary
