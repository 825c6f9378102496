"""What a refused gRPC call says, taken apart."""

import contextlib
from collections.abc import Iterator

import grpc
import msgspec
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError


class Told(msgspec.Struct):
    """Filled in when the block has ended."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    reason: str = ""
    facts: dict[str, str] = {}
    fields: list[str] = []
    """Fields of the request that are wrong."""


@contextlib.contextmanager
def refused(code: grpc.StatusCode) -> Iterator[Told]:
    """The call in this block must be refused with that code."""
    told = Told()
    with pytest.raises(AioRpcError) as caught:
        yield told
    error = caught.value
    assert error.code() is code, error
    told.code, told.message = code, error.details() or ""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(bytes(trailers.get("grpc-status-details-bin", b"")))
    for detail in status.details:
        info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            told.reason, told.facts = info.reason, dict(info.metadata)
        if detail.Unpack(wrong):
            told.fields = [violation.field for violation in wrong.field_violations]
