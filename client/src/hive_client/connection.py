"""A channel to a hive's gateways: the token on each call, and tries again while none answers.

A mutation is sent again with the command id that it had, so it takes effect once however often it
was sent; a read has no effect. So every call may be repeated after UNAVAILABLE, or where no answer
came in time.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc
from grpc.aio import AioRpcError, Channel, UnaryStreamMultiCallable, UnaryUnaryMultiCallable

from hive_client.errors import Unreachable, from_rpc_error
from hive_contracts.ids import uuid7
from hive_shared.settings.gateways import Options, target

Q = TypeVar("Q")
A = TypeVar("A")

CALL_SECONDS: Final = 10.0
"""How long one try of a call may take."""
FIRST_SECONDS: Final = 3.0
"""How long a gateway that has never answered is tried: there may be none at this address."""
MAX_MESSAGE: Final = 64 * 1024 * 1024

_AGAIN: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_STREAM_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,  # the connection was reset under the stream
        grpc.StatusCode.CANCELLED,  # the server went down in good order
        grpc.StatusCode.RESOURCE_EXHAUSTED,  # we read too slowly and were dropped
    }
)
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 2.0


def new_id() -> str:
    """A fresh command id: UUIDv7 as 32 hex digits."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


class Connection:
    """A hive's gateways, as seen by one caller. An async context manager."""

    def __init__(
        self, address: str, token: str, *, patience: float = 30, traceparent: str = ""
    ) -> None:
        """`patience`: seconds for which a gateway that has answered once is tried again."""
        self.address = address
        self._patience = patience
        self._met = False
        self._metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {token}"),)
        if traceparent:
            self._metadata += (("traceparent", traceparent),)
        where, options = _target(address)
        self.channel: Channel = grpc.aio.insecure_channel(
            where,
            options=[
                *options,
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                # Delays between tries are ours: the channel's own grow to two minutes.
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                ("grpc.keepalive_time_ms", 20_000),
            ],
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.channel.close()

    async def call(
        self, method: UnaryUnaryMultiCallable[Q, A], request: Q, *, seconds: float = CALL_SECONDS
    ) -> A:
        """The answer to one call, tried again while nobody answers. Raises HiveError."""
        tries = self._tries()
        while True:
            try:
                answer = await method(request, timeout=seconds, metadata=self._metadata)
                self._met = True
                return answer
            except AioRpcError as error:
                if error.code() not in _AGAIN or not await tries.pause():
                    raise from_rpc_error(error, self.address) from error

    async def stream(self, method: UnaryStreamMultiCallable[Q, A], request: Q) -> AsyncIterator[A]:
        """One stream, until it ends or breaks. Raises AioRpcError."""
        call = method(request, metadata=self._metadata)
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()

    async def resumed(
        self,
        method: UnaryStreamMultiCallable[Q, A],
        request: Callable[[], Q],
        *,
        ends: bool,
    ) -> AsyncIterator[A]:
        """A stream that is opened again, with a new `request`, whenever it breaks.

        `ends` says whether a stream that the server closes in good order is at its end. Raises
        HiveError where it is refused, or broken for longer than the patience.
        """
        tries = self._tries()
        while True:
            try:
                async for answer in self.stream(method, request()):
                    self._met = True
                    tries = self._tries()
                    yield answer
                if ends:
                    return
                if not await tries.pause():
                    raise Unreachable(
                        "the hive closes the stream again and again",
                        code="unreachable",
                        where=self.address,
                    )
            except AioRpcError as error:
                if error.code() not in _STREAM_AGAIN or not await tries.pause():
                    raise from_rpc_error(error, self.address) from error

    def _tries(self) -> "_Tries":
        return _Tries(self._patience if self._met else FIRST_SECONDS)


def _target(address: str) -> tuple[str, Options]:
    """Raises Unreachable."""
    try:
        return target(address)
    except OSError as error:
        raise Unreachable(
            f"the gateway's address cannot be looked up: {error}",
            code="unreachable",
            where=address,
            remedy="write HIVE_GATEWAY as host:port, or several of them with commas between",
        ) from error


class _Tries:
    """Growing delays until the patience is used up."""

    def __init__(self, patience: float) -> None:
        self._until = time.monotonic() + patience
        self._delay = _FIRST_DELAY

    async def pause(self) -> bool:
        """Wait before the next try; False, at once, where there is to be none."""
        delay = self._delay * random.uniform(0.8, 1.2)  # no secret
        if time.monotonic() + delay > self._until:
            return False
        await asyncio.sleep(delay)
        self._delay = min(self._delay * 2, _LONGEST_DELAY)
        return True
