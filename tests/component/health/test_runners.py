"""Runners, as gateways hear them."""

import pytest
from msgspec.structs import replace

from hive_contracts.heartbeat import TOKENS, Counted, Handled, RunnerHeard
from hive_health.measured import write_processes
from hive_health.page import Page
from hive_health.runners import Runners


def heard(every_s: float, ago: float = 0.1) -> RunnerHeard:
    return RunnerHeard("r", "s", "anvil", 4, heard_s_ago=ago, every_s=every_s)


@pytest.mark.parametrize("every_s", [0.3, 2.0, 5.0])
def test_a_runner_is_silent_no_sooner_than_its_gateway_could_have_told_of_it(
    every_s: float,
) -> None:
    runners = Runners()
    runners.hear([heard(every_s)], 100.0, 2.0)
    patience = 3 * max(every_s, 2.0) + 2.0 - 0.1
    [before] = runners.members(100.0 + patience - 0.1, 1000)
    [after] = runners.members(100.0 + patience + 0.1, 1000)
    assert (before.state, after.state) == ("alive", "silent")
    [unheard] = runners.members(100.0 + patience + 0.1, patience)
    assert unheard.state == "unknown"


def test_what_runners_do_is_told_on_the_page_as_that_of_services_is() -> None:
    tokens = (Counted(TOKENS, 7, (("profile", "claude"), ("kind", "output"))),)
    told = replace(heard(2.0), handlers=(Handled("turn", 3, 1, kind="job"),), tokens=tokens)
    runners, page = Runners(), Page(openmetrics=False)
    runners.hear([told], 100.0)
    write_processes(page, runners.beats(101.0))
    lines = page.text().splitlines()
    turn = 'service="runner",process="s",kind="job",handler="turn"'
    assert f"hive_handler_messages_total{{{turn}}} 3.0" in lines
    assert f"hive_handler_failures_total{{{turn}}} 1.0" in lines
    used = 'service="runner",process="s",profile="claude",kind="output"'
    assert f"hive_agent_tokens_total{{{used}}} 7.0" in lines
    # Of one that is not heard nobody knows what it does.
    assert runners.beats(200.0) == []
