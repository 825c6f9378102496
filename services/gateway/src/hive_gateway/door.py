"""What each gRPC call passes through: the token, the trace, the deadline, the counters, and what an
error becomes.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, cast

import grpc
import msgspec
from grpc import aio

from hive_contracts.wire import Misfit
from hive_gateway.metrics import Metrics
from hive_gateway.refusals import Refusal, abort
from hive_gateway.tokens import Caller, Tokens, admit, is_open
from hive_shared.eventstore.errors import StoreError

DEFAULT_SECONDS: Final = 30.0
"""How long a call may take whose caller named no deadline."""
_MARGIN_SECONDS: Final = 0.05
"""Kept back from the caller's deadline, so that it hears a reason and no bare time-out."""

_log = logging.getLogger("hive.gateway")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context = aio.ServicerContext[Any, Any]


class Call(msgspec.Struct, frozen=True):
    """Who calls, and what came with the call."""

    caller: Caller
    traceparent: str
    timeout: float
    """Seconds that are left."""


_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call that this task serves."""
    return _current.get()


class Door(aio.ServerInterceptor):
    def __init__(self, tokens: Tokens, metrics: Metrics) -> None:
        self._tokens = tokens
        self._metrics = metrics
        self._guarded: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        method = details.method
        guarded = self._guarded.get(method)
        if guarded is None:
            handler = await continuation(details)
            if handler is None or is_open(method):
                return handler
            guarded = self._guarded[method] = self._guard(method, handler)
        return guarded

    def _guard(self, method: str, handler: Handler) -> Handler:
        make, behaviour = _parts(handler)
        wrap = self._stream if handler.response_streaming else self._single
        guarded: Handler = make(
            wrap(method, behaviour),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return guarded

    def _single(self, method: str, behaviour: Any) -> Any:
        async def call(request: Any, context: Context) -> Any:
            begun = asyncio.get_running_loop().time()
            code = "OK"
            try:
                with self._entered(method, context):
                    return await behaviour(request, context)
            except Exception as error:  # noqa: BLE001  # the caller is told, the log has it
                refusal = _refusal_for(error, method)
                code = refusal.status_code.name
                await abort(context, refusal)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED.name
                raise
            finally:
                took = asyncio.get_running_loop().time() - begun
                self._metrics.ended(method, code, took)

        return call

    def _stream(self, method: str, behaviour: Any) -> Any:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            code = "OK"
            self._metrics.open_streams.labels(method).inc()
            try:
                with self._entered(method, context):
                    async with contextlib.aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            yield response
            except Exception as error:  # noqa: BLE001  # the caller is told, the log has it
                refusal = _refusal_for(error, method)
                code = refusal.status_code.name
                await abort(context, refusal)
            except (asyncio.CancelledError, GeneratorExit):
                code = grpc.StatusCode.CANCELLED.name
                raise
            finally:
                self._metrics.open_streams.labels(method).dec()
                self._metrics.ended(method, code, None)

        return call

    @contextlib.contextmanager
    def _entered(self, method: str, context: Context) -> Iterator[None]:
        """Let the caller in. Raises Refusal."""
        sent = dict(cast("tuple[tuple[str, str], ...]", context.invocation_metadata() or ()))
        caller = self._tokens.caller(sent.get("authorization"))
        admit(caller, method)
        left = context.time_remaining()
        timeout = DEFAULT_SECONDS if left is None else max(left - _MARGIN_SECONDS, 0.001)
        reset = _current.set(Call(caller, sent.get("traceparent", ""), timeout))
        try:
            yield
        finally:
            # A stream may be closed in another task than the one that began it.
            with contextlib.suppress(ValueError):
                _current.reset(reset)


def _parts(handler: Handler) -> tuple[Any, Any]:
    """How to make such a handler, and what it does."""
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            return grpc.unary_unary_rpc_method_handler, handler.unary_unary
        case False, True:
            return grpc.unary_stream_rpc_method_handler, handler.unary_stream
        case True, False:
            return grpc.stream_unary_rpc_method_handler, handler.stream_unary
    return grpc.stream_stream_rpc_method_handler, handler.stream_stream


def _refusal_for(error: Exception, method: str) -> Refusal:
    match error:
        case Refusal():
            return error
        case Misfit(where=where, why=why):
            return Refusal("invalid", f"{where} {why}", where)
        case StoreError():
            _log.warning("%s: %s", method, error)
            return Refusal("unavailable", f"the record does not answer: {error}", remedy="repeat")
    _log.error("%s failed", method, exc_info=error)
    return Refusal("internal", "the gateway failed; its log says why")
