"""What health knows: heartbeats, bus and record seen together, and what is wrong with them."""

from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from hive_contracts.codec import AnyEvent
from hive_contracts.health import (
    Alive,
    AliveQuery,
    Baselines,
    BaselinesQuery,
    Capacity,
    MetricsQuery,
    Objectives,
    RecordSeen,
    Symptom,
)
from hive_contracts.heartbeat import Heartbeat
from hive_health.autoscaler import Autoscaler, Seen
from hive_health.baselines.reader import Regressions
from hive_health.baselines.regressions import Regression
from hive_health.bus_view import BusView
from hive_health.clocks import Clocks
from hive_health.demand import Demand
from hive_health.disks import Disks
from hive_health.doors import Door, Doors, to_ask
from hive_health.exposition import exposition
from hive_health.incidents.desk import Desk
from hive_health.ledger import Ledger
from hive_health.objectives import Promises
from hive_health.policy.desk import Desk as PolicyDesk
from hive_health.record_view import RecordView
from hive_health.roll import Roll
from hive_health.runners import Runners
from hive_health.standstill import Standstill
from hive_health.symptoms import Sight, symptoms
from hive_health.tally import series_of
from hive_shared.bus.errors import BusUnavailable
from hive_shared.bus.events import EventStream
from hive_shared.clock import Clock
from hive_shared.handling import Handling

LOOK_SECONDS: Final = 2.0


class Health:
    """What this process knows, and since when it has been able to know it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.beats = Handling("beat", clock.monotonic)
        self.asked = Handling("question", clock.monotonic)
        self.roll = Roll()
        self.doors = Doors()
        self.bus = BusView()
        self.runners = Runners()
        self.record: RecordView | None = None
        """None until the record can be looked at."""
        self.ledger: Ledger | None = None
        """None until it can be written."""
        self.promises: Promises | None = None
        self.regressions: Regressions | None = None
        self.autoscaler: Autoscaler | None = None
        """None until the record can be read."""
        self._demand = Demand()
        self.desk: Desk | None = None
        """Answers about incidents; None until the record can be written."""
        self.policy: PolicyDesk | None = None
        """The same of the error-budget policy."""
        self._disks = Disks()
        self._clocks = Clocks()
        self._bus_still = Standstill()
        self._bus_still_s = 0.0
        self._symptoms: list[Symptom] = []
        self._first_seen: dict[tuple[str, str], float] = {}
        self._listening_since: float | None = None
        self._without_bus_since: float | None = clock.monotonic()
        """None while the bus is there."""
        self._gateways_since: float | None = None
        """Since when a gateway has been heard without a gap."""

    def connection(self, is_there: bool) -> None:
        """The connection to the bus came or went."""
        now = self._clock.monotonic()
        self._listening_since = now if is_there else None
        if is_there:
            self._without_bus_since = None
        elif self._without_bus_since is None:
            self._without_bus_since = now

    def hear(self, beat: Heartbeat) -> None:
        now = self._clock.monotonic()
        self.roll.hear(beat, now)
        self.runners.hear(beat.runners, now, beat.every_s)
        self._demand.hear(beat, now)
        self._clocks.saw(beat.host, beat.sent_ms, self._clock.now_ms())
        for disk in beat.disks:
            self._disks.saw(beat.host, disk, now)
        if self.ledger is not None:
            self.ledger.hear(beat)

    def learn(self, event: AnyEvent, at: float) -> None:
        """What the record tells of runners."""
        self.runners.learn(event, at)

    def alive(self, query: AliveQuery) -> Alive:
        now, since = self._clock.monotonic(), self._listening_since
        looked = None if self.record is None else self.record.looked
        return Alive(
            members=tuple(
                self.doors.seen(member) for member in self.roll.members(now, since, query.service)
            ),
            bus=self.bus.seen(now, connected=since is not None),
            listening_s=0.0 if since is None else round(now - since, 3),
            record=self._record_seen(now),
            runners=tuple(self.runners.members(now, self._gateways_heard_for(now))),
            standings=() if looked is None else looked.standings,
            symptoms=tuple(self.wrong()),
            capacity=Capacity(reason="health has no connection to the record yet")
            if self.autoscaler is None
            else self.autoscaler.capacity(),
        )

    def demand(self) -> Seen:
        """What the number of runners that are wanted is made of."""
        now = self._clock.monotonic()
        runners = self.runners.members(now, self._gateways_heard_for(now))
        return Seen(self._demand.known(now), tuple(runners))

    def wrong(self) -> list[Symptom]:
        """What is wrong now, the gravest first."""
        now = self._clock.monotonic()
        return [self._with_age(symptom, now) for symptom in self._symptoms]

    def hears_for(self) -> float:
        """For how many seconds health has been able to hear; 0 while it cannot."""
        since = self._listening_since
        return 0.0 if since is None else self._clock.monotonic() - since

    async def objectives(self) -> Objectives:
        """How objectives stand; raises StoreUnavailable."""
        if self.promises is None:
            return Objectives((), "health has no connection to the record yet")
        return await self.promises.standings()

    async def usual(self) -> Baselines:
        """What agents usually need, and where that changed. Raises StoreError."""
        return await self.baselines(BaselinesQuery())

    async def baselines(self, query: BaselinesQuery) -> Baselines:
        """What agents usually need, and what changed; raises StoreUnavailable."""
        if self.regressions is None:
            return Baselines(problem="health has no connection to the record yet")
        return await self.regressions.look(query.days)

    def worse(self) -> tuple[Regression, ...] | None:
        """Works that are worse than they were; None where nobody has looked yet."""
        return None if self.regressions is None else self.regressions.worse

    async def metrics(self, query: MetricsQuery) -> str:
        """What Prometheus reads of the whole hive. Raises StoreUnavailable."""
        totals = {} if self.ledger is None else await self.ledger.totals()
        now = self._clock.monotonic()
        counted = {series_of(key): value for key, value in totals.items()}
        alive, beats = self.alive(AliveQuery()), self.roll.beats(now)
        beats = [*beats, *self.runners.beats(self._clock.monotonic())]
        return exposition(alive, beats, counted, openmetrics=query.openmetrics)

    async def judge(self) -> None:
        """Look at all that is known every two seconds and name what is wrong, until cancelled."""
        while True:
            self.judge_now()
            await self._clock.sleep(LOOK_SECONDS)

    def judge_now(self) -> None:
        now = self._clock.monotonic()
        sight = self._sight(now)
        hosts = {beat.host for beat in sight.beats}
        self._disks.forget(hosts)
        self._clocks.forget(hosts)
        self.runners.forget(now)
        if self.ledger is not None:
            self.ledger.forget({beat.instance for beat in sight.beats})
        self.doors.forget({beat.instance for beat in sight.beats})
        self._symptoms = symptoms(sight)
        seen = {(symptom.kind, symptom.about) for symptom in self._symptoms}
        self._first_seen = {key: self._first_seen.get(key, now) for key in seen}

    def to_ask(self, machine: str) -> list[Door]:
        """The gateways whose doors can be tried from this machine."""
        return to_ask(self.roll.beats(self._clock.monotonic()), machine)

    def _sight(self, now: float) -> Sight:
        since = self._listening_since
        beats = self.roll.beats(now)
        record = self._record_seen(now)
        bus = self.bus.seen(now, connected=since is not None)
        looked = None if self.record is None else self.record.looked
        if bus.state == "alive" and record.state == "alive":
            at = 0 if bus.last_position is None else bus.last_position
            self._bus_still_s = self._bus_still.saw(at, record.head, now)
        if not any(beat.service == "gateway" for beat in beats):
            self._gateways_since = None
        elif self._gateways_since is None:
            self._gateways_since = now
        return Sight(
            members=tuple(self.roll.members(now, since)),
            beats=tuple(beats),
            doors=tuple(self.doors.deaf(now)),
            record=record,
            bus=bus,
            without_bus_s=self._without_bus_for(now),
            bus_still_s=self._bus_still_s,
            standings=() if looked is None else looked.standings,
            parked=() if looked is None else looked.parked,
            runners=tuple(self.runners.members(now, self._gateways_heard_for(now))),
            deaf=tuple(self.runners.deaf(now)),
            short=tuple(self.runners.short(now)),
            silent=tuple(self.runners.silent(now)),
            disks=tuple(self._disks.filling()),
            overdue=() if looked is None else looked.overdue,
            clocks=() if looked is None else tuple(self._clocks.off(looked.clock_off).items()),
        )

    def _record_seen(self, now: float) -> RecordSeen:
        if self.record is None:
            return RecordSeen("unknown", "health has no connection to the record yet")
        return self.record.seen(now)

    def _gateways_heard_for(self, now: float) -> float | None:
        return None if self._gateways_since is None else now - self._gateways_since

    def _without_bus_for(self, now: float) -> float:
        return 0.0 if self._without_bus_since is None else now - self._without_bus_since

    def _with_age(self, symptom: Symptom, now: float) -> Symptom:
        first = self._first_seen.get((symptom.kind, symptom.about), now)
        return replace(symptom, for_s=round(now - first, 3))

    async def watch(self, stream: EventStream) -> None:
        """Look at the event stream every two seconds, until cancelled."""
        while True:
            with suppress(BusUnavailable):
                self.bus.saw(await stream.look(), self._clock.monotonic())
            await self._clock.sleep(LOOK_SECONDS)
