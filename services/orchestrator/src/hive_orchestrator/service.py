"""The orchestrator put together: what stands between its settings and its parts."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct
from nats.aio.client import Client

from hive_contracts.ids import NewId
from hive_orchestrator.active import Active, Pace
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.desk_postgres import open_postgres_desk
from hive_orchestrator.edge import Hints, broker_for, serve, started
from hive_orchestrator.handlers.beats import Beats
from hive_orchestrator.handlers.commands import Commands
from hive_orchestrator.handlers.submit import Submit
from hive_orchestrator.measured import Scheduling
from hive_orchestrator.replica import Replica
from hive_shared.bus.connection import connected
from hive_shared.clock import Clock
from hive_shared.eventstore.port import Fence
from hive_shared.eventstore.postgres import open_postgres_store
from hive_shared.eventstore.probe import PoolProbe
from hive_shared.handling import Handling
from hive_shared.restraints import Restraining


class Service(Struct, frozen=True):
    """What the process shell may ask."""

    replica: Replica
    client: Client
    handlings: tuple[Handling, ...]
    pools: tuple[PoolProbe, ...]
    appends_waiting: Callable[[], int]


@asynccontextmanager
async def open_service(
    postgres_url: str,
    nats_url: str,
    pace: Pace,
    beat_seconds: float,
    clock: Clock,
    new_id: NewId,
    jitter: Callable[[], float],
) -> AsyncIterator[Service]:
    """A replica that serves; it takes part in being active while `replica.run` does.

    Raises StoreUnavailable where PostgreSQL does not answer at the start.
    """
    async with AsyncExitStack() as stack:
        broker = broker_for(nats_url)
        client = await stack.enter_async_context(connected(nats_url, "orchestrator"))
        hints = Hints(client)
        appends = Handling("append", clock.monotonic, "statement")
        store = await stack.enter_async_context(
            open_postgres_store(postgres_url, on_appended=lambda _: tell_all(), appends=appends)
        )
        desk = await stack.enter_async_context(open_postgres_desk(postgres_url))
        aggregates = Aggregates(store)
        scheduling = Scheduling(clock.monotonic)
        restraining = Restraining(store, clock)
        commands = Commands(store, aggregates, new_id, jitter, restraining)

        def start(fence: Fence) -> Active:
            aggregates.forget()  # the record was away, or another replica was active
            return Active(
                store,
                desk,
                commands,
                new_id,
                hints.tell,
                pace,
                fence,
                clock,
                scheduling,
                restraining,
            )

        replica = Replica(store, start, new_id(), pace, clock)

        def tell_all() -> None:
            replica.wake()
            hints.appended()

        submit = Submit(commands, aggregates, desk, new_id)
        beats = Beats(commands, aggregates, desk, new_id, beat_seconds, pace.session_ttl)
        submitting, beating = (Handling(name, clock.monotonic) for name in ("submit", "beat"))
        serve(broker, submit, beats, replica, submitting, beating)
        await stack.enter_async_context(started(broker))
        pools = (PoolProbe("log", store.pool, clock), PoolProbe("desk", desk.pool, clock))
        handlings = (submitting, beating, appends, scheduling.turns, scheduling.waits)
        yield Service(replica, client, handlings, pools, lambda: store.waiting)
