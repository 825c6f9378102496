"""Questions that services answer about themselves and others, as NATS requests.

hive.commands.health.alive     AliveQuery -> Alive               who is alive, seen from outside
hive.commands.health.objectives  ObjectivesQuery -> Objectives   how objectives stand
hive.commands.health.baselines   BaselinesQuery -> Baselines     what agents usually need
hive.commands.health.metrics   MetricsQuery -> text             what Prometheus reads
hive.commands.github.status    GithubStatusQuery -> GithubStatus  configured or not
hive.commands.relay.rebuild    RebuildBus -> BusRebuilt           the event stream made anew
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from hive_contracts.heartbeat import Need
from hive_contracts.subjects import command_subject

ALIVE: Final = command_subject("health", "alive")
OBJECTIVES: Final = command_subject("health", "objectives")
BASELINES: Final = command_subject("health", "baselines")
METRICS: Final = command_subject("health", "metrics")
GITHUB_STATUS: Final = command_subject("github", "status")
REBUILD_BUS: Final = command_subject("relay", "rebuild")


class AliveQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    service: str = ""
    """Only this one; empty asks for all."""


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process of a service."""

    service: str
    instance: str
    """Empty where no instance of a service was ever heard."""
    state: Literal["alive", "silent", "unknown"]
    """`silent`: heard before, several beats are missing. `unknown`: nothing can be said."""
    heard_s_ago: float | None = None
    up_s: float | None = None
    ready: bool = False
    """Whether it said so, and all that it needs is there; False also where nothing is known."""
    reason: str = ""
    """Why it is not alive or not ready, for people."""
    host: str = ""
    version: str = ""
    needs: tuple[Need, ...] = ()
    """What it depends on, as it said last."""
    answers: bool | None = None
    """Of a gateway: whether it answers when health asks it by HTTP; None where nobody can say."""


class RunnerMember(msgspec.Struct, frozen=True, omit_defaults=True):
    """A runner, and the agents that it hosts."""

    runner_id: str
    name: str
    state: Literal["alive", "silent", "unknown", "ended"]
    """`ended`: its session was closed in good order, or it was superseded."""
    slots: int = 0
    working: int = 0
    """Attempts that it holds."""
    agents: tuple[str, ...] = ()
    """Kinds of agents that it has installed and logged in."""
    heard_s_ago: float | None = None
    ready: bool = False
    """Whether it takes work."""
    reason: str = ""


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription: how far a projection or an effect has come."""

    service: str
    name: str
    position: int
    behind: int = 0
    """Events that it has not taken yet."""
    behind_s: float = 0
    """How long the oldest of them has been in the record."""
    still_s: float = 0
    """For how long it has not come forward though events wait."""
    stopped: str = ""
    """Why it stands still at an event; empty while it goes."""


class RecordSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    state: Literal["alive", "silent", "unknown"]
    reason: str = ""
    head: int = 0


Kind = Literal[
    "record-away",
    "bus-away",
    "tails-away",
    "service-silent",
    "gateway-deaf",
    "stuck-consumer",
    "feed-held-up",
    "parked-stream",
    "disk-filling",
    "projection-lagging",
    "projection-stopped",
    "clock-off",
    "pool-exhausted",
    "runner-deaf",
    "runner-silent",
    "agent-silent",
    "mission-late",
]


class Symptom(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is wrong, by name, with what to do about it."""

    kind: Kind
    about: str
    """What it is about: a service, a subscription, a runner, a path."""
    text: str
    """What was seen, in one sentence."""
    remedy: str
    for_s: float = 0
    """Since it was first seen."""
    instance: str = ""
    """The process that said it, where it is about one."""


class BusSeen(msgspec.Struct, frozen=True):
    """The bus as one sees it who only looks."""

    state: Literal["alive", "silent", "unknown"]
    """`silent`: connected, but nothing comes through. `unknown`: health itself is cut off."""
    stream: str = ""
    last_position: int | None = None
    """Of the newest event on the bus; None where there is no event stream."""
    moved_s_ago: float | None = None
    """Since `last_position` last changed, as far as health has seen."""
    holes: int = 0


class AgentDemand(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tasks whose next step needs one profile want of runners."""

    agent: str
    """Empty where any runner will do."""
    waiting: int = 0
    working: int = 0
    runners_desired: int = 0
    """With that profile; 0 for the empty one, which is in the whole only."""
    served: bool = True
    """Whether a runner that is heard has it. Where none has, more of those do not help."""


class Capacity(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many runners are wanted, and why."""

    runners_desired: int | None = None
    """As recorded last; None where nobody has counted yet."""
    runners: int = 0
    """Those that are heard and take work."""
    slots: int = 0
    """Of these."""
    waiting: int = 0
    working: int = 0
    agents: tuple[AgentDemand, ...] = ()
    reason: str = ""
    """Why it does not follow the demand now; empty where it does."""


class Alive(msgspec.Struct, frozen=True):
    members: tuple[Member, ...]
    bus: BusSeen
    listening_s: float
    """For how long health has been able to hear; short means that silence says little."""
    record: RecordSeen = RecordSeen("unknown")
    runners: tuple[RunnerMember, ...] = ()
    standings: tuple[Standing, ...] = ()
    symptoms: tuple[Symptom, ...] = ()
    """The gravest first."""
    capacity: Capacity = Capacity()


class GithubStatusQuery(msgspec.Struct, frozen=True):
    pass


class GithubStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    configured: bool
    reason: str = ""
    """Why not, and what to do about it."""


class RebuildBus(msgspec.Struct, frozen=True):
    """Make the event stream anew from the record."""


class BusRebuilt(msgspec.Struct, frozen=True):
    first: int
    """The position that the new stream starts at."""
    last: int
    """The record's head at that moment; the relay publishes up to it and on."""


class ObjectivesQuery(msgspec.Struct, frozen=True):
    pass


class MetricsQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    openmetrics: bool = False
    """OpenMetrics, which has exemplars, and not Prometheus' older text format."""


class BurnRate(msgspec.Struct, frozen=True, omit_defaults=True):
    window_s: int
    rate: float | None = None
    """None where nothing happened in it."""


class FiringAlert(msgspec.Struct, frozen=True):
    severity: Literal["page", "ticket"]
    window_s: int
    factor: float
    """The rate of burning above which it is told."""


class ObjectiveStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service level objective at one moment (`hive_contracts.slo`)."""

    name: str
    title: str
    description: str
    target: float
    window_s: int
    total_query: str
    good_query: str = ""
    bad_query: str = ""
    bad: float = 0
    total: float = 0
    budget_left: float | None = None
    surely_burnt: float = 0
    confidence: float = 0
    burns: tuple[BurnRate, ...] = ()
    firing: tuple[FiringAlert, ...] = ()


class Objectives(msgspec.Struct, frozen=True, omit_defaults=True):
    objectives: tuple[ObjectiveStanding, ...]
    problem: str = ""
    """What is wrong with a file of one; those that ship are shown then."""


class BaselinesQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    days: Annotated[int, msgspec.Meta(ge=1, le=100)] = 28
    """How far back attempts count."""


class AttemptBaseline(msgspec.Struct, frozen=True, omit_defaults=True):
    """What attempts at the same work with the same model and prompt usually need."""

    repository: str
    """Its address; empty without one."""
    mission: str
    """Without the number of its run."""
    phase: str
    profile: str
    model: str
    """Empty is the agent's own default."""
    prompt: str
    """The first characters of its digest."""
    attempts: int
    succeeded: int
    last_at: datetime
    seconds_p50: float | None = None
    seconds_p95: float | None = None
    usd_mean: float | None = None
    """Of those that told what they cost; None where none did."""
    tokens_mean: float | None = None
    waited_p50: float | None = None
    """Seconds that their tasks waited for a runner."""


class Cause(msgspec.Struct, frozen=True):
    """What was another just before a change."""

    what: Literal["model", "prompt", "gates", "settings", "version"]
    before: str
    after: str
    at: datetime


class EventBefore(msgspec.Struct, frozen=True):
    """The event of the record that came just before the work of agents became another."""

    position: int
    kind: Literal["model", "prompt", "gates", "settings", "version", "attempt"]
    """What came with it; `attempt` where nothing is known to have: the end of the one before."""
    at_ms: int
    """When it was recorded, in milliseconds since 1970."""


class AttemptChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A metric of the same work that changed for good."""

    repository: str
    mission: str
    phase: str
    profile: str
    metric: Literal["success", "seconds", "usd", "tokens", "waiting"]
    """`waiting` is of all missions together: repository, mission and phase are empty."""
    at: datetime
    """When the first attempt after the change ended."""
    before: float
    """The share of attempts that succeeded, or the median of the others."""
    after: float
    worse: bool
    attempts_before: int
    """Since the change before this one."""
    attempts_after: int
    causes: tuple[Cause, ...] = ()
    """The nearest first."""
    position: int = 0
    """Of the event with which the first attempt after the change ended."""
    preceded_by: EventBefore | None = None
    """Of the nearest cause: the launch that brought it."""


class Baselines(msgspec.Struct, frozen=True, omit_defaults=True):
    baselines: tuple[AttemptBaseline, ...] = ()
    changes: tuple[AttemptChange, ...] = ()
    problem: str = ""
    """Why nothing is known."""
    left_out: int = 0
    """Older attempts that were too many to look at."""
