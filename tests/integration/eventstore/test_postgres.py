import asyncpg
import pytest

from tests.suites.eventstore import EventStoreSuite, SetClockBack

NEWEST_AHEAD = """
alter table hive.events disable trigger append_only;
update hive.events set recorded_at = clock_timestamp() + interval '1 hour'
where position = (select max(position) from hive.events);
alter table hive.events enable always trigger append_only;
"""


class TestPostgres(EventStoreSuite):
    """The `store` fixture of this folder, under the suite."""

    @pytest.fixture
    def set_clock_back(self, admin: asyncpg.Connection) -> SetClockBack:
        """The server's clock is the machine's: the newest event is set ahead instead."""

        async def back() -> None:
            await admin.execute(NEWEST_AHEAD)

        return back
