"""What only GitHub can do is refused at launch where it is not configured."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from grpc import StatusCode
from nats.aio.msg import Msg

from hive_contracts.health import GITHUB_STATUS, GithubStatus
from hive_contracts.v1 import plan_pb2
from hive_shared.bus.connection import connected
from tests.conftest import NatsAccount
from tests.suites.bus import settled
from tests.suites.gateway import (
    ADMIN,
    Gateway,
    ScriptedOrchestrator,
    bearer,
    launch_request,
)
from tests.suites.refusals import refused

CHECK = plan_pb2.Gate(github_check=plan_pb2.GithubCheckGate(name="ci", check="ci/required"))
WISH = plan_pb2.PullRequestWish(repository="acme/shop")
MERGE = plan_pb2.PullRequestWish(repository="acme/shop", merge="when_green")


class Service:
    """The github service, as far as it is asked whether it is configured."""

    status = GithubStatus(configured=False, reason="no App and no token")

    async def answer(self, message: Msg) -> None:
        await message.respond(msgspec.json.encode(self.status))


@pytest.fixture
async def service(nats: NatsAccount) -> AsyncIterator[Service]:
    service = Service()
    async with connected(nats.url_of("github"), "scripted") as client:
        await client.subscribe(GITHUB_STATUS, cb=service.answer)
        await settled(client)
        yield service


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        pytest.param({"criteria": [CHECK]}, "the github_check 'ci/required'", id="a check"),
        pytest.param({"pull_request": MERGE}, "`merge: when_green`", id="a merge"),
    ],
)
async def test_it_says_what_needs_github_and_how_to_connect_it(
    gateway: Gateway,
    orchestrator: ScriptedOrchestrator,
    service: Service,
    fields: dict[str, Any],
    what: str,
) -> None:
    with refused(StatusCode.INVALID_ARGUMENT) as told:
        await gateway.missions.Launch(launch_request(**fields), metadata=bearer(ADMIN))
    assert told.message == f"{what} needs GitHub, which is not configured: no App and no token"
    assert told.facts["remedy"] == "hive github connect"
    assert orchestrator.submissions == []
    service.status = GithubStatus(configured=True)
    await gateway.missions.Launch(launch_request(**fields), metadata=bearer(ADMIN))
    assert len(orchestrator.submissions) == 1


async def test_where_the_github_service_is_away_it_says_so(gateway: Gateway) -> None:
    with refused(StatusCode.UNAVAILABLE) as told:
        await gateway.missions.Launch(launch_request(criteria=[CHECK]), metadata=bearer(ADMIN))
    assert "needs the github service, which did not answer" in told.message


async def test_a_pull_request_that_people_merge_asks_nobody(gateway: Gateway) -> None:
    await gateway.missions.Launch(launch_request(pull_request=WISH), metadata=bearer(ADMIN))
