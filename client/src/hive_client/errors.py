"""What can go wrong when one speaks to a hive, each with the place and the way out.

HiveError
├── Unreachable     no gateway answers at this address
├── NotAllowed      the token is missing, wrong, or not enough for this
├── NotFound        no such mission, gate, artifact …
├── Refused         the hive understood and said no; nothing was changed
├── HistoryChanged  the place to resume from belongs to another history
└── Broken          an answer that cannot be relied on
"""

from collections.abc import Mapping
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from hive_contracts.v1 import mission_pb2


class HiveError(Exception):
    """A call to the hive did not succeed."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        where: str = "",
        remedy: str = "",
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """One word or two for programs, such as `not-found`."""
        self.where = where
        self.remedy = remedy
        self.facts = dict(facts or {})
        """What else the hive says, such as the `head` of a new history."""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}{self.message}{remedy}"


class Unreachable(HiveError):
    """No gateway answers at this address."""


class NotAllowed(HiveError):
    """The token is missing, wrong, or not enough for this."""


class NotFound(HiveError):
    """No such mission, gate, artifact or parked event."""


class Refused(HiveError):
    """The hive understood and said no; nothing was changed."""


class HistoryChanged(HiveError):
    """The place to resume from belongs to another history: begin anew."""


class Broken(HiveError):
    """An answer that cannot be relied on."""


OTHER_HISTORY: Final = "other-history"
_STATUS_TRAILER: Final = "grpc-status-details-bin"
_Status = grpc.StatusCode

_KINDS: Final[dict[grpc.StatusCode, tuple[type[HiveError], str]]] = {
    _Status.UNAVAILABLE: (Unreachable, "unreachable"),
    _Status.DEADLINE_EXCEEDED: (Unreachable, "too-slow"),
    _Status.UNAUTHENTICATED: (NotAllowed, "unauthenticated"),
    _Status.PERMISSION_DENIED: (NotAllowed, "forbidden"),
    _Status.NOT_FOUND: (NotFound, "not-found"),
    _Status.INVALID_ARGUMENT: (Refused, "invalid"),
    _Status.FAILED_PRECONDITION: (Refused, "conflict"),
    _Status.ALREADY_EXISTS: (Refused, "conflict"),
    _Status.ABORTED: (Refused, "conflict"),
    _Status.OUT_OF_RANGE: (Refused, "out-of-range"),
    _Status.RESOURCE_EXHAUSTED: (Refused, "limit"),
    _Status.UNIMPLEMENTED: (Broken, "unimplemented"),
}

_REMEDIES: Final = {
    "unreachable": "start it with `hive up`, or set HIVE_GATEWAY to where it listens",
    "unauthenticated": "set HIVE_TOKEN_FILE to the file of a token of this hive",
}


def from_rpc_error(error: grpc.aio.AioRpcError, address: str) -> HiveError:
    """The error of a call, with what the gateway says about it."""
    kind, code = _KINDS.get(error.code(), (Broken, error.code().name.lower().replace("_", "-")))
    message = error.details() or error.code().name
    info = _info(error)
    if info is not None:
        facts = dict(info.metadata)
        kind = HistoryChanged if info.reason == OTHER_HISTORY else kind
        where, remedy = facts.pop("where", ""), facts.pop("remedy", "")
        return kind(message, code=info.reason, where=where, remedy=remedy, facts=facts)
    if kind is Unreachable:
        message = f"no answer from the hive: {message}"
    return kind(message, code=code, where=address, remedy=_REMEDIES.get(code, ""))


def from_problem(problem: mission_pb2.Problem) -> HiveError:
    """The error of one of many outcomes."""
    kind = NotFound if problem.code == "not-found" else Refused
    return kind(problem.message, code=problem.code, where=problem.where, remedy=problem.remedy)


def _info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    """The hive's own words in a status, if there are any."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers.get(_STATUS_TRAILER, b""))
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    return None
