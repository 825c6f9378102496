"""What a process says of itself on `hive.heartbeats.<service>.<instance>`; it may get lost.

Facts only, as the process can measure them: what they mean is judged by health, which sees them
all. Whatever was added after the first version has a default, so old and new hear each other.
"""

from typing import Final, Literal

import msgspec

State = Literal["starting", "ready", "draining"]


Kind = Literal["message", "call", "effect", "projection", "job", "statement", "wait"]
"""What is handled: a message or a call from outside, an event by an effect or by a projection, work
that a process gives itself, a statement of the database, or the wait in a queue."""

HANDLED_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of durations in seconds."""


class Need(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that the process depends on."""

    name: str
    """A service, or `record`, `bus`, `tails`, `views`."""
    ok: bool
    reason: str = ""
    """Why not; empty where it is well."""
    needed: bool = True
    """Whether the process is not ready without it."""
    is_set: bool = True
    """False where no settings name one, so that nobody misses it."""


class Handled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one handler did since the process began."""

    name: str
    done: int = 0
    failed: int = 0
    busy: int = 0
    """Messages in hand now."""
    oldest_s: float = 0
    """For how long the oldest of them has been in hand."""
    kind: Kind = "message"
    seconds: float = 0
    """That all of them took together."""
    buckets: tuple[int, ...] = ()
    """How many took how long: at most each of `HANDLED_BOUNDS`, and longer, each for itself."""
    slowest: tuple[float, str] | None = None
    """The slowest of late whose trace is recorded: its seconds, and the id of the trace."""


class PoolUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pool of connections."""

    name: str
    size: int
    """As many as it may open."""
    used: int = 0
    waited_s: float = 0
    """How long one who asks now has to wait, or has waited so far; 0 where it got one at once."""


class QueueUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What waits in a process."""

    name: str
    waiting: int = 0
    oldest_s: float = 0
    """For how long the first of it has waited; 0 where that is not known."""


class Disk(msgspec.Struct, frozen=True):
    """The file system that a folder of the process is on. Bytes."""

    path: str
    total: int
    free: int
    keep: int
    """With less than this free, work stops being taken."""


MAX_SILENT: Final = 100
"""Silent attempts in one beat, at most: those nearest to their end."""


class SilentAttempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attempt at work whose agent or command prints nothing."""

    task_id: str
    epoch: int
    task: str
    """`mission/phase/task`, as commands take it."""
    seconds: float
    """Since it printed anything; time in which it waits for a person does not count."""
    limit: float
    """After so many it is ended."""
    agent: str = ""
    """Its profile; empty for a plain command."""

    @property
    def share(self) -> float:
        """Of its time-out."""
        return self.seconds / self.limit


class RunnerHeard(msgspec.Struct, frozen=True, omit_defaults=True):
    """A runner whose session is open at this gateway."""

    runner_id: str
    session_id: str
    name: str
    slots: int
    heard_s_ago: float
    every_s: float
    """Seconds between two of its beats."""
    working: int = 0
    """Epochs that it holds."""
    agents: tuple[str, ...] = ()
    closed: str = ""
    """Why it takes no new work; empty while it does."""
    draining: bool = False
    deaf_s: float = 0
    """For how long it has left orders undone that were sent to it, though it is heard."""
    handlers: tuple[Handled, ...] = ()
    """What it did since its process began."""
    tokens: tuple["Counted", ...] = ()
    """What its agents used: counters named `TOKENS`."""
    silent: tuple[SilentAttempt, ...] = ()


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Slots of runners that tasks take or wait for, by what their next step needs."""

    agent: str
    """The profile; empty where any runner will do."""
    waiting: int = 0
    """Tasks that a runner with a free slot would be given at once."""
    working: int = 0
    """Tasks that hold a slot."""


class Counted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A counter since the process began."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()
    """By name of the label."""


SPANS: Final = "hive_trace_spans"
"""A counter of every process that exports traces; its label `state` is `ended` or `exported`."""


TOKENS: Final = "hive_agent_tokens"
"""A counter of every runner; its labels are `profile`, and `kind`: `input`, `cached` (a part of
`input`) or `output`."""


class Heartbeat(msgspec.Struct, frozen=True):
    service: str
    instance: str
    """Another one at each start of the process."""
    version: str
    """Of the service's package."""
    state: State
    uptime_s: float
    """Since the process began, on its own clock."""
    every_s: float
    """Seconds until the next one: who is silent for much longer is not there."""
    host: str = ""
    address: str = ""
    """Where its HTTP listens, as `http://host:port`; empty where it has none."""
    sent_ms: int = 0
    """When it was sent, by the clock of that machine: milliseconds since 1970; 0 is not told."""
    needs: tuple[Need, ...] = ()
    handlers: tuple[Handled, ...] = ()
    pools: tuple[PoolUse, ...] = ()
    queues: tuple[QueueUse, ...] = ()
    disks: tuple[Disk, ...] = ()
    runners: tuple[RunnerHeard, ...] = ()
    counters: tuple[Counted, ...] = ()
    """What objectives are computed from (`hive_contracts.slo`): those that changed. And how many
    spans were ended and exported here (`SPANS`)."""
    counters_whole: bool = False
    """Whether all of them are told: what is not among them is at zero."""
    demand: tuple[Wanted, ...] | None = None
    """What runners are wanted for; only the orchestrator that is active knows it."""
