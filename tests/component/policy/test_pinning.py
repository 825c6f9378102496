"""Which values works are gone back to: those before their newest worse change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hive_contracts.health import AttemptChange, Cause
from hive_contracts.policy import Pin
from hive_health.policy.pinning import MOST, pins_of

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
WORK: Any = ("/app", "fix", "main", "claude")


def cause(what: Any, before: str, after: str, at: int) -> Cause:
    return Cause(what, before, after, BEGAN + timedelta(hours=at))


def change(
    at: int, *causes: Cause, worse: bool = True, metric: Any = "seconds", work: Any = WORK
) -> AttemptChange:
    moment = BEGAN + timedelta(hours=at)
    repository, mission, phase, profile = work
    return AttemptChange(
        repository, mission, phase, profile, metric, moment, 60, 180, worse, 40, 20, causes
    )


OPUS = cause("model", "sonnet", "opus", 5)
BACK = cause("model", "opus", "haiku", 9)
PROMPT = cause("prompt", "aa", "bb", 5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([change(5, OPUS)], ["sonnet"], id="a worse one"),
        pytest.param([change(5, OPUS, worse=False)], [], id="a better one"),
        pytest.param([change(5)], [], id="one without a cause"),
        pytest.param([change(5, cause("gates", "a", "b", 5))], [], id="gates are not pinned"),
        pytest.param([change(5, OPUS, PROMPT)], ["sonnet", "aa"], id="both at once"),
        pytest.param(
            [change(5, OPUS), change(9, BACK, worse=False)], [], id="a better one came after it"
        ),
        pytest.param([change(9, BACK), change(5, OPUS)], ["opus"], id="the newest counts"),
        pytest.param(
            [change(5, OPUS, worse=False, metric="usd"), change(4, OPUS)],
            ["sonnet"],
            id="cheaper, and slower",
        ),
        pytest.param([change(9, BACK, OPUS)], ["opus"], id="the nearest cause counts"),
    ],
)
def test_what_a_work_had_before_it_became_worse(
    changes: list[AttemptChange], expected: list[str]
) -> None:
    assert [pin.to for pin in pins_of(changes)] == expected


def test_a_pin_says_of_which_work_and_there_are_not_too_many() -> None:
    assert pins_of([change(5, OPUS)]) == (
        Pin("/app", "fix", "main", "claude", "model", "sonnet", "opus"),
    )
    many = [change(n, OPUS, work=("/app", str(n), "main", "claude")) for n in range(MOST + 5)]
    pins = pins_of(many)
    assert [len(pins), pins[0].mission] == [MOST, str(MOST + 4)]
