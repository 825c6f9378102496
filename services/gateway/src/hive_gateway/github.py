# ruff: noqa: N802  # methods are named by the interface
"""GithubService: pull requests and what is missing, asked of the github service. Adapter."""

from typing import Any, Final, TypeVar

import msgspec
import nats.errors
from grpc import aio
from nats.aio.client import Client

from hive_contracts.github.questions import (
    EXAMINE,
    OPEN_PULL_REQUEST,
    SHOW_PULL_REQUEST,
    Examination,
    Examine,
    OpenPullRequest,
    PullRequestStatus,
    ShowPullRequest,
)
from hive_contracts.ids import is_id
from hive_contracts.plan import PullRequestWish
from hive_contracts.submit import Refused
from hive_contracts.v1 import github_pb2, github_pb2_grpc
from hive_contracts.wire import fill, from_proto
from hive_gateway.door import current_call
from hive_gateway.launching import check_command_id
from hive_gateway.refusals import Refusal, refusal_of

T = TypeVar("T", PullRequestStatus, Examination)
Context = aio.ServicerContext[Any, Any]

PATIENCE_SECONDS: Final = 28.0


class Github(github_pb2_grpc.GithubServiceServicer):
    def __init__(self, client: Client) -> None:
        self._client = client

    async def OpenPullRequest(
        self, request: github_pb2.OpenPullRequestRequest, context: Context
    ) -> github_pb2.OpenPullRequestResponse:
        check_command_id(request.command_id)
        wish = from_proto(request.wish, PullRequestWish)
        actor = current_call().caller.actor
        asked = OpenPullRequest(_mission(request.mission_id), "", wish, actor, request.keep_merge)
        status = await self._ask(OPEN_PULL_REQUEST, asked, PullRequestStatus)
        response = github_pb2.OpenPullRequestResponse()
        fill(status, response.pull_request)
        return response

    async def ShowPullRequest(
        self, request: github_pb2.ShowPullRequestRequest, context: Context
    ) -> github_pb2.ShowPullRequestResponse:
        asked = ShowPullRequest(_mission(request.mission_id))
        status = await self._ask(SHOW_PULL_REQUEST, asked, PullRequestStatus)
        response = github_pb2.ShowPullRequestResponse()
        fill(status, response.pull_request)
        return response

    async def Examine(
        self, request: github_pb2.ExamineRequest, context: Context
    ) -> github_pb2.ExamineResponse:
        found = await self._ask(EXAMINE, Examine(request.repository), Examination)
        response = github_pb2.ExamineResponse()
        for finding in found.findings:
            fill(finding, response.findings.add())
        return response

    async def _ask(self, subject: str, asked: msgspec.Struct, kind: type[T]) -> T:
        """Raises Refusal."""
        seconds = min(current_call().timeout, PATIENCE_SECONDS)
        try:
            payload = msgspec.json.encode(asked)
            reply = await self._client.request(subject, payload, timeout=seconds)
            answer = msgspec.json.decode(reply.data, type=kind | Refused)
        except (nats.errors.Error, msgspec.MsgspecError, TimeoutError, OSError) as error:
            raise Refusal(
                "unavailable",
                f"the github service did not answer: {type(error).__name__}",
                remedy="see that it is running: hive status",
            ) from error
        if isinstance(answer, Refused):
            raise refusal_of(answer)
        return answer


def _mission(mission_id: str) -> str:
    """Raises Refusal."""
    if not is_id(mission_id):
        raise Refusal("invalid", f"{mission_id[:80]!r} is no mission's id", "mission_id")
    return mission_id
