"""Commands on their way to the orchestrator: those that wait travel together.

    callers ──▶ waiting ──▶ one request in flight (a list) ──▶ orchestrator
                   ▲                    │
                   └── asked again ◀────┘ no answer in time: the same command ids

While a request is away the next batch gathers, so a lone caller waits for nobody and many share the
price of one message. A command takes effect once under its id, so whoever hears nothing may ask
again until the caller's deadline.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

import msgspec

from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_gateway.refusals import Refusal, refusal_of

MAX_BATCH: Final = 64
"""Submissions in one request."""
MAX_BATCH_BYTES: Final = 512 * 1024
"""Bytes of one request, unless a single submission holds more."""
MAX_SUBMISSION_BYTES: Final = 960 * 1024
"""Bytes of one submission: a NATS message holds 1 MiB."""
TRY_SECONDS: Final = 3.0
"""How long one request may take before it is sent again."""
PAUSE_SECONDS: Final = 0.2
"""Between two tries where there was no answer."""

_ANSWERS: Final = msgspec.json.Decoder(list[Accepted | Refused])


class Unanswered(Exception):
    """Nobody answered in time, or nobody is there; the commands may have been taken."""


class Requests(Protocol):
    """Request and reply with the orchestrator."""

    async def submit(self, payload: bytes, seconds: float) -> bytes:
        """Raises Unanswered. The other side is told, too, how long is waited."""
        ...


class _Waiting:
    __slots__ = ("answer", "deadline", "payload")

    def __init__(self, payload: bytes, deadline: float) -> None:
        self.payload = payload
        self.deadline = deadline
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()


class Submitter:
    """The queue of a gateway's commands, and the task that empties it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._queue: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None
        self.batches = 0
        """Requests that were sent."""

    def __len__(self) -> int:
        """Commands that wait to be sent."""
        return len(self._queue)

    async def submit(self, submission: Submission, seconds: float) -> Accepted:
        """Until it is answered, at most so many seconds.

        Raises Refusal: the orchestrator's, `too-large`, or `unavailable` where nobody answered;
        the command may then still take effect.
        """
        payload = msgspec.json.encode(submission)
        if len(payload) > MAX_SUBMISSION_BYTES:
            raise Refusal(
                "too-large",
                f"the command has {len(payload)} bytes, {MAX_SUBMISSION_BYTES} at most",
                remedy="put long texts into files of the repository, or use fewer tasks",
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(payload, loop.time() + seconds)
        giving_up = loop.call_at(waiting.deadline, _answer, waiting, _NOBODY)
        self._enqueue(waiting)
        try:
            answer = await waiting.answer
        finally:
            giving_up.cancel()
        match answer:
            case Accepted() as accepted:
                return accepted
            case Refused() as refused:
                raise refusal_of(refused)

    async def close(self) -> None:
        """Send nothing more; those who still wait are answered at their deadline."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _enqueue(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        if self._sending is None or self._sending.done():
            # A task starts on the loop's next turn: all callers of this turn join the batch.
            self._sending = asyncio.create_task(self._empty_queue())

    async def _empty_queue(self) -> None:
        while batch := self._next_batch():
            await self._send(batch)

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < MAX_BATCH:
            waiting = self._queue[0]
            size += len(waiting.payload) + 1
            if batch and size > MAX_BATCH_BYTES:
                break
            self._queue.popleft()
            # Whoever hung up is not sent for; one that was sent already may have taken effect.
            if not waiting.answer.done():
                batch.append(waiting)
        return batch

    async def _send(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        payload = b"[" + b",".join(waiting.payload for waiting in batch) + b"]"
        left = max(waiting.deadline for waiting in batch) - loop.time()
        self.batches += 1
        try:
            reply = await self._requests.submit(payload, min(TRY_SECONDS, max(left, 0.001)))
            answers = _ANSWERS.decode(reply)
            if len(answers) != len(batch):
                raise Unanswered(f"{len(answers)} answers to {len(batch)} commands")
        except (Unanswered, msgspec.MsgspecError):
            self._again(batch)
            return
        again: list[_Waiting] = []
        for waiting, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Refused) and answer.code == "unavailable":
                again.append(waiting)
            else:
                _answer(waiting, answer)
        if again:
            self._again(again)

    def _again(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        for waiting in batch:
            loop.call_later(PAUSE_SECONDS, self._enqueue, waiting)


_NOBODY: Final = Refused(
    "unavailable",
    "the orchestrator did not answer in time; the command may still take effect",
    remedy="send it again under the same command id",
)


def _answer(waiting: _Waiting, answer: Answer) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(answer)
