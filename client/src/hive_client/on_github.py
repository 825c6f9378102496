"""What a hive does on GitHub, for its client."""

from collections.abc import Sequence
from typing import Any

from hive_client.connection import Connection
from hive_contracts import wire
from hive_contracts.plan import PullRequestWish
from hive_contracts.v1 import github_pb2, github_pb2_grpc, plan_pb2

EXAMINE_SECONDS = 30.0


class OnGithub:
    """Every method raises HiveError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub: Any = github_pb2_grpc.GithubServiceStub(connection.channel)

    async def open_pull_request(
        self, mission_id: str, wish: PullRequestWish, command_id: str, *, keep_merge: bool = False
    ) -> github_pb2.PullRequestStatus:
        """Asked for; `show_pull_request` says when it is there. The same wish twice is one.

        `keep_merge`: who merges stays as it was wished for. All else stays that is at its default.
        """
        request = github_pb2.OpenPullRequestRequest(
            command_id=command_id,
            mission_id=mission_id,
            wish=wire.to_proto(wish, plan_pb2.PullRequestWish),
            keep_merge=keep_merge,
        )
        return await self._status(self._stub.OpenPullRequest, request)

    async def show_pull_request(self, mission_id: str) -> github_pb2.PullRequestStatus:
        request = github_pb2.ShowPullRequestRequest(mission_id=mission_id)
        return await self._status(self._stub.ShowPullRequest, request)

    async def examine(self, repository: str = "") -> Sequence[github_pb2.Finding]:
        """What is missing between the hive and GitHub, and what to do about it."""
        request = github_pb2.ExamineRequest(repository=repository)
        answer = await self._connection.call(self._stub.Examine, request, seconds=EXAMINE_SECONDS)
        return list(answer.findings)

    async def _status(self, method: Any, request: Any) -> github_pb2.PullRequestStatus:
        answer = await self._connection.call(method, request, seconds=30)
        status: github_pb2.PullRequestStatus = answer.pull_request
        return status
