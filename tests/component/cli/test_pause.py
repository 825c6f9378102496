"""`hive pause`, `hive resume`, `hive budget`, and how a pause and a budget look on the screens."""

import json

import pytest

from hive_cli import screen
from hive_cli.account import account
from hive_cli.budget import budget_line, near
from hive_cli.exits import Exit
from hive_cli.follow import asks_a_person, exit_of
from hive_cli.pause import to_add
from hive_cli.problems import Problem
from hive_cli.why import next_steps, why
from hive_contracts.budget import Budget
from hive_contracts.mission import BudgetRaised, BudgetWarned, MissionPaused, MissionResumed
from hive_contracts.task import LeaseLost
from hive_contracts.v1 import mission_pb2, plan_pb2
from tests.component.cli.test_screen import shown, task
from tests.component.cli.test_verbs import Hive, gateway, hive
from tests.component.cli.test_why import M, T, record
from tests.component.client.fake_gateway import FakeGateway

__all__ = ["gateway", "hive"]


def paused(cap: str = "", reason: str = "lunch", **fields: object) -> mission_pb2.Mission:
    return mission_pb2.Mission(
        summary=mission_pb2.MissionSummary(name="fix-1", status="paused"),
        pause=mission_pb2.Pause(reason=reason, by="ann", cap=cap),
        **fields,  # type: ignore[arg-type]
    )


async def test_pause_resume_and_budget_ask_the_hive_for_what_was_typed(
    hive: Hive, gateway: FakeGateway
) -> None:
    caps = plan_pb2.Budget(tokens=2_000_000)
    gateway.missions["fix-1"] = paused(budget=mission_pb2.BudgetView(caps=caps, tokens=900_000))
    result = await hive("pause", "fix-1", "--reason", "lunch", "--now")
    assert result.exit_code == 0, result.output
    assert result.output == "paused fix-1 · what was at work is stopped · next: hive resume fix-1\n"
    assert (await hive("resume", "fix-1", "--add", "usd=2.50", "--add", "wall=2h")).exit_code == 0
    raised = await hive("budget", "fix-1", "--add", "tokens=1M")
    assert raised.output == ("fix-1 · paused · 900k of 2.0M tokens\n  next: hive resume fix-1\n")
    pause, _, resume, _, raise_budget, _, _ = gateway.asked
    assert (pause.reason, pause.now) == ("lunch", True)
    assert (resume.add.usd, resume.add.wall) == (2.5, 7200)
    assert raise_budget.add.tokens == 1_000_000
    told = await hive("budget", "fix-1", "--json")
    assert json.loads(told.output)["budget"] == "900k of 2.0M tokens"


@pytest.mark.parametrize("text", ["usd", "usd=", "usd=x", "usd=0", "gold=1", "tokens=1.5", "=3"])
def test_an_amount_that_is_none_is_named(text: str) -> None:
    with pytest.raises(Problem) as caught:
        to_add((text,))
    assert text in caught.value.message
    assert "--add usd=20" in caught.value.remedy


def test_amounts_are_written_as_in_the_mission_file() -> None:
    assert to_add(("usd=20", "tokens=300k", "wall=90m")) == Budget(20, 300_000, 5400)
    with pytest.raises(Problem):
        to_add(("usd=1", "usd=2"))


@pytest.mark.parametrize(
    ("mission", "status"), [(paused(), Exit.WAITING), (paused(cap="usd"), Exit.AT_CAP)]
)
def test_a_pause_ends_the_following_with_its_own_status(
    mission: mission_pb2.Mission, status: Exit
) -> None:
    assert exit_of(mission) == status
    assert asks_a_person(mission)
    mission.tasks.append(task("api", "running"))
    assert not asks_a_person(mission), "what is at work goes on to its end first"


def test_a_pause_shows_why_and_the_next_command() -> None:
    assert shown(screen.progress(paused())).splitlines()[-2:] == [
        "  ‖ paused by ann: lunch",
        "    hive resume fix-1",
    ]
    reason = "at the cap: $5.20 of $5.00 are used"
    mission = paused(cap="usd", reason=reason)
    assert shown(screen.progress(mission)).splitlines()[-2:] == [
        "  ‖ paused at the cap: $5.20 of $5.00 are used",
        "    hive resume fix-1 --add usd=20",
    ]
    assert next(iter(why(mission, ()))) == f"it is paused {reason}"
    assert next(iter(next_steps(mission))) == near(mission)
    by_time = paused(cap="wall", reason="its wall time of 2 h is used up")
    assert next(iter(why(by_time, ()))) == "it is paused: its wall time of 2 h is used up"


def test_a_budget_keeps_billed_estimated_and_unknown_apart_and_shows_what_went_over() -> None:
    view = mission_pb2.BudgetView(
        caps=plan_pb2.Budget(usd=5, tokens=1_000_000, wall=7200),
        billed_usd=1.5, estimated_usd=2.5, unknown_usd=1.2, tokens=900_000, unknown_tokens=50_000,
        reserved_usd=0.25, reserved_tokens=20_000,
    )  # fmt: skip
    assert budget_line(mission_pb2.Mission(budget=view)) == (
        "$5.20 of $5.00 ($1.50 billed, ≈ $2.50 estimated, up to $1.20 unknown), over the cap"
        " · $0.25 reserved · 950k of 1.0M tokens (up to 50.0k tokens unknown)"
        " · 20.0k tokens reserved · wall 2 h"
    )
    assert budget_line(mission_pb2.Mission()) == ""


def test_what_happened_to_a_budget_is_told_in_sentences() -> None:
    events = [
        MissionPaused(M, "lunch", "ann", now=True),
        LeaseLost(T, 1, "the mission is paused", "paused"),
        MissionResumed(M, "ann"),
        BudgetWarned(M, "usd", 4, 5),
        MissionPaused(M, "at the cap: $5.01 of $5.00 are used", "hive", cap="usd"),
        BudgetRaised(M, Budget(25, 6_000_000, 7200), "ann"),
    ]
    assert [line.text for line in account(record(events))] == [
        "ann paused it, with what was at work: lunch",
        "a task was stopped, and its work is kept: the mission is paused",
        "ann let it go on",
        "80% of its budget in dollars is used",
        "hive paused it: at the cap: $5.01 of $5.00 are used",
        "ann raised its budget: $25.00, 6.0M tokens, 120 min of wall time",
    ]
