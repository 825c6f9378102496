"""Whether GitHub is configured, asked of the github service. Adapter."""

from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.health import GITHUB_STATUS, GithubStatus, GithubStatusQuery
from hive_gateway.refusals import Refusal

SECONDS: Final = 3.0


class AskingGithub:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def check_configured(self, what: str) -> None:
        """`what` needs GitHub. Raises Refusal."""
        try:
            payload = msgspec.json.encode(GithubStatusQuery())
            reply = await self._client.request(GITHUB_STATUS, payload, timeout=SECONDS)
            status = msgspec.json.decode(reply.data, type=GithubStatus)
        except (nats.errors.Error, msgspec.MsgspecError, TimeoutError, OSError) as error:
            raise Refusal(
                "unavailable",
                f"{what} needs the github service, which did not answer: {type(error).__name__}",
                remedy="see that it is running: hive status",
            ) from error
        if not status.configured:
            raise Refusal(
                "invalid",
                f"{what} needs GitHub, which is not configured: {status.reason}",
                "github",
                "hive github connect",
            )
