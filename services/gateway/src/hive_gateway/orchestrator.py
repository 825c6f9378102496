"""The orchestrator as the gateway speaks to it: requests over NATS. Adapter."""

import logging
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client

from hive_contracts.orders import Beat, Canary, Orders
from hive_contracts.subjects import BEAT, DEADLINE_HEADER, SUBMIT
from hive_gateway.submitter import Unanswered
from hive_shared.clock import Clock

BEAT_SECONDS: Final = 2.0
"""How long an answer to a beat is waited for; the next beat asks again."""

IMPATIENT_SECONDS: Final = 0.25
"""Between canaries while nobody answers."""

_ORDERS: Final = msgspec.json.Decoder(Orders)

_log = logging.getLogger("hive.gateway.orchestrator")


class Orchestrator:
    def __init__(self, client: Client) -> None:
        self._client = client
        self.answers = False
        """Whether it answered the last time that it was asked."""

    async def submit(self, payload: bytes, seconds: float) -> bytes:
        """Raises Unanswered."""
        return await self._request(SUBMIT, payload, seconds)

    async def beat(self, beat: Beat) -> Orders:
        """What this session should be doing. Raises Unanswered."""
        reply = await self._request(BEAT, msgspec.json.encode(beat), BEAT_SECONDS)
        try:
            return _ORDERS.decode(reply)
        except msgspec.MsgspecError as error:
            # An empty answer: the beat was not heard.
            raise Unanswered(f"no orders: {error}") from error

    async def canaries(self, gateway: str, every: float, clock: Clock) -> None:
        """Beat by the way that runners' beats take, until cancelled: the hive can hear."""
        canary = msgspec.json.encode(Canary(gateway))
        while True:
            try:
                await self._request(BEAT, canary, every)
            except Unanswered as error:
                _log.debug("the canary was not heard: %s", error)
            await clock.sleep(every if self.answers else min(every, IMPATIENT_SECONDS))

    async def _request(self, subject: str, payload: bytes, seconds: float) -> bytes:
        if not self._client.is_connected:
            self.answers = False
            raise Unanswered("not connected to NATS")
        try:
            headers = {DEADLINE_HEADER: str(int(seconds * 1000))}
            reply = await self._client.request(subject, payload, timeout=seconds, headers=headers)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            if self.answers:
                _log.warning("%s: no answer: %r", subject, error)
            self.answers = False
            raise Unanswered(repr(error)) from error
        self.answers = True
        return reply.data
