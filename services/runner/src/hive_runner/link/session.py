"""The runner's session with the hive: one stream, begun again whenever it breaks.

    runner                                 gateway
      │ beat: all that I hold ───────────────▶ │   when due, and at once on a change
      │ reports, in order ───────────────────▶ │   again on each new stream, until answered
      │ ◀─────────── orders: all that you should hold
      │ ◀──────────────────── receipts: these reports are settled
      │ what commands print, as it comes ────▶ │   while beats are answered

Attempts go on while there is no stream. Nothing is lost with one: beats and orders are whole, and
reports stay in the outbox until a receipt names them. Output may be lost with one: it is sent for
whoever looks on, behind beats and reports, and nothing waits for it.
"""

import asyncio
import logging
import random
import time
from typing import Final

import msgspec
from grpc import aio

from hive_contracts.orders import Beat, Orders
from hive_contracts.v1 import runner_pb2
from hive_contracts.wire import Misfit, from_proto, to_proto
from hive_runner.agents.silences import Silences
from hive_runner.handled import Handled
from hive_runner.link.crew import Crew
from hive_runner.link.gateway import Gateway, SessionCall
from hive_runner.link.outbox import Outbox
from hive_runner.link.reports import Report
from hive_runner.link.tails import Tails

log = logging.getLogger(__name__)

SILENT_SECONDS: Final = 20.0
"""A stream on which nothing came for so long is taken for dead."""
_RESEND_SECONDS: Final = 10.0
"""A report without a receipt is sent again on the same stream."""
_BATCH: Final = 32
"""Reports in one message, at most."""
_BATCH_BYTES: Final = 2 * 1024 * 1024
"""Of reports in one message: gRPC takes 4 MiB, and refuses a larger one each time it comes."""
_GATHER_SECONDS: Final = 0.005
"""Changes that come this close together travel in one beat."""
_OUTPUT_SECONDS: Final = 0.25
"""Between two messages with output, at least."""
_OUTPUT_SHARE: Final = 4
"""Where writing one takes long, so many times as long passes before the next."""
_ANSWER_SECONDS: Final = 1.0
"""A beat that is unanswered for so long: the way is slow, and output would make it slower."""
_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 5.0


class Session:
    def __init__(
        self,
        gateway: Gateway,
        crew: Crew,
        outbox: Outbox,
        changed: asyncio.Event,
        tails: Tails,
        handled: Handled,
        silences: Silences,
    ) -> None:
        self._gateway = gateway
        self._crew = crew
        self._outbox = outbox
        self._changed = changed
        self._tails = tails
        self._handled = handled
        self._silences = silences
        self._counted: float | None = None
        """When this stream was last told what was done."""
        self._writing = asyncio.Lock()
        """A stream takes one message at a time."""
        self._asked: float | None = None
        """When the first beat was sent that no orders have answered."""
        self._sent: dict[str, float] = {}
        """When each report without a receipt was sent on this stream."""
        self._heard = time.monotonic()
        self._delay = _FIRST_DELAY
        self._complaint = ""
        self._last: Beat | None = None
        """The last beat that was sent."""

    async def settled(self) -> None:
        """Wait until the hive has been told that a drained runner holds nothing any more."""
        while True:
            last = self._last
            if last and last.draining and not last.holding and not self._outbox.pending:
                return
            await asyncio.sleep(_GATHER_SECONDS)

    async def run(self) -> None:
        """Keep a stream open until cancelled."""
        while True:
            reason = await self._converse()
            if reason != self._complaint:
                log.warning("no session with the hive: %s", reason)
                self._complaint = reason
            await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))
            self._delay = min(self._delay * 2, _LONGEST_DELAY)

    async def _converse(self) -> str:
        """One stream, from its beginning to its break; returns why it broke."""
        self._sent.clear()
        self._counted = None
        self._heard = time.monotonic()
        self._asked = None
        try:
            call = self._gateway.session()
        except OSError as error:
            return f"the token cannot be read: {error}"
        speaking = asyncio.create_task(self._speak(call))
        listening = asyncio.create_task(self._listen(call))
        relaying = asyncio.create_task(self._relay_output(call))
        sides = (listening, speaking, relaying)
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            reasons = (_why(side) for side in sides)
            return next(filter(None, reasons), "the gateway ended the stream")
        finally:
            call.cancel()
            for side in sides:
                side.cancel()
            await asyncio.wait(sides)

    async def _speak(self, call: SessionCall) -> None:
        while True:
            self._changed.clear()
            beat = self._crew.beat()
            request = runner_pb2.SessionRequest(
                beat=to_proto(self._with_counts(beat), runner_pb2.Beat), reports=self._due()
            )
            self._crew.sending(beat)
            await self._write(call, request)
            if self._asked is None:
                self._asked = time.monotonic()
            self._crew.told(beat)
            self._last = beat
            await self._pause()
            if time.monotonic() - self._heard > SILENT_SECONDS:
                raise TimeoutError(f"nothing was heard for {SILENT_SECONDS:.0f} s")

    def _with_counts(self, beat: Beat) -> Beat:
        """Beats may come many in a second; what was done is told once in one's time."""
        now = time.monotonic()
        if self._counted is not None and now - self._counted < self._crew.beat_seconds:
            return beat
        self._counted = now
        steps, tokens = self._handled.steps(), self._handled.tokens()
        silent = self._silences.told()
        return msgspec.structs.replace(beat, handlers=steps, tokens=tokens, silent=silent)

    async def _pause(self) -> None:
        """Until the next beat is due, or something changed."""
        try:
            async with asyncio.timeout(self._crew.beat_seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_GATHER_SECONDS)

    async def _write(self, call: SessionCall, request: runner_pb2.SessionRequest) -> None:
        async with self._writing:
            await call.write(request)

    async def _relay_output(self, call: SessionCall) -> None:
        """What is printed, a little at a time, and none while the hive does not answer beats."""
        while True:
            await self._tails.printed()
            await asyncio.sleep(_OUTPUT_SECONDS)
            began = time.monotonic()
            if self._asked is not None and began - self._asked > _ANSWER_SECONDS:
                continue
            await self._write(call, runner_pb2.SessionRequest(output=self._tails.take()))
            await asyncio.sleep((time.monotonic() - began) * _OUTPUT_SHARE)

    def _due(self) -> list[runner_pb2.Report]:
        """The next reports to send, as much as fits into one message."""
        now = time.monotonic()
        due: list[runner_pb2.Report] = []
        size = 0
        for report in self._outbox.sendable():
            if now - self._sent.get(report.command_id, -_RESEND_SECONDS) < _RESEND_SECONDS:
                continue
            message = to_proto(report, runner_pb2.Report)
            size += message.ByteSize()
            if due and (size > _BATCH_BYTES or len(due) == _BATCH):
                self._changed.set()
                break
            self._sent[report.command_id] = now
            due.append(message)
        return due

    async def _listen(self, call: SessionCall) -> None:
        async for response in call:
            self._heard = time.monotonic()
            if response.receipts:
                await self._settle(response.receipts)
            if response.HasField("orders"):
                self._obey(response.orders)

    def _obey(self, message: runner_pb2.Orders) -> None:
        try:
            orders = from_proto(message, Orders)
        except Misfit as misfit:
            log.error("orders that this runner cannot read, upgrade it: %s", misfit)
            return
        self._delay, self._complaint = _FIRST_DELAY, ""
        self._asked = None
        self._crew.obey(orders)

    def _count(self, report: Report) -> None:
        """From when it was last sent."""
        sent = self._sent.pop(report.command_id, None)
        if sent is not None:
            self._handled.report.took(time.monotonic() - sent, report.traceparent)

    async def _settle(self, receipts: list[runner_pb2.Receipt]) -> None:
        refused = {receipt.command_id: receipt for receipt in receipts if receipt.refused}
        for report in await self._outbox.answered(receipt.command_id for receipt in receipts):
            self._count(report)
            receipt = refused.get(report.command_id)
            if receipt is not None:
                self._handled.report.failed += 1
                log.warning(
                    "the hive refused a report of %s/%d: %s (%s)",
                    report.task_id, report.epoch, receipt.message, receipt.refused,
                )  # fmt: skip
                self._crew.refused(report)


def _why(task: asyncio.Task[None]) -> str:
    """Why a side of the conversation is over; empty where it is not, or ended by itself."""
    if not task.done() or task.cancelled():
        return ""
    match task.exception():
        case None:
            return ""
        case aio.AioRpcError() as error:
            return f"{error.code().name}: {error.details()}"
        case error:
            return f"{type(error).__name__}: {error}"
