"""The HTTP door, spoken to in bytes: well-mannered clients never send what matters here."""

import asyncio

import pytest

from tests.suites.gateway import (
    ADMIN,
    AUTHORIZED,
    HOST,
    RUNNER,
    Gateway,
    ScriptedOrchestrator,
    authorized,
    bearer,
    http_get,
    launch_request,
)


async def test_health_is_open_and_says_what_answers(gateway: Gateway) -> None:
    answer = await http_get(gateway, "/health")
    assert answer.status == 200
    assert answer.json == {
        "status": "healthy",
        "service": "gateway",
        "version": gateway.shell.version,
    }


async def test_ready_names_its_checks_and_becomes_ready(gateway: Gateway) -> None:
    async with asyncio.timeout(15):
        while (answer := await http_get(gateway, "/health/ready")).status != 200:
            assert answer.json["status"] == "not ready"
            await asyncio.sleep(0.05)
    assert answer.json["status"] == "ready"
    assert [check["name"] for check in answer.json["checks"]] == [
        "record",
        "bus",
        "orchestrator",
        "views",
        "tails",
        "people",
    ]
    # The gateway of these tests has no Redis, and is ready without.
    assert {check["ok"] for check in answer.json["checks"] if check["needed"]} == {True}


async def test_reasons_are_for_those_with_a_token(
    gateway: Gateway, orchestrator: ScriptedOrchestrator
) -> None:
    await orchestrator.leave()
    async with asyncio.timeout(15):
        while await _reason(gateway) != "it does not answer":
            await asyncio.sleep(0.05)
    answer = await http_get(gateway, "/health/ready")
    assert {check["reason"] for check in answer.json["checks"]} == {""}


async def _reason(gateway: Gateway) -> str:
    """What a caller with a token is told of the orchestrator."""
    answer = await http_get(gateway, "/health/ready", AUTHORIZED)
    reasons = {check["name"]: str(check["reason"]) for check in answer.json["checks"]}
    return reasons["orchestrator"]


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        pytest.param("Host: hive.example.org\r\n", "1.1", id="another name"),
        pytest.param("Host: 127.0.0.1.example.org\r\n", "1.1", id="a name that begins like ours"),
        pytest.param("", "1.0", id="none at all"),
        pytest.param("Host: \r\n", "1.1", id="an empty one"),
        pytest.param(f"{HOST}Host: hive.example.org\r\n", "1.1", id="two"),
    ],
)
async def test_a_request_that_does_not_name_this_host_is_turned_away(
    gateway: Gateway, headers: str, version: str
) -> None:
    answer = await http_get(gateway, "/health", headers, version)
    assert answer.status in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:9", "[::1]:8000"])
async def test_our_own_names_are_let_in_with_any_port(gateway: Gateway, host: str) -> None:
    assert (await http_get(gateway, "/health", f"Host: {host}\r\n")).status == 200


async def test_metrics_need_the_admins_token(gateway: Gateway) -> None:
    assert (await http_get(gateway, "/metrics")).status == 401
    assert (await http_get(gateway, "/metrics", authorized("no-token-of-this-hive"))).status == 401
    forbidden = await http_get(gateway, "/metrics", authorized(RUNNER))
    assert (forbidden.status, forbidden.json["error"]["code"]) == (403, "not-allowed")
    await gateway.missions.Launch(launch_request(), metadata=bearer(ADMIN))
    shown = await http_get(gateway, "/metrics", AUTHORIZED)
    assert shown.status == 200
    counted = 'hive_gateway_calls_total{code="OK",method="/hive.v1.MissionService/Launch"} 1.0'
    assert counted in shown.body.decode()


async def test_an_unknown_path_is_an_error_in_the_usual_form(gateway: Gateway) -> None:
    answer = await http_get(gateway, "/healthy")
    assert (answer.status, answer.json["error"]["code"]) == (404, "not-found")


async def test_how_many_runners_are_wanted_is_for_the_admin_and_said_to_be_unknown_without_health(
    gateway: Gateway,
) -> None:
    assert (await http_get(gateway, "/capacity")).status == 401
    told = await http_get(gateway, "/capacity", AUTHORIZED)
    assert told.status == 503
    assert told.json["error"]["message"] == "no process of health is there"
