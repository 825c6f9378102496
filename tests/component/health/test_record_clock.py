"""What is decided on: the database's clock, whatever is set where."""

import pytest

from hive_health.record_clock import SLEW, RecordClock

HOUR_MS = 3_600_000
DATABASE_MS = 1_800_000_000_000


class Machine:
    """A machine's clock; what went by, and what somebody set."""

    def __init__(self) -> None:
        self.went_s = 0.0
        self.set_ms = 0

    def now_ms(self) -> int:
        return 1_700_000_000_000 + self.set_ms + int(self.went_s * 1000)

    def monotonic(self) -> float:
        return 77 + self.went_s

    async def sleep(self, seconds: float) -> None:
        self.went_s += seconds


def test_until_the_databases_is_known_it_is_this_machines() -> None:
    machine = Machine()
    assert RecordClock(machine).now_ms() == machine.now_ms()


async def test_it_is_the_databases_and_goes_on_between_looks() -> None:
    machine = Machine()
    clock = RecordClock(machine)
    clock.saw(DATABASE_MS)
    assert clock.now_ms() == DATABASE_MS
    await clock.sleep(1.5)
    assert clock.now_ms() == DATABASE_MS + 1500
    assert clock.monotonic() == machine.monotonic()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_of_this_machine_is_not_seen(hours: int) -> None:
    machine = Machine()
    clock = RecordClock(machine)
    clock.saw(DATABASE_MS)
    machine.set_ms = hours * HOUR_MS
    machine.went_s = 2
    assert clock.now_ms() == DATABASE_MS + 2000
    clock.saw(DATABASE_MS + 2000)
    assert clock.now_ms() == DATABASE_MS + 2000


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_of_the_database_counts_for_a_little_of_what_went_by(hours: int) -> None:
    machine = Machine()
    clock = RecordClock(machine)
    clock.saw(DATABASE_MS)
    before = clock.now_ms()
    for second in range(2, 602, 2):
        machine.went_s = second
        clock.saw(DATABASE_MS + second * 1000 + hours * HOUR_MS)
        assert clock.now_ms() >= before, "it never goes back"
        before = clock.now_ms()
    off = before - (DATABASE_MS + 600_000)
    assert off == pytest.approx(hours * 600_000 * SLEW, abs=1)


def test_a_small_difference_is_made_up() -> None:
    machine = Machine()
    clock = RecordClock(machine)
    clock.saw(DATABASE_MS)
    for second in range(2, 42, 2):
        machine.went_s = second
        clock.saw(DATABASE_MS + second * 1000 + 900)
    assert clock.now_ms() == DATABASE_MS + 40_000 + 900
