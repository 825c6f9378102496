"""Connections to PostgreSQL, and what its errors mean."""

from typing import Final

import asyncpg

from hive_shared.eventstore.errors import (
    EventTooLarge,
    InvalidAppend,
    NotAllowed,
    NulCharacter,
    StoreError,
    StoreUnavailable,
    TooManyEvents,
)

STATEMENT_SECONDS: Final = 10.0
"""A statement that takes longer is given up: the store is unavailable, its outcome unknown."""
CONNECT_SECONDS: Final = 5.0

# Classes of SQLSTATE that blame what was sent: its data, its integrity, hive.admit().
# All others blame the server, the connection or the set-up, and say nothing about the append.
_BLAMES_THE_APPEND: Final = ("22", "23", "H0")
_NO_PARTITION: Final = "23514"
_MALFORMED: Final[dict[str, type[InvalidAppend]]] = {
    "H0002": TooManyEvents,
    "H0003": EventTooLarge,
    "H0004": NulCharacter,
}


async def open_pool(url: str, connections: int, *, derived: bool = False) -> asyncpg.Pool:
    """A pool whose `json` columns are bytes, exactly as they are stored.

    What is written through a `derived` one follows from the log: a commit does not wait for the
    disk, and a crash of the server may undo the newest ones, in their order. Connections are made
    when they are first needed and again after they were lost. Raises StoreUnavailable.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=connections,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            init=_exact_json,
            # Nobody leaves a setting, a lock or a cursor behind, so this saves a round trip.
            reset=_keep_as_it_is,
            server_settings={
                "application_name": "hive",
                "default_transaction_isolation": "read committed",
                # All is read by key. Of a table that was empty a moment ago the planner knows
                # nothing, and a plan that reads the whole of it stays until the next analyze.
                # Where there is no other way the whole is read all the same; its price, which
                # then is only a note to the planner, must not make PostgreSQL compile the plan.
                "enable_seqscan": "off",
                "jit": "off",
                **({"synchronous_commit": "off"} if derived else {}),
            },
        )
    except FAILURES as error:
        raise translated(error) from error


FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # Of a connection that the server closed while it was handed out.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises: the server's errors, its own, and the network's."""


def translated(error: Exception) -> StoreError:
    """What a failure of asyncpg means to whoever called the store."""
    if not isinstance(error, asyncpg.PostgresError):
        return StoreUnavailable(f"PostgreSQL: {type(error).__name__}: {error}")
    state = error.sqlstate or ""
    if state == "42501":
        return NotAllowed(str(error))
    if state == _NO_PARTITION:
        return StoreUnavailable(f"PostgreSQL: {error}: call hive.ensure_partitions()")
    if state.startswith(_BLAMES_THE_APPEND):
        return _MALFORMED.get(state, InvalidAppend)(f"PostgreSQL: {error}")
    return StoreUnavailable(f"PostgreSQL: {error}")


async def _exact_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def _keep_as_it_is(connection: asyncpg.Connection) -> None:
    pass
