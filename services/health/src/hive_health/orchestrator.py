"""The orchestrator as health speaks to it: launches of runbooks over NATS. Adapter."""

from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.subjects import DEADLINE_HEADER, RUNBOOK
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_health.incidents.runbooks import NotLaunched

SECONDS: Final = 10.0
_ANSWER: Final = msgspec.json.Decoder(Accepted | Refused)


class Orchestrator:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def submit(self, submission: Submission) -> Answer:
        """Raises NotLaunched; the command may have been taken, so repeat it under its id."""
        payload = msgspec.json.encode(submission)
        headers = {DEADLINE_HEADER: str(int(SECONDS * 1000))}
        try:
            reply = await self._client.request(RUNBOOK, payload, timeout=SECONDS, headers=headers)
            answer: Answer = _ANSWER.decode(reply.data)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise NotLaunched(f"the orchestrator does not answer: {error!r}") from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise NotLaunched(f"the orchestrator answers something else: {error}") from error
        return answer
