"""What the gateway depends on, and how that is: for `/health/ready` and gRPC's health service."""

from typing import Any, Final

import msgspec
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as grpc_health
from nats.aio.client import Client

from hive_contracts.heartbeat import Need
from hive_gateway.logs.tails import Tails
from hive_gateway.orchestrator import Orchestrator
from hive_gateway.people import People
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.eventstore.port import EventStore
from hive_shared.projection import Progress
from hive_shared.vitals import MAX_REASON

EVERY_SECONDS: Final = 2.0
IMPATIENT_SECONDS: Final = 0.25
"""Between looks while something is missing."""
FRESH_SECONDS: Final = 0.25
MAX_LAG: Final = 10_000
"""Events that the read models may be behind before that counts as not ready."""

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


class Check(msgspec.Struct, frozen=True):
    name: str
    ok: bool
    reason: str = ""
    """Empty where it is well."""
    needed: bool = True
    """Whether the gateway is not ready without it."""
    is_set: bool = True
    """False where no settings name one."""


class Dependencies:
    """Looked at now and then; who asks is told the last look."""

    def __init__(
        self,
        store: EventStore,
        bus: Client,
        orchestrator: Orchestrator,
        progress: Progress,
        tails: Tails,
        people: People,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._orchestrator = orchestrator
        self._progress = progress
        self._tails = tails
        self._people = people
        self._clock = clock
        self.checks: tuple[Check, ...] = ()
        self._looked_at = float("-inf")
        self.grpc: Any = grpc_health.HealthServicer()

    @property
    def ready(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks if check.needed)

    def needs(self) -> list[Need]:
        """The last look, as a heartbeat tells it."""
        return [
            Need(check.name, check.ok, check.reason[:MAX_REASON], check.needed, check.is_set)
            for check in self.checks
        ]

    async def run(self, services: tuple[str, ...]) -> None:
        """Look until cancelled; `services` are the gRPC services whose health this is."""
        # grpc_health itself begins by saying that all is well.
        await self._tell(services)
        while True:
            await self.look()
            await self._tell(services)
            await self._clock.sleep(EVERY_SECONDS if self.ready else IMPATIENT_SECONDS)

    async def _tell(self, services: tuple[str, ...]) -> None:
        for service in (*services, ""):
            await self.grpc.set(service, _SERVING if self.ready else _NOT_SERVING)

    async def look_again(self) -> None:
        """Look, unless that was done a moment ago: probes cost no more than that."""
        if self._clock.monotonic() - self._looked_at > FRESH_SECONDS:
            await self.look()

    async def look(self) -> None:
        self.checks = (
            await self._record(),
            Check("bus", self._bus.is_connected, _unless(self._bus.is_connected, "no connection")),
            Check(
                "orchestrator",
                self._orchestrator.answers,
                _unless(self._orchestrator.answers, "it does not answer"),
            ),
            self._views(),
            self._live_output(),
            self._tokens(),
        )
        self._looked_at = self._clock.monotonic()

    async def _record(self) -> Check:
        try:
            await self._store.head()
        except StoreError as error:
            return Check("record", False, str(error))
        return Check("record", True)

    def _live_output(self) -> Check:
        reason, is_set = self._tails.reason, self._tails.is_set
        return Check("tails", not reason, reason, needed=False, is_set=is_set)

    def _tokens(self) -> Check:
        self._people.now()
        return Check("people", not self._people.problem, self._people.problem, needed=False)

    def _views(self) -> Check:
        status = self._progress.status()
        lag = status.head - status.position
        if status.stopped:
            return Check("views", False, f"stopped: {status.stopped}")
        return Check("views", lag <= MAX_LAG, _unless(lag <= MAX_LAG, f"{lag} events behind"))


def _unless(ok: bool, reason: str) -> str:
    return "" if ok else reason
