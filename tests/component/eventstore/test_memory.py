import pytest

from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.eventstore import EventStoreSuite


class TestMemory(EventStoreSuite):
    @pytest.fixture
    def store(self) -> MemoryEventStore:
        return MemoryEventStore(SystemClock(), writes=("mission", "task", "runner"))
