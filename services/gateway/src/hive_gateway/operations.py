# ruff: noqa: N802  # methods are named by the interface
"""OperationsService: health, runners, parked events, the bus."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, get_args

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from hive_contracts.incident_report import TellIncident, Verb
from hive_contracts.policy_report import TellPolicy
from hive_contracts.v1 import operations_pb2, operations_pb2_grpc
from hive_contracts.wire import to_proto
from hive_gateway.asking_health import AskingHealth
from hive_gateway.bus_state import BusState
from hive_gateway.door import current_call
from hive_gateway.launching import check_command_id
from hive_gateway.refusals import Refusal
from hive_gateway.views.messages import moment, runner_message
from hive_gateway.views.reader import ViewsReader
from hive_shared.clock import Clock
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore
from hive_shared.policy_shown import shown
from hive_shared.restraints import Restraining
from hive_shared.subscriptions.parking import (
    NotParked,
    ParkedStream,
    list_parked,
    list_subscriptions,
    replay_parked,
    show_parked,
)

Context = aio.ServicerContext[Any, Any]


class Operations(operations_pb2_grpc.OperationsServiceServicer):
    def __init__(
        self,
        views: ViewsReader,
        pool: asyncpg.Pool,
        store: EventStore,
        bus: BusState,
        health: AskingHealth,
        clock: Clock,
    ) -> None:
        self._views = views
        self._pool = pool
        self._store = store
        self._bus = bus
        self._health = health
        self._clock = clock
        self._restraining = Restraining(store, clock)

    async def Health(
        self, request: operations_pb2.HealthRequest, context: Context
    ) -> operations_pb2.HealthResponse:
        return await self._health.report()

    async def Capacity(
        self, request: operations_pb2.CapacityRequest, context: Context
    ) -> operations_pb2.CapacityResponse:
        return await self._health.capacity()

    async def Objectives(
        self, request: operations_pb2.ObjectivesRequest, context: Context
    ) -> operations_pb2.ObjectivesResponse:
        return await self._health.objectives()

    async def Baselines(
        self, request: operations_pb2.BaselinesRequest, context: Context
    ) -> operations_pb2.BaselinesResponse:
        return await self._health.baselines(request.days)

    async def ListIncidents(
        self, request: operations_pb2.ListIncidentsRequest, context: Context
    ) -> operations_pb2.ListIncidentsResponse:
        return await self._health.incidents(max(0, request.limit))

    async def ShowIncident(
        self, request: operations_pb2.ShowIncidentRequest, context: Context
    ) -> operations_pb2.ShowIncidentResponse:
        return await self._health.incident(request.incident)

    async def TellIncident(
        self, request: operations_pb2.TellIncidentRequest, context: Context
    ) -> operations_pb2.TellIncidentResponse:
        check_command_id(request.command_id)
        actor = current_call().caller.actor
        asked = TellIncident(
            request.command_id,
            actor,
            request.incident,
            _verb(request.verb),
            request.note,
            request.anyway,
        )
        return await self._health.tell_incident(asked)

    async def ShowPolicy(
        self, request: operations_pb2.ShowPolicyRequest, context: Context
    ) -> operations_pb2.ShowPolicyResponse:
        # From the record: what has to be obeyed is known without health, too.
        await self._restraining.refresh()
        problem = ""
        try:
            problem = (await self._health.policy()).problem
        except Refusal as away:
            problem = f"nothing changes until health is back: {away.message}"
        report = shown(self._restraining.standing, self._clock.now_ms(), problem)
        return operations_pb2.ShowPolicyResponse(
            report=to_proto(report, operations_pb2.PolicyReport)
        )

    async def OverridePolicy(
        self, request: operations_pb2.OverridePolicyRequest, context: Context
    ) -> operations_pb2.OverridePolicyResponse:
        check_command_id(request.command_id)
        actor = current_call().caller.actor
        asked = TellPolicy(request.command_id, actor, request.for_s, request.reason)
        return await self._health.override_policy(asked)

    async def ListRunners(
        self, request: operations_pb2.ListRunnersRequest, context: Context
    ) -> operations_pb2.ListRunnersResponse:
        runners = await self._views.runners()
        return operations_pb2.ListRunnersResponse(runners=map(runner_message, runners))

    async def ListParked(
        self, request: operations_pb2.ListParkedRequest, context: Context
    ) -> operations_pb2.ListParkedResponse:
        async with self._connection() as connection:
            parked = await list_parked(connection)
        return operations_pb2.ListParkedResponse(parked=map(_parked, parked))

    async def ShowParked(
        self, request: operations_pb2.ShowParkedRequest, context: Context
    ) -> operations_pb2.ShowParkedResponse:
        async with self._connection() as connection:
            parked = await show_parked(connection, request.subscription, request.stream)
        [event] = await self._store.read_all(parked.position - 1, 1)
        return operations_pb2.ShowParkedResponse(
            parked=_parked(parked), data=event.data, waiting_positions=parked.waiting
        )

    async def ReplayParked(
        self, request: operations_pb2.ReplayParkedRequest, context: Context
    ) -> operations_pb2.ReplayParkedResponse:
        check_command_id(request.command_id)
        async with self._connection() as connection:
            released = await replay_parked(connection, request.subscription, request.stream)
        return operations_pb2.ReplayParkedResponse(released=released)

    async def BusStatus(
        self, request: operations_pb2.BusStatusRequest, context: Context
    ) -> operations_pb2.BusStatusResponse:
        surveyed = await self._bus.survey()
        head, held = surveyed.head, surveyed.held
        async with self._connection() as connection:
            standings = await list_subscriptions(connection)
        response = operations_pb2.BusStatusResponse(
            log_id=head.log_id, record_head=head.position, verdict=surveyed.verdict
        )
        if held is not None:
            response.stream, response.holes = held.stream, held.holes
            response.bus_first, response.bus_last = held.first, held.last
        for standing in standings:
            response.subscriptions.add(
                name=standing.name,
                service=standing.service,
                position=standing.position,
                lag=max(0, head.position - standing.position),
                stopped=standing.stopped,
            )
        return response

    async def RebuildBus(
        self, request: operations_pb2.RebuildBusRequest, context: Context
    ) -> operations_pb2.RebuildBusResponse:
        check_command_id(request.command_id)
        rebuilt = await self._bus.rebuild(current_call().timeout)
        return operations_pb2.RebuildBusResponse(first=rebuilt.first, last=rebuilt.last)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Raises StoreError; Refusal for what is not parked."""
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except NotParked as error:
            raise Refusal(
                "not-found", str(error), "stream", "`hive parked list` shows what is"
            ) from None
        except FAILURES as error:
            raise translated(error) from error


def _verb(text: str) -> Verb:
    """Raises Refusal."""
    for verb in get_args(Verb):
        if verb == text:
            return verb  # type: ignore[no-any-return]
    known = ", ".join(get_args(Verb))
    raise Refusal("invalid", f"{text[:40]!r} cannot be done with an incident", "verb", known)


def _parked(parked: ParkedStream) -> operations_pb2.ParkedStream:
    return operations_pb2.ParkedStream(
        subscription=parked.subscription,
        stream=parked.stream,
        position=parked.position,
        event_type=parked.event_type,
        tries=parked.tries,
        error=parked.error,
        waiting=len(parked.waiting),
        parked_at=_moment(parked.parked_at),
    )


def _moment(at: datetime | None) -> Timestamp | None:
    return None if at is None else moment(at)
