"""Spans of calls, named as OpenTelemetry's conventions for gRPC ask for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import grpc

from hive_gateway.refusals import Refusal
from hive_shared.telemetry import Span, Step, span

_STATUS: Final = "rpc.response.status_code"
_FAULTS: Final = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""Of the server: what else is refused is the caller's, and no failed span."""


def call_span(method: str, traceparent: str = "") -> Span:
    """`method` is a whole name: hive.v1.MissionService/Launch."""
    about = {"rpc.system.name": "grpc", "rpc.method": method}
    return span(method, traceparent, kind="server", attributes=about)


@contextmanager
def serving_call(
    method: str, traceparent: str, refusal_for: Callable[[Exception, str], Refusal]
) -> Iterator[Step]:
    """Raises a Refusal for whatever leaves it.

    A call that came without a context begins no trace: most of these only look.
    """
    refusal: Refusal | None = None
    cause: Exception | None = None
    with call_span(method.removeprefix("/"), traceparent) if traceparent else _NO_STEP as step:
        try:
            yield step
        except Exception as error:  # noqa: BLE001  # it is raised again, as a refusal
            cause, refusal = error, refusal_for(error, method)
        status = grpc.StatusCode.OK if refusal is None else refusal.status_code
        step.tell({_STATUS: status.name})
        if status in _FAULTS:
            step.fail(status.name)
    if refusal is not None:
        raise refusal from cause


class _NoStep:
    """Nothing is traced, and nothing was."""

    traceparent: Final = ""

    def __enter__(self) -> Step:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, attributes: object) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass


_NO_STEP: Final = _NoStep()
