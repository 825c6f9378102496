"""What each gRPC call passes through: the token, the room that is left, the trace, the deadline,
the counters, and what an error becomes.
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
from hive_gateway.traced import serving_call
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError, StoreUnavailable

DEFAULT_SECONDS: Final = 30.0
"""How long a call may take whose caller named no deadline."""
_MARGIN_SECONDS: Final = 0.05
"""Kept back from the caller's deadline, so that it hears a reason and no bare time-out."""

MAX_CALLS: Final = 4096
"""Calls and streams at a time. Where more are asked for than can be served, those that came
first are: who is sent away at once tries again, who waits too long is served for nobody."""

HOLD_SECONDS: Final = 8.0
"""How long a call may wait while the record is away, if its caller waits so long: PostgreSQL is
back in a second or two after a crash."""
HOLD_PAUSE: Final = 0.2
"""Between two tries."""

LEASH_SECONDS: Final = 5.0
"""After so long at most, a stream ends on which nothing comes and whose token was revoked."""

_log = logging.getLogger("hive.gateway")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context = aio.ServicerContext[Any, Any]


class Call(msgspec.Struct):
    """Who calls, and what came with the call."""

    caller: Caller
    traceparent: str
    timeout: float
    """Seconds that are left."""
    begun: str = ""
    """The context of the trace that this call began, where it came with none."""


_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call that this task serves."""
    return _current.get()


class Door(aio.ServerInterceptor):
    def __init__(
        self, tokens: Tokens, metrics: Metrics, clock: Clock, calls: int = MAX_CALLS
    ) -> None:
        self._tokens = tokens
        self._metrics = metrics
        self._clock = clock
        self._room = calls
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
            code, trace, entered = "OK", "", None
            try:
                with (
                    self._entered(method, context) as entered,
                    serving_call(method, entered.traceparent, _refusal_for) as step,
                ):
                    trace = step.traceparent
                    return await self._held(behaviour, request, context)
            except Exception as error:  # noqa: BLE001  # the caller is told, the log has it
                refusal = _refusal_for(error, method)
                code = refusal.status_code.name
                await abort(context, refusal)
            except asyncio.CancelledError:
                code = grpc.StatusCode.CANCELLED.name
                raise
            finally:
                took = asyncio.get_running_loop().time() - begun
                trace = trace or (entered.begun if entered else "")
                self._metrics.ended(method, code, took, trace)

        return call

    async def _held(self, behaviour: Any, request: Any, context: Context) -> Any:
        """Its answer; where the record is away, as soon as it is back. Every call may be repeated:
        a change is made under the caller's command id, once however often it is asked for."""
        until = self._clock.monotonic() + min(HOLD_SECONDS, current_call().timeout)
        while True:
            try:
                return await behaviour(request, context)
            except StoreUnavailable:
                if self._clock.monotonic() + HOLD_PAUSE > until:
                    raise
                await self._clock.sleep(HOLD_PAUSE)

    def _stream(self, method: str, behaviour: Any) -> Any:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            code = "OK"
            self._metrics.open_streams.labels(method).inc()
            leash = _Leash(lambda: self._tokens.caller(_authorization(context)), self._clock)
            try:
                with self._entered(method, context), leash:
                    async with contextlib.aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            with leash.held():
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
    def _entered(self, method: str, context: Context) -> Iterator[Call]:
        """Let the caller in. Raises Refusal."""
        sent = dict(cast("tuple[tuple[str, str], ...]", context.invocation_metadata() or ()))
        caller = self._tokens.caller(_authorization(context))
        admit(caller, method)
        if not self._room:
            raise Refusal(
                "busy",
                "this gateway has as many calls as it can hold",
                remedy="repeat it in a moment, under the same command id",
            )
        left = context.time_remaining()
        timeout = DEFAULT_SECONDS if left is None else max(left - _MARGIN_SECONDS, 0.001)
        call = Call(caller, sent.get("traceparent", ""), timeout)
        reset = _current.set(call)
        self._room -= 1
        try:
            yield call
        finally:
            self._room += 1
            # A stream may be closed in another task than the one that began it.
            with contextlib.suppress(ValueError):
                _current.reset(reset)


class _Leash:
    """A stream may outlive its caller's token: this looks again at each response, and now and then
    while none comes. Entered, and left, in the task that serves the stream.
    """

    def __init__(self, look: Callable[[], object], clock: Clock) -> None:
        """`look` raises Refusal once the token is good no more."""
        self._look = look
        self._clock = clock
        self._waiting = True
        self._refusal: Refusal | None = None

    def __enter__(self) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving = serving
        self._watch = asyncio.create_task(self._looking())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.cancel()
        if self._refusal is None or kind is not asyncio.CancelledError:
            return
        if self._serving.uncancel() == 0:
            raise self._refusal

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A response goes out: nobody waits for one. Raises Refusal before it does."""
        self._look()
        self._waiting = False
        try:
            yield
        finally:
            self._waiting = True

    async def _looking(self) -> None:
        while True:
            await self._clock.sleep(LEASH_SECONDS)
            try:
                self._look()
            except Refusal as refusal:
                if self._waiting:
                    self._refusal = refusal
                    self._serving.cancel()
                    return


def _authorization(context: Context) -> str | None:
    sent = cast("tuple[tuple[str, str], ...]", context.invocation_metadata() or ())
    return dict(sent).get("authorization")


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
