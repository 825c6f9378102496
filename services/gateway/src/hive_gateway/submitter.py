"""Commands on their way to the orchestrator: those that wait travel together.

    callers ──▶ waiting ──▶ lane 1: a request in flight (a list) ──▶ orchestrator
                   ▲   └──▶ lane 2: another one, where many wait       │
                   └────── asked again ◀───────────────────────────────┘ no answer in time:
                                                                         the same command ids

While a request is away the next batch gathers, so a lone caller waits for nobody and many share the
price of one message. With a single lane this process and the orchestrator would work in turns; the
second one opens where enough commands wait to be worth a message, and each lane takes half of all
that is on its way. A command takes effect once under its id, so whoever hears nothing may ask again
until the caller's deadline.

Commands that belong in their order travel as one group, which is never parted: while one of them is
put off, the orchestrator puts off those behind it, and all are sent again.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_gateway.refusals import refusal_of

LANES: Final = 2
SECOND_FROM: Final = 16
"""Commands that must wait before another request is sent beside the one that is away."""
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
    """Commands that belong in their order, and the future of their answers."""

    __slots__ = ("answers", "deadline", "payloads", "size")

    def __init__(self, payloads: list[bytes], deadline: float) -> None:
        self.payloads = payloads
        self.size = sum(map(len, payloads)) + len(payloads)
        self.deadline = deadline
        loop = asyncio.get_running_loop()
        self.answers: asyncio.Future[list[Answer]] = loop.create_future()


class Submitter:
    """The queue of a gateway's commands, and the lanes that empty it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._queue: deque[_Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._queued = 0
        self._in_flight = 0
        self.batches = 0
        """Requests that were sent."""

    def __len__(self) -> int:
        """Commands that wait to be sent."""
        return self._queued

    async def submit(self, submission: Submission, seconds: float) -> Accepted:
        """Until it is answered, at most so many seconds.

        Raises Refusal: the orchestrator's, `too-large`, or `unavailable` where nobody answered;
        the command may then still take effect.
        """
        [answer] = await self.submit_in_order([submission], seconds)
        match answer:
            case Accepted() as accepted:
                return accepted
            case Refused() as refused:
                raise refusal_of(refused)

    async def submit_in_order(
        self, submissions: Sequence[Submission], seconds: float
    ) -> list[Answer]:
        """The answers to commands about one thing, which take effect in this order.

        After one that is `unavailable` (nobody answered in time) the others are, too.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        answers: dict[int, Answer] = {}
        fitting: list[tuple[int, bytes]] = []
        for index, submission in enumerate(submissions):
            payload = msgspec.json.encode(submission)
            if len(payload) > MAX_SUBMISSION_BYTES:
                answers[index] = _too_large(len(payload))
            else:
                fitting.append((index, payload))
        put_off = False
        for group in _groups(fitting):
            payloads = [payload for _, payload in group]
            said = [_NOBODY] * len(group) if put_off else await self._answers(payloads, deadline)
            answers |= {index: answer for (index, _), answer in zip(group, said, strict=True)}
            put_off = put_off or any(map(_is_put_off, said))
        return [answers[index] for index in range(len(submissions))]

    async def close(self) -> None:
        """Send nothing more; those who still wait are answered at their deadline."""
        lanes = tuple(self._lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

    async def _answers(self, payloads: list[bytes], deadline: float) -> list[Answer]:
        waiting = _Waiting(payloads, deadline)
        nobody: list[Answer] = [_NOBODY] * len(payloads)
        giving_up = asyncio.get_running_loop().call_at(deadline, _answer, waiting, nobody)
        self._enqueue(waiting)
        try:
            return await waiting.answers
        finally:
            giving_up.cancel()

    def _enqueue(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._queued += len(waiting.payloads)
        if not self._lanes or (len(self._lanes) < LANES and self._queued >= SECOND_FROM):
            # A task starts on the loop's next turn: all callers of this turn join the batch.
            self._lanes.add(asyncio.create_task(self._empty_queue()))

    async def _empty_queue(self) -> None:
        try:
            # Where too few wait to be worth a message of their own, the other lane takes them.
            while (len(self._lanes) == 1 or self._queued >= SECOND_FROM) and (
                batch := self._next_batch()
            ):
                count = sum(len(waiting.payloads) for waiting in batch)
                self._in_flight += count
                try:
                    await self._send(batch)
                finally:
                    self._in_flight -= count
        finally:
            # At once: whoever comes now must not count on this lane.
            self._lanes -= {asyncio.current_task()}

    def _next_batch(self) -> list[_Waiting]:
        share = max(SECOND_FROM, (self._queued + self._in_flight + 1) // LANES)
        most = min(share, MAX_BATCH)
        batch: list[_Waiting] = []
        count = size = 0
        while self._queue:
            waiting = self._queue[0]
            count += len(waiting.payloads)
            size += waiting.size
            if batch and (count > most or size > MAX_BATCH_BYTES):
                break
            self._queue.popleft()
            self._queued -= len(waiting.payloads)
            if waiting.answers.done():
                # Whoever hung up is not sent for; one that was sent already may have taken effect.
                count -= len(waiting.payloads)
                size -= waiting.size
            else:
                batch.append(waiting)
        return batch

    async def _send(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        payloads = [payload for waiting in batch for payload in waiting.payloads]
        left = max(waiting.deadline for waiting in batch) - loop.time()
        self.batches += 1
        try:
            reply = await self._requests.submit(
                b"[" + b",".join(payloads) + b"]", min(TRY_SECONDS, max(left, 0.001))
            )
            answers = _ANSWERS.decode(reply)
            if len(answers) != len(payloads):
                raise Unanswered(f"{len(answers)} answers to {len(payloads)} commands")
        except (Unanswered, msgspec.MsgspecError):
            self._again(batch)
            return
        following = iter(answers)
        for waiting in batch:
            said = [next(following) for _ in waiting.payloads]
            if any(map(_is_put_off, said)):
                self._again([waiting])
            else:
                _answer(waiting, said)

    def _again(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        for waiting in batch:
            loop.call_later(PAUSE_SECONDS, self._enqueue, waiting)


_NOBODY: Final = Refused(
    "unavailable",
    "the orchestrator did not answer in time; the command may still take effect",
    remedy="send it again under the same command id",
)


def _too_large(size: int) -> Refused:
    return Refused(
        "too-large",
        f"the command has {size} bytes, {MAX_SUBMISSION_BYTES} at most",
        remedy="put long texts into files of the repository, or use fewer tasks",
    )


def _groups(payloads: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """As few as fit into one request each."""
    group: list[tuple[int, bytes]] = []
    size = 0
    for index, payload in payloads:
        size += len(payload) + 1
        if group and (len(group) == MAX_BATCH or size > MAX_BATCH_BYTES):
            yield group
            group, size = [], len(payload) + 1
        group.append((index, payload))
    if group:
        yield group


def _is_put_off(answer: Answer) -> bool:
    return isinstance(answer, Refused) and answer.code == "unavailable"


def _answer(waiting: _Waiting, answers: list[Answer]) -> None:
    if not waiting.answers.done():
        waiting.answers.set_result(answers)
