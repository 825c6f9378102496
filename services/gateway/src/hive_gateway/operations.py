# ruff: noqa: N802  # methods are named by the interface
"""OperationsService: runners, parked events, the bus."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from hive_contracts.v1 import operations_pb2, operations_pb2_grpc
from hive_gateway.bus_state import BusState
from hive_gateway.door import current_call
from hive_gateway.launching import check_command_id
from hive_gateway.refusals import Refusal
from hive_gateway.views.messages import moment, runner_message
from hive_gateway.views.reader import ViewsReader
from hive_shared.eventstore.pool import FAILURES, translated
from hive_shared.eventstore.port import EventStore
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
        self, views: ViewsReader, pool: asyncpg.Pool, store: EventStore, bus: BusState
    ) -> None:
        self._views = views
        self._pool = pool
        self._store = store
        self._bus = bus

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
