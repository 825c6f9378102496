"""Looks at all alerts every two seconds, and has decided what follows. One process does.

    symptoms, objectives, inbox ──▶ causes ──▶ for each cause, and for each open incident: what is
    known now ──▶ decided on what is remembered ──something──▶ decided on the record, appended

Most looks append nothing. What health cannot see is not over: while it cannot hear, what was wrong
before stays. While the record is away nothing can be written; what was wrong meanwhile is kept, and
recorded once it is back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from msgspec.structs import replace

from hive_contracts.codec import UnknownEvent
from hive_contracts.health import Objectives, Symptom
from hive_contracts.incident import ObserveAlerts, incident_id, incident_name
from hive_health.baselines.regressions import Regression
from hive_health.incidents.alert import Alert, of_objectives, of_symptoms
from hive_health.incidents.decider import INITIAL, decide, reopens
from hive_health.incidents.grouping import Cause, causes
from hive_health.incidents.inbox import Inbox
from hive_health.incidents.records import PAGE, Records
from hive_health.incidents.register import Register
from hive_health.incidents.regressions import NAME as REGRESSION
from hive_health.incidents.regressions import of_regressions
from hive_health.incidents.rules import Rules
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import Fenced, StoreError
from hive_shared.eventstore.port import EventStore, Fence

LOOK_SECONDS: Final = 2.0
ANEW_SECONDS: Final = 60.0
"""So often the inbox is read though nothing came: alerts that are not told again grow old."""
FORGET_SECONDS: Final = 3600.0
HELD_MS: Final = 15_000
FENCE: Final = "incidents"
HEARING_SECONDS: Final = 15.0
"""Who has been able to hear for less may have missed what is wrong."""

_log = logging.getLogger("hive.health.incidents")


class Sight(Protocol):
    """What health sees."""

    def wrong(self) -> list[Symptom]: ...

    def hears_for(self) -> float:
        """Seconds."""
        ...

    def worse(self) -> tuple[Regression, ...] | None:
        """Works that are worse than they were; None where that is not known."""
        ...


class Watch:
    def __init__(
        self,
        store: EventStore,
        records: Records,
        register: Register,
        inbox: Inbox,
        sight: Sight,
        objectives: Callable[[], Awaitable[Objectives]],
        rules: Rules,
        clock: Clock,
        holder: str,
        count_every: float,
    ) -> None:
        """`count_every`: seconds between two looks at the objectives."""
        self._store = store
        self._records = records
        self.register = register
        self._inbox = inbox
        self._sight = sight
        self._objectives = objectives
        self.rules = rules
        self._clock = clock
        self._holder = holder
        self._count_every = count_every
        self._fence: Fence | None = None
        self._own: dict[str, Alert] = {}
        """What health itself saw last, by key."""
        self._burning: list[Alert] = []
        self._burnt_at = float("-inf")
        self._read_at = float("-inf")
        self._forgot_at = clock.monotonic()
        self.unwritten: dict[str, Cause] = {}
        """What was wrong while nothing could be recorded."""
        self._reading = asyncio.Lock()
        """The loop and people's questions read on at the same time; each event is folded once."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await self._clock.sleep(LOOK_SECONDS)

    async def turn(self) -> bool:
        """One look; False where nothing could be recorded, or another process looks."""
        self.rules.look()
        own = self._seen()
        try:
            await self.refresh()
            if not await self._holds():
                return False
            worse = self._sight.worse()
            known = self.register.of(REGRESSION)
            alerts = [*own, *await self._burns(), *await self._outside()]
            alerts += of_regressions(worse or (), known)
            open = {each.opened.cause for each in self.register.open()}
            found = causes(alerts, self.rules.file, open)
            missed = {key: cause for key, cause in self.unwritten.items() if key not in found}
            for cause in [*found.values(), *missed.values()]:
                await self._observe(cause.key, cause)
            watched = {each.opened.cause for each in self.register.watched()}
            if worse is None:
                watched -= {each.opened.cause for each in known}
            for key in sorted(watched - found.keys() - missed.keys()):
                await self._observe(key, None)
            self.unwritten = {}
        except Fenced:
            self._fence = None
            return False
        except (StoreError, UnknownEvent) as error:
            _log.warning("incidents wait: %s", error)
            self.unwritten |= causes(own, self.rules.file)
            return False
        return True

    async def refresh(self) -> None:
        """Fold what the record has of incidents. Raises StoreError."""
        async with self._reading:
            await self._read_on()

    async def _read_on(self) -> None:
        head = await self._store.head()
        if head.log_id != self.register.log_id or head.position < self.register.position:
            self.register.restart(head.log_id)
        while events := await self._store.read_category("incident", self.register.position, PAGE):
            for recorded in events:
                self.register.apply(recorded)

    async def _holds(self) -> bool:
        self._fence = await self._store.take_fence(FENCE, self._holder, HELD_MS)
        return self._fence is not None

    def _seen(self) -> list[Alert]:
        now_ms = self._clock.now_ms()
        found = {alert.seen.key: alert for alert in of_symptoms(self._sight.wrong(), now_ms)}
        if self._sight.hears_for() < HEARING_SECONDS:
            found = self._own | found
        self._own = {key: _as_old_as(self._own.get(key), alert) for key, alert in found.items()}
        return list(self._own.values())

    async def _burns(self) -> list[Alert]:
        now = self._clock.monotonic()
        if now - self._burnt_at >= self._count_every:
            self._burning = list(of_objectives(await self._objectives()))
            self._burnt_at = now
        return self._burning

    async def _outside(self) -> list[Alert]:
        now, after = self._clock.monotonic(), float(self.rules.file.forget_after)
        anew = now - self._read_at >= ANEW_SECONDS
        if now - self._forgot_at >= FORGET_SECONDS:
            await self._inbox.forget(after)
            self._forgot_at = now
        found = await self._inbox.firing(after, anew=anew)
        if anew:
            self._read_at = now
        return found

    async def _observe(self, key: str, cause: Cause | None) -> None:
        """Raises StoreError."""
        now_ms = self._clock.now_ms()
        patience = self.rules.file.patience
        latest = self.register.latest(key)
        state, number = INITIAL, 1
        if latest is not None:
            state, number = latest.state, latest.opened.number
            over = state.status == "resolved"
            if over and not reopens(state, now_ms, patience.reopen_within):
                state, number = INITIAL, number + 1
        seen = ObserveAlerts(
            incident_id(key, number),
            now_ms,
            name=incident_name(key, number),
            cause=key,
            number=number,
            firing=0 if cause is None else cause.firing,
            patience=patience,
        )
        if cause is not None:
            seen = _with(seen, cause)
        if decide(state, seen):
            await self._records.tell(seen, fence=self._fence)
            await self.refresh()


def _as_old_as(before: Alert | None, alert: Alert) -> Alert:
    """When it began is what was said first: ages are rounded anew at each look."""
    if before is None:
        return alert
    return replace(alert, seen=replace(alert.seen, since_ms=before.seen.since_ms))


def _with(seen: ObserveAlerts, cause: Cause) -> ObserveAlerts:
    return ObserveAlerts(
        seen.incident_id,
        seen.at_ms,
        name=seen.name,
        cause=seen.cause,
        number=seen.number,
        firing=cause.firing,
        alerts=cause.alerts,
        since_ms=cause.since_ms,
        severity=cause.severity,
        title=cause.title,
        remedy=cause.remedy,
        runbook=cause.runbook,
        patience=seen.patience,
    )
