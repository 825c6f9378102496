"""Health's edge on the bus: it hears every heartbeat and answers who is alive. FastStream."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from faststream.nats import NatsBroker, NatsMessage

from hive_contracts.health import (
    ALIVE,
    BASELINES,
    METRICS,
    OBJECTIVES,
    AliveQuery,
    Baselines,
    BaselinesQuery,
    MetricsQuery,
    Objectives,
)
from hive_contracts.heartbeat import Heartbeat
from hive_contracts.incident_report import (
    INCIDENT,
    INCIDENTS,
    TELL_INCIDENT,
    IncidentQuery,
    IncidentsQuery,
    TellIncident,
)
from hive_contracts.policy_report import OVERRIDE_POLICY, POLICY, TellPolicy
from hive_contracts.subjects import HEARTBEATS
from hive_contracts.submit import Refused
from hive_health.health import Health
from hive_shared.eventstore.errors import StoreError

_log = logging.getLogger("hive.health")
_query: Final = msgspec.json.Decoder(AliveQuery)
_baselines_query: Final = msgspec.json.Decoder(BaselinesQuery)
_metrics: Final = msgspec.json.Decoder(MetricsQuery)
_beat: Final = msgspec.json.Decoder(Heartbeat)
_NOT_YET: Final = Refused(
    "unavailable", "health has no connection to the record yet", remedy="repeat in a moment"
)


def broker_for(url: str, health: Health) -> NatsBroker:
    async def lost() -> None:
        health.connection(is_there=False)

    async def back() -> None:
        health.connection(is_there=True)

    broker = NatsBroker(
        url,
        name="health",
        logger=_log,
        log_level=logging.DEBUG,
        apply_types=False,
        disconnected_cb=lost,
        reconnected_cb=back,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
    )

    @broker.subscriber(
        HEARTBEATS, decoder=_body, title="Heartbeats",
        description="What every process says of itself (Heartbeat), every two seconds.",
    )  # fmt: skip
    async def on_beat(body: bytes) -> None:
        try:
            with health.beats.one():
                health.hear(_beat.decode(body))
        except msgspec.MsgspecError as error:
            _log.warning("a heartbeat that is none: %s", error)

    @broker.subscriber(
        ALIVE, queue="health", decoder=_body, title="Alive",
        description="Who is alive: an AliveQuery (or nothing), answered by Alive.",
    )  # fmt: skip
    async def on_alive(body: bytes) -> bytes:
        with health.asked.one():
            return msgspec.json.encode(health.alive(_query.decode(body or b"{}")))

    @broker.subscriber(
        OBJECTIVES, queue="health", decoder=_body, title="Objectives",
        description="How objectives stand: an ObjectivesQuery, answered by Objectives.",
    )  # fmt: skip
    async def on_objectives(_: bytes) -> bytes:
        try:
            with health.asked.one():
                return msgspec.json.encode(await health.objectives())
        except StoreError as error:
            problem = f"the record does not answer: {error}"
            return msgspec.json.encode(Objectives((), problem))

    @broker.subscriber(
        BASELINES, queue="health", decoder=_body, title="Baselines",
        description="What agents usually need: a BaselinesQuery, answered by Baselines.",
    )  # fmt: skip
    async def on_baselines(body: bytes) -> bytes:
        try:
            query = _baselines_query.decode(body or b"{}")
            return msgspec.json.encode(await health.baselines(query))
        except msgspec.MsgspecError as error:
            return msgspec.json.encode(Baselines(problem=f"that is no query: {error}"))
        except StoreError as error:
            return msgspec.json.encode(Baselines(problem=f"the record does not answer: {error}"))

    @broker.subscriber(
        METRICS, queue="health", decoder=_body, title="Metrics",
        description="What Prometheus reads of the whole hive, as text: MetricsQuery (or nothing).",
    )  # fmt: skip
    async def on_metrics(body: bytes) -> bytes:
        with health.asked.one():
            return (await health.metrics(_metrics.decode(body or b"{}"))).encode()

    @broker.subscriber(
        INCIDENTS, queue="health", decoder=_body, title="Incidents",
        description="Incidents: an IncidentsQuery, answered by Incidents.",
    )  # fmt: skip
    async def on_incidents(body: bytes) -> bytes:
        asked = msgspec.json.decode(body or b"{}", type=IncidentsQuery)
        answer = _NOT_YET if health.desk is None else await health.desk.incidents(asked)
        return msgspec.json.encode(answer)

    @broker.subscriber(
        INCIDENT, queue="health", decoder=_body, title="Incident",
        description="One incident: an IncidentQuery, answered by IncidentReport.",
    )  # fmt: skip
    async def on_incident(body: bytes) -> bytes:
        asked = msgspec.json.decode(body, type=IncidentQuery)
        if health.desk is None:
            return msgspec.json.encode(_NOT_YET)
        members = health.alive(AliveQuery()).members
        return msgspec.json.encode(await health.desk.incident(asked, members))

    @broker.subscriber(
        TELL_INCIDENT, queue="health", decoder=_body, title="TellIncident",
        description="What a person does about one: a TellIncident, answered by IncidentTold.",
    )  # fmt: skip
    async def on_tell_incident(body: bytes) -> bytes:
        asked = msgspec.json.decode(body, type=TellIncident)
        answer = _NOT_YET if health.desk is None else await health.desk.tell(asked)
        return msgspec.json.encode(answer)

    @broker.subscriber(
        POLICY, queue="health", decoder=_body, title="Policy",
        description="The error-budget policy: a PolicyQuery, answered by PolicyReport.",
    )  # fmt: skip
    async def on_policy(_: bytes) -> bytes:
        answer = _NOT_YET if health.policy is None else await health.policy.policy()
        return msgspec.json.encode(answer)

    @broker.subscriber(
        OVERRIDE_POLICY, queue="health", decoder=_body, title="OverridePolicy",
        description="A person's override of it: a TellPolicy, answered by PolicyTold.",
    )  # fmt: skip
    async def on_override(body: bytes) -> bytes:
        asked = msgspec.json.decode(body, type=TellPolicy)
        answer = _NOT_YET if health.policy is None else await health.policy.tell(asked)
        return msgspec.json.encode(answer)

    return broker


@asynccontextmanager
async def serving(broker: NatsBroker, health: Health) -> AsyncIterator[None]:
    """Listen and answer as soon as the bus is there."""

    async def begin() -> None:
        await broker.start()
        health.connection(is_there=True)

    starting = asyncio.create_task(begin())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await broker.stop()


async def _body(message: NatsMessage) -> bytes:
    return bytes(message.body)
