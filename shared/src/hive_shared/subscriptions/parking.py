"""What stands still, seen and set going again by an operator, over all services' schemas.

An effect that fails is tried again with growing delay; after too many tries its stream is parked,
with the stream's later events queued behind it. A service runs its effects itself (`effects`): here
one only looks, and says "try again".
"""

from datetime import datetime

import msgspec

from hive_shared.projection import Connection
from hive_shared.subscriptions.place import query

_ANY_SCHEMA = "hive"


class NotParked(Exception):
    """No such stream of that subscription stands still."""


class ParkedStream(msgspec.Struct, frozen=True):
    service: str
    subscription: str
    stream: str
    position: int
    """Of the event that failed."""
    event_type: str
    tries: int
    error: str
    parked_at: datetime | None
    """None while it is still tried again by itself."""
    waiting: tuple[int, ...]
    """Positions of the events that wait behind it."""


class SubscriptionStanding(msgspec.Struct, frozen=True):
    service: str
    name: str
    position: int
    stopped: str
    """Why it stands still; empty while it goes."""


async def list_parked(connection: Connection) -> list[ParkedStream]:
    """Streams that wait for somebody, in all schemas that this role may see."""
    return [p for p in await _parked(connection, "", "") if p.parked_at is not None]


async def show_parked(connection: Connection, subscription: str, stream: str) -> ParkedStream:
    """One stream that stands still, parked or about to be tried again. Raises NotParked."""
    for parked in await _parked(connection, subscription, stream):
        return parked
    raise NotParked(f"{stream} does not stand still in {subscription}")


async def replay_parked(connection: Connection, subscription: str, stream: str) -> int:
    """Have its event tried again now, then those behind it; answers how many that are.

    Saying it twice changes nothing more. Raises NotParked.
    """
    parked = await show_parked(connection, subscription, stream)
    await connection.execute(query("replay", parked.service), subscription, stream)
    return 1 + len(parked.waiting)


async def list_subscriptions(connection: Connection) -> list[SubscriptionStanding]:
    """Where every subscription of every service stands."""
    return [
        SubscriptionStanding(schema, row["name"], row["position"], row["stopped"])
        for schema in await _schemas(connection)
        for row in await connection.fetch(query("statuses", schema))
    ]


async def _parked(connection: Connection, subscription: str, stream: str) -> list[ParkedStream]:
    return [
        ParkedStream(
            service=schema,
            subscription=row["subscription"],
            stream=row["stream"],
            position=row["position"],
            event_type=row["event_type"],
            tries=row["tries"],
            error=row["error"],
            parked_at=row["parked_at"],
            waiting=tuple(row["waiting"] or ()),
        )
        for schema in await _schemas(connection)
        for row in await connection.fetch(query("parked", schema), subscription, stream)
    ]


async def _schemas(connection: Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(query("schemas", _ANY_SCHEMA))]
