"""The gRPC server: the services behind the door. Adapter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from grpc import aio
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hive_contracts.v1 import (
    event_pb2,
    event_pb2_grpc,
    github_pb2,
    github_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
    mission_pb2,
    mission_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    runner_pb2,
    runner_pb2_grpc,
)
from hive_gateway.door import MAX_CALLS, Door
from hive_gateway.events import Events
from hive_gateway.github import Github
from hive_gateway.logs.service import Logs
from hive_gateway.missions import Missions
from hive_gateway.operations import Operations
from hive_gateway.ports import port_in_use
from hive_gateway.sessions import Runners

SERVICES: Final = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (mission_pb2, "MissionService"),
        (runner_pb2, "RunnerService"),
        (event_pb2, "EventService"),
        (log_pb2, "LogService"),
        (operations_pb2, "OperationsService"),
        (github_pb2, "GithubService"),
    )
)
MAX_REQUEST: Final = 16 * 1024 * 1024
"""Bytes: as many plans as one LaunchMany may hold."""
MAX_OPEN: Final = 2 * MAX_CALLS
"""Calls and streams of any kind. gRPC ends those beyond it as CANCELLED, with no word of why: the
door refuses sooner, and what is left is for whoever asks about health."""
GRACE_SECONDS: Final = 1.0
"""How long calls that are being served may take once the gateway is told to end."""

_OPTIONS: Final = (
    # Two gateways on one port would share its calls; a port in use is to be an error.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_REQUEST),
    ("grpc.max_send_message_length", -1),
    # A peer that is gone without a word is noticed; peers may do the same to us.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


class Services(msgspec.Struct, frozen=True):
    missions: Missions
    runners: Runners
    events: Events
    logs: Logs
    operations: Operations
    github: Github
    health: Any
    """The health servicer of grpc_health, which ships no types."""


@asynccontextmanager
async def serving(services: Services, door: Door, host: str, port: int) -> AsyncIterator[int]:
    """Serve in this loop; yields the port (another one only for port 0). Raises SettingsError."""
    server = aio.server(interceptors=(door,), options=_OPTIONS, maximum_concurrent_rpcs=MAX_OPEN)
    mission_pb2_grpc.add_MissionServiceServicer_to_server(services.missions, server)
    runner_pb2_grpc.add_RunnerServiceServicer_to_server(services.runners, server)
    event_pb2_grpc.add_EventServiceServicer_to_server(services.events, server)
    log_pb2_grpc.add_LogServiceServicer_to_server(services.logs, server)
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(services.operations, server)
    github_pb2_grpc.add_GithubServiceServicer_to_server(services.github, server)
    health_pb2_grpc.add_HealthServicer_to_server(services.health, server)
    names = (*SERVICES, "grpc.health.v1.Health", reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    bracketed = f"[{host}]" if ":" in host else host
    try:
        bound = server.add_insecure_port(f"{bracketed}:{port}")
    except RuntimeError as error:
        raise port_in_use(bracketed, port, "gateway_grpc_port") from error
    await server.start()
    try:
        yield bound
    finally:
        await services.health.enter_graceful_shutdown()
        await server.stop(GRACE_SECONDS)
