"""Events as they travel, and as the rest of the code knows them."""

from datetime import UTC

from hive_contracts.envelope import Meta, Recorded
from hive_contracts.v1 import event_pb2


def recorded(event: event_pb2.Event) -> Recorded:
    meta = Meta(
        correlation=event.meta.correlation,
        causation=event.meta.causation,
        actor=event.meta.actor,
        traceparent=event.meta.traceparent,
        schema=event.meta.schema or 1,
    )
    return Recorded(
        position=event.position,
        stream=event.stream,
        version=event.version,
        id=event.id,
        type=event.type,
        data=event.data,
        meta=meta,
        recorded_at=event.recorded_at.ToDatetime(tzinfo=UTC),
    )
