from tests.suites.eventstore import EventStoreSuite


class TestPostgres(EventStoreSuite):
    """The `store` fixture of this folder, under the suite."""
