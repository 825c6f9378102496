"""The orchestrator as this service speaks to it: requests over NATS. Adapter."""

from typing import Final, Protocol

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.subjects import DEADLINE_HEADER, SUBMIT
from hive_contracts.submit import Accepted, Answer, Refused, Submission

SECONDS: Final = 10.0

_ANSWERS: Final = msgspec.json.Decoder(list[Accepted | Refused])


class Unanswered(Exception):
    """Nobody answered in time; the command may have been taken. Send it again under its id."""


class Commands(Protocol):
    """What takes commands."""

    async def submit(self, submission: Submission) -> Answer:
        """Raises Unanswered."""
        ...


class Orchestrator:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def submit(self, submission: Submission) -> Answer:
        """Raises Unanswered."""
        if not self._client.is_connected:
            raise Unanswered("not connected to NATS")
        payload = msgspec.json.encode([submission])
        headers = {DEADLINE_HEADER: str(int(SECONDS * 1000))}
        try:
            reply = await self._client.request(SUBMIT, payload, timeout=SECONDS, headers=headers)
            [answer] = _ANSWERS.decode(reply.data)
        except (nats.errors.Error, msgspec.MsgspecError, OSError, ValueError) as error:
            raise Unanswered(f"the orchestrator did not answer: {error!r}") from error
        if isinstance(answer, Refused) and answer.code == "unavailable":
            raise Unanswered(answer.message)
        return answer
