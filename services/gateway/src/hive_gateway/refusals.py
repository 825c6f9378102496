"""Why a call is refused, and how that travels: google.rpc.Status with details.

    ErrorInfo   reason = the code, domain "agent-hive", metadata "where", "remedy" and more
    BadRequest  the field, where it is the request that is wrong

https://google.aip.dev/193
"""

from typing import Any, Final, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from hive_contracts.submit import Refused
from hive_contracts.v1 import mission_pb2

DOMAIN: Final = "agent-hive"
_STATUS_TRAILER: Final = "grpc-status-details-bin"

_CODES: Final = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "too-large": grpc.StatusCode.INVALID_ARGUMENT,
    "too-old": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "revoked": grpc.StatusCode.UNAUTHENTICATED,
    "not-allowed": grpc.StatusCode.PERMISSION_DENIED,
    "not-found": grpc.StatusCode.NOT_FOUND,
    "deleted": grpc.StatusCode.NOT_FOUND,
    "reused": grpc.StatusCode.ALREADY_EXISTS,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "stale": grpc.StatusCode.FAILED_PRECONDITION,
    "no-command": grpc.StatusCode.FAILED_PRECONDITION,
    "no-agent": grpc.StatusCode.FAILED_PRECONDITION,
    "other-history": grpc.StatusCode.FAILED_PRECONDITION,
    "beyond-head": grpc.StatusCode.OUT_OF_RANGE,
    "behind": grpc.StatusCode.DEADLINE_EXCEEDED,
    "damaged": grpc.StatusCode.DATA_LOSS,
    "stopped": grpc.StatusCode.UNAVAILABLE,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "busy": grpc.StatusCode.UNAVAILABLE,
    "full": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "internal": grpc.StatusCode.INTERNAL,
}


class Refusal(Exception):
    """A call that is refused, for a reason that its caller can act on."""

    def __init__(
        self, code: str, message: str, where: str = "", remedy: str = "", **facts: str | int
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.remedy = remedy
        self.facts = facts

    @property
    def status_code(self) -> grpc.StatusCode:
        return _CODES.get(self.code, grpc.StatusCode.FAILED_PRECONDITION)

    def problem(self) -> mission_pb2.Problem:
        """The same, as one of many outcomes."""
        return mission_pb2.Problem(
            code=self.code, message=self.message, where=self.where, remedy=self.remedy
        )


def refusal_of(refused: Refused) -> Refusal:
    return Refusal(refused.code, refused.message, refused.where, refused.remedy)


async def abort(context: aio.ServicerContext[Any, Any], refusal: Refusal) -> NoReturn:
    """End the call with this refusal."""
    status = _status(refusal)
    trailers = ((_STATUS_TRAILER, status.SerializeToString()),)
    await context.abort(refusal.status_code, refusal.message, trailers)
    raise AssertionError("abort returned")


def _status(refusal: Refusal) -> status_pb2.Status:
    facts = {name: str(value) for name, value in refusal.facts.items()}
    facts |= {"where": refusal.where} if refusal.where else {}
    facts |= {"remedy": refusal.remedy} if refusal.remedy else {}
    info = error_details_pb2.ErrorInfo(reason=refusal.code, domain=DOMAIN, metadata=facts)
    status = status_pb2.Status(code=refusal.status_code.value[0], message=refusal.message)
    status.details.add().CopyFrom(_packed(info))
    if refusal.code == "invalid" and refusal.where:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=refusal.where, description=refusal.message
        )
        status.details.add().CopyFrom(
            _packed(error_details_pb2.BadRequest(field_violations=[violation]))
        )
    return status


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
