"""What failures of the database's client mean."""

import asyncpg
import pytest

from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.pool import FAILURES, translated


@pytest.mark.parametrize(
    "error",
    [
        # Raised where the server shut down between a connection's check and its use.
        asyncpg.InternalClientError("cannot switch to state 12; another operation is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        ConnectionRefusedError("no server"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_goes_away_is_a_store_that_is_unavailable(error: Exception) -> None:
    assert isinstance(error, FAILURES)
    assert isinstance(translated(error), StoreUnavailable)
