"""Bounds of a stack's runners, before anything is started."""

import pytest

from hive_shared.settings import ClientSettings, RunnerSettings
from hive_stack.checks import require_runners
from hive_stack.errors import StackError
from hive_stack.services import _ports_of


def test_bounds_that_cannot_be_kept_are_refused_with_what_to_write() -> None:
    require_runners(ClientSettings(runners="1:4"), RunnerSettings())
    with pytest.raises(StackError, match="at least 4 runners and at most 1") as told:
        require_runners(ClientSettings(runners="4:1"), RunnerSettings())
    assert told.value.where == "runners"
    assert "write MIN:MAX" in told.value.remedy
    narrow = RunnerSettings(runner_ports="20000-20100")
    require_runners(ClientSettings(runners="2"), narrow)
    with pytest.raises(StackError, match="101 ports are too few for 8 runners of 4 slots"):
        require_runners(ClientSettings(runners="1:8"), narrow)


def test_runners_of_a_machine_give_out_ports_of_their_own() -> None:
    own = RunnerSettings(runner_ports="20000-29999")
    assert [_ports_of(own, number, 3) for number in (1, 2, 3)] == [
        "20000-23332",
        "23333-26665",
        "26666-29998",
    ]
    assert _ports_of(own, 1, 1) == "20000-29999"
