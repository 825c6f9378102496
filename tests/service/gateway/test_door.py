"""Who gets in, with what, and where."""

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from hive_contracts.v1 import mission_pb2, runner_pb2
from tests.suites.gateway import ADMIN, RUNNER, Gateway, bearer, launch_request
from tests.suites.refusals import refused


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((), id="no token"),
        pytest.param(bearer("not-the-token-of-this-hive"), id="a wrong token"),
        pytest.param((("authorization", f"Basic {ADMIN}"),), id="another scheme"),
        pytest.param((("authorization", ""),), id="an empty header"),
        pytest.param(bearer(ADMIN[:-1]), id="a prefix of the token"),
    ],
)
async def test_without_a_good_token_nothing_is_done(
    gateway: Gateway, sent: tuple[tuple[str, str], ...]
) -> None:
    with refused(StatusCode.UNAUTHENTICATED) as told:
        await gateway.missions.List(mission_pb2.ListRequest(), metadata=sent)
    assert told.reason == "unauthenticated"
    assert "authorization: Bearer" in told.facts["remedy"]
    with refused(StatusCode.UNAUTHENTICATED):
        async for _ in gateway.runners.Session(iter(()), metadata=sent):
            pass


async def test_a_runners_token_opens_the_runner_service_alone(gateway: Gateway) -> None:
    with refused(StatusCode.PERMISSION_DENIED) as told:
        await gateway.missions.Launch(launch_request(), metadata=bearer(RUNNER))
    assert told.reason == "not-allowed"
    with refused(StatusCode.NOT_FOUND):
        request = runner_pb2.GetArtifactRequest(digest="0" * 64)
        async for _ in gateway.runners.GetArtifact(request, metadata=bearer(RUNNER)):
            pass


async def test_the_scheme_of_the_token_may_be_written_in_any_case(gateway: Gateway) -> None:
    listed = await gateway.missions.List(
        mission_pb2.ListRequest(), metadata=(("authorization", f"bearer {ADMIN}"),)
    )
    assert list(listed.missions) == []


async def test_health_needs_no_token_and_becomes_serving(gateway: Gateway) -> None:
    health = health_pb2_grpc.HealthStub(gateway.channel)
    async for answer in health.Watch(health_pb2.HealthCheckRequest(), timeout=15):
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            break
    named = await health.Check(health_pb2.HealthCheckRequest(service="hive.v1.MissionService"))
    assert named.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_names_all_services_to_whoever_has_a_token(gateway: Gateway) -> None:
    reflection = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    with refused(StatusCode.UNAUTHENTICATED):
        async for _ in reflection.ServerReflectionInfo(iter([asked])):
            pass
    async for answer in reflection.ServerReflectionInfo(iter([asked]), metadata=bearer(ADMIN)):
        named = {service.name for service in answer.list_services_response.service}
    assert named == {
        "hive.v1.MissionService",
        "hive.v1.RunnerService",
        "hive.v1.EventService",
        "hive.v1.LogService",
        "hive.v1.OperationsService",
        "hive.v1.GithubService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_a_method_that_does_not_exist_is_unimplemented(gateway: Gateway) -> None:
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = gateway.channel.unary_unary(
        "/hive.v1.MissionService/Forget"
    )
    with refused(StatusCode.UNIMPLEMENTED):
        await call(b"", metadata=bearer(ADMIN))
