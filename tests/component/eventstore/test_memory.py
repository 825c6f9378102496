import pytest

from hive_shared.clock import SystemClock
from hive_shared.eventstore.memory import MemoryEventStore
from tests.suites.eventstore import EventStoreSuite, SetClockBack


class Clock(SystemClock):
    """The machine's, but for what it is set back by."""

    back_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() - self.back_ms


class TestMemory(EventStoreSuite):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, clock: Clock) -> MemoryEventStore:
        return MemoryEventStore(clock, writes=("mission", "task", "runner"))

    @pytest.fixture
    def set_clock_back(self, clock: Clock) -> SetClockBack:
        async def back() -> None:
            clock.back_ms = 3_600_000

        return back
