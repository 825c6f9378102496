"""Until when an exclusive attempt may go on, by what was sent and heard."""

import asyncio

import pytest

from hive_contracts.budget import AttemptCap
from hive_contracts.orders import Holding, Orders
from hive_contracts.outcome import Usage
from hive_runner.agents.ledger import passed
from hive_runner.processes.vigil import HARD, SOFT, Vigil

KEY = ("a" * 32, 1)
TTL = 8.0


class Watching:
    def __init__(self) -> None:
        self.now = 100.0
        self.vigil = Vigil(lambda: self.now)

    def send(self, number: int, at: float) -> None:
        self.now = at
        self.vigil.sending(number)

    def hear(self, number: int, *, named: bool = True, at: float = 0) -> None:
        self.now = at or self.now
        keep = (Holding(*KEY),) if named else ()
        self.vigil.heard(Orders("s", keep=keep, answers=number, session_ttl=TTL))

    def until(self) -> float:
        return self.vigil.until(KEY)


def test_it_counts_from_the_sending_of_the_beat_that_was_answered() -> None:
    watching = Watching()
    watching.send(1, at=100)
    watching.hear(1, at=103)
    assert watching.until() == 100 + HARD * TTL
    watching.now = 100 + SOFT * TTL - 0.01
    assert not watching.vigil.is_silent(KEY)
    watching.now += 0.01
    assert watching.vigil.is_silent(KEY)


def test_an_answer_that_was_long_on_its_way_lets_it_go_on_for_no_longer() -> None:
    watching = Watching()
    watching.send(1, at=100)
    watching.send(2, at=102)
    watching.send(3, at=104)
    watching.hear(1, at=130)
    assert watching.until() == 100 + HARD * TTL
    watching.hear(3)
    watching.hear(2)
    assert watching.until() == 104 + HARD * TTL


def test_orders_that_do_not_name_it_let_it_go_on_for_no_longer() -> None:
    watching = Watching()
    told: list[float] = []
    watching.send(1, at=100)
    watching.hear(1)
    with watching.vigil.watched(KEY, told.append):
        watching.send(2, at=102)
        watching.hear(2, named=False)
        assert watching.until() == 100 + HARD * TTL
        assert told == []
        watching.hear(2)
        assert told == [102 + HARD * TTL]


@pytest.mark.parametrize("orders", [Orders("s"), Orders("s", answers=9, session_ttl=TTL)])
def test_without_an_answer_to_a_beat_that_was_sent_nothing_may_go_on(orders: Orders) -> None:
    watching = Watching()
    watching.vigil.heard(orders)
    assert watching.vigil.is_silent(KEY)


async def test_silence_is_over_once_something_is_heard_again() -> None:
    watching = Watching()
    watching.send(1, at=100)
    watching.hear(1)
    silence = asyncio.ensure_future(watching.vigil.silence(KEY))
    await asyncio.sleep(0)
    assert not silence.done()
    watching.send(2, at=103)
    watching.hear(2)
    watching.now = 103 + SOFT * TTL
    watching.hear(2)  # wakes it, and lets nothing go on for longer
    await asyncio.wait_for(silence, 60)


@pytest.mark.parametrize(
    ("usage", "cap", "said"),
    [
        (Usage(90, output_tokens=10), AttemptCap(tokens=100), ""),
        (Usage(9, 8, 92), AttemptCap(tokens=99), "used 101 tokens, and this attempt may use 99"),
        (Usage(billed_usd=1, estimated_usd=1), AttemptCap(usd=2), ""),
        (
            Usage(billed_usd=1, estimated_usd=1.25),
            AttemptCap(usd=2, tokens=5),
            "used $2.25, and this attempt may use $2.00",
        ),
        (Usage(10**9, billed_usd=10**6), None, ""),
    ],
)
def test_what_an_attempt_used_too_much_of_is_said(
    usage: Usage, cap: AttemptCap | None, said: str
) -> None:
    assert passed(usage, cap) == said
