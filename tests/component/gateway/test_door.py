"""More calls at a time than a gateway holds, through the door alone."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import StatusCode, aio

from hive_contracts.v1 import mission_pb2, mission_pb2_grpc
from hive_gateway.door import HOLD_PAUSE, HOLD_SECONDS, Door, Handler
from hive_gateway.metrics import Metrics
from hive_gateway.tokens import Tokens
from hive_shared.clock import SystemClock
from hive_shared.eventstore.errors import StoreUnavailable
from tests.suites.bus import eventually
from tests.suites.gateway import ADMIN, bearer
from tests.suites.refusals import refused
from tests.suites.simulator.clock import VirtualClock

AS_ADMIN = bearer(ADMIN)
ROOM = 3


class Slow:
    """Two methods of MissionService that answer nobody until they are told to."""

    def __init__(self) -> None:
        self.inside = 0
        self.go_on = asyncio.Event()

    async def list(self, request: Any, context: Any) -> mission_pb2.ListResponse:
        self.inside += 1
        await self.go_on.wait()
        return mission_pb2.ListResponse()

    async def watch(self, request: Any, context: Any) -> AsyncIterator[mission_pb2.WatchResponse]:
        self.inside += 1
        await self.go_on.wait()
        yield mission_pb2.WatchResponse(position=1)

    def handler(self) -> grpc.GenericRpcHandler:
        listed = grpc.unary_unary_rpc_method_handler(
            self.list,
            request_deserializer=mission_pb2.ListRequest.FromString,
            response_serializer=mission_pb2.ListResponse.SerializeToString,
        )
        watched = grpc.unary_stream_rpc_method_handler(
            self.watch,
            request_deserializer=mission_pb2.WatchRequest.FromString,
            response_serializer=mission_pb2.WatchResponse.SerializeToString,
        )
        methods: dict[str, Handler] = {"List": listed, "Watch": watched}
        return grpc.method_handlers_generic_handler("hive.v1.MissionService", methods)


def arrived(slow: Slow, number: int) -> bool:
    return slow.inside == number


@asynccontextmanager
async def serving(slow: Slow) -> AsyncIterator[Any]:
    server = aio.server(
        interceptors=(Door(Tokens({"admin": ADMIN}), Metrics(), SystemClock(), calls=ROOM),)
    )
    server.add_generic_rpc_handlers((slow.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield mission_pb2_grpc.MissionServiceStub(channel)
    await server.stop(0)


async def test_a_call_too_many_is_told_to_come_again_and_those_inside_are_served() -> None:
    slow = Slow()
    async with serving(slow) as missions:
        inside = [
            asyncio.ensure_future(missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN))
            for _ in range(ROOM - 1)
        ]
        watched = missions.Watch(mission_pb2.WatchRequest(), metadata=AS_ADMIN)
        inside.append(asyncio.ensure_future(watched.read()))
        await eventually(lambda: slow.inside == ROOM)
        with refused(StatusCode.UNAVAILABLE) as told:
            await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN)
        assert told.reason == "busy"
        assert "repeat" in told.facts["remedy"]
        with refused(StatusCode.UNAVAILABLE):
            async for _ in missions.Watch(mission_pb2.WatchRequest(), metadata=AS_ADMIN):
                pytest.fail("a stream too many was opened")
        slow.go_on.set()
        await asyncio.gather(*inside)
        assert slow.inside == ROOM


async def test_who_has_gone_makes_room() -> None:
    slow = Slow()
    async with serving(slow) as missions:
        for _ in range(2):
            before = slow.inside
            calls = [
                missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN) for _ in range(ROOM)
            ]
            waiting = [asyncio.ensure_future(call.code()) for call in calls]
            await eventually(functools.partial(arrived, slow, before + ROOM))
            for call in calls:
                call.cancel()
            await asyncio.gather(*waiting)
            slow.go_on.set()
            await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN)
            slow.go_on.clear()


async def test_whoever_has_no_token_is_not_counted() -> None:
    slow = Slow()
    slow.go_on.set()
    async with serving(slow) as missions:
        for _ in range(ROOM + 1):
            with refused(StatusCode.UNAUTHENTICATED):
                await missions.List(mission_pb2.ListRequest())
        await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN)


class Away:
    """A record that is away for so many tries."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    async def list(
        self, request: mission_pb2.ListRequest, context: aio.ServicerContext[Any, Any]
    ) -> mission_pb2.ListResponse:
        if self.tries:
            self.tries -= 1
            raise StoreUnavailable("it restarts")
        return mission_pb2.ListResponse()

    def handler(self) -> grpc.GenericRpcHandler:
        listed = grpc.unary_unary_rpc_method_handler(
            self.list,
            request_deserializer=mission_pb2.ListRequest.FromString,
            response_serializer=mission_pb2.ListResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler("hive.v1.MissionService", {"List": listed})


@asynccontextmanager
async def over(away: Away, metrics: Metrics) -> AsyncIterator[Any]:
    clock = VirtualClock()
    server = aio.server(interceptors=(Door(Tokens({"admin": ADMIN}), metrics, clock),))
    server.add_generic_rpc_handlers((away.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield mission_pb2_grpc.MissionServiceStub(channel)
    await server.stop(0)


def codes(metrics: Metrics) -> list[str]:
    counted, _ = metrics.counted()
    return [value for each in counted for name, value in each.labels if name == "code"]


async def test_a_call_waits_for_the_record_and_is_counted_as_answered() -> None:
    metrics = Metrics()
    async with over(Away(tries=10), metrics) as missions:
        await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN, timeout=10)
    assert codes(metrics) == ["OK"]


async def test_a_record_that_stays_away_is_told_before_the_callers_deadline() -> None:
    away, metrics = Away(tries=1000), Metrics()
    async with over(away, metrics) as missions:
        with refused(StatusCode.UNAVAILABLE) as told:
            await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN, timeout=1)
        assert "it restarts" in told.message
        tried = 1000 - away.tries
        assert 3 <= tried <= 6  # a second, five times a second
        with refused(StatusCode.UNAVAILABLE):
            await missions.List(mission_pb2.ListRequest(), metadata=AS_ADMIN, timeout=60)
        assert 1000 - away.tries - tried == HOLD_SECONDS / HOLD_PAUSE + 1
    assert set(codes(metrics)) == {"UNAVAILABLE"}
