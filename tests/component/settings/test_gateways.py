"""Several gateways as one target."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio

from hive_client.connection import Connection
from hive_client.errors import Unreachable
from hive_contracts.v1 import operations_pb2, operations_pb2_grpc
from hive_shared.settings.gateways import target


def test_one_address_is_left_as_it_is_and_several_become_a_list() -> None:
    assert target("hive.example:8001") == ("hive.example:8001", ())
    where, options = target(" 127.0.0.1:8001, localhost:8004 ,")
    assert where == "ipv4:127.0.0.1:8001,127.0.0.1:8004"
    assert "round_robin" in str(options)


async def test_a_name_that_nobody_knows_is_said_with_what_to_write() -> None:
    with pytest.raises(Unreachable) as told:
        Connection("127.0.0.1:1,nowhere.invalid:2", "t")
    assert "host:port" in told.value.remedy
    with pytest.raises(Unreachable):
        Connection("127.0.0.1:1,noport", "t")


class Counting:
    """OperationsService, of which one method is called."""

    def __init__(self) -> None:
        self.calls = 0

    async def health(
        self, request: operations_pb2.HealthRequest, context: Any
    ) -> operations_pb2.HealthResponse:
        self.calls += 1
        return operations_pb2.HealthResponse()


@asynccontextmanager
async def gateway() -> AsyncIterator[tuple[aio.Server, Counting, str]]:
    server, counting = aio.server(), Counting()
    health = grpc.unary_unary_rpc_method_handler(
        counting.health,
        request_deserializer=operations_pb2.HealthRequest.FromString,
        response_serializer=operations_pb2.HealthResponse.SerializeToString,
    )
    handlers = {"Health": health}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("hive.v1.OperationsService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield server, counting, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def test_when_one_gateway_goes_each_call_is_answered_by_the_other() -> None:
    async with (
        gateway() as (first, one, here),
        gateway() as (_, two, there),
        Connection(f"{here},{there}", "t", patience=5) as connection,
    ):
        stub: Any = operations_pb2_grpc.OperationsServiceStub(connection.channel)
        async with asyncio.timeout(20):
            while not (one.calls and two.calls):  # both are asked once both are connected
                await connection.call(stub.Health, operations_pb2.HealthRequest())
        await first.stop(0)
        before = two.calls
        for _ in range(20):
            await connection.call(stub.Health, operations_pb2.HealthRequest())
        assert two.calls == before + 20


async def test_a_gateway_that_is_not_there_at_first_keeps_nobody_waiting() -> None:
    async with gateway() as (gone, _, nobody):
        await gone.stop(0)
        async with gateway() as (_, two, there):
            async with Connection(f"{nobody},{there}", "t") as connection:
                stub: Any = operations_pb2_grpc.OperationsServiceStub(connection.channel)
                await connection.call(stub.Health, operations_pb2.HealthRequest())
            assert two.calls == 1
