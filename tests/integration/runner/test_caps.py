"""An agent is stopped once it has told of more than its attempt may use; what it used is told."""

from pathlib import Path

import pytest

from hive_contracts.budget import AttemptCap
from hive_contracts.orders import Orders
from hive_contracts.outcome import AgentRun, Usage
from hive_contracts.plan import Timeouts
from hive_runner.link.crew import Crew
from hive_runner.link.depot import Depot
from hive_runner.link.outbox import Outbox
from hive_runner.link.reports import Started, UsageTold
from hive_runner.link.spool import Spool
from tests.integration.runner.test_agents import Hire, hire, home, tell
from tests.integration.runner.workshop import (
    NoHive,
    Source,
    Workshop,
    done,
    failure,
    lease,
    new_id,
    new_nap,
    nothing_left_behind,
    until,
)

__all__ = ["hire", "home"]


def used(tokens: int) -> str:
    return tell(**{"in": tokens, "out": 0})


async def test_an_agent_that_passes_its_cap_is_stopped_with_all_its_processes(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    nap = new_nap()
    hire(f"echo half > half; {used(60)}; {used(70)}; {nap} & {nap}")
    asked = lease(
        source,
        agent="agent",
        prompt="Do it.",
        cap=AttemptCap(tokens=100),
        timeouts=Timeouts(run=30),
    )
    with nothing_left_behind(nap):
        told = failure(await workshop.perform(asked))
    assert (told.kind, told.detail) == (
        "budget",
        "agent was stopped: it used 130 tokens, and this attempt may use 100",
    )
    assert told.agent is not None
    assert told.agent.usage == Usage(130, unpriced=1)
    assert list(workshop.kept().values()) != []


async def test_an_agent_within_its_cap_is_let_be(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    hire(f"echo x > new; {used(100)}")
    asked = lease(source, agent="agent", prompt="Do it.", cap=AttemptCap(tokens=100))
    made = done(await workshop.perform(asked))
    assert made.agent is not None
    assert made.agent.usage == Usage(100, unpriced=1)


async def test_figures_that_come_with_the_end_are_told_whether_it_was_stopped_or_done(
    source: Source, workshop: Workshop, hire: Hire
) -> None:
    """What was done by then is paid for, and is taken."""
    hire(f"echo x > new; {used(5_000)}")
    asked = lease(source, agent="agent", prompt="Do it.", cap=AttemptCap(tokens=100))
    outcome = await workshop.perform(asked)
    run = outcome.agent  # type: ignore[union-attr]
    assert isinstance(run, AgentRun)
    assert run.usage == Usage(5_000, unpriced=1)


@pytest.mark.parametrize(("said", "known"), [(40, Usage(40, unpriced=1)), (0, None)])
async def test_what_a_stopped_attempt_used_is_told_where_the_agent_told_it(
    source: Source, workshop: Workshop, hire: Hire, tmp_path: Path, said: int, known: Usage | None
) -> None:
    nap = new_nap()
    hire(f"{used(said) if said else 'true'}; touch {tmp_path}/told; {nap}")
    outbox = Outbox(
        Spool(tmp_path / "spool"), Depot(tmp_path / "depot", NoHive()), None, lambda: None  # type: ignore[arg-type]
    )  # fmt: skip
    place = workshop.place
    crew = Crew(
        workshop.options, "r", "s", outbox, lambda lease, _, asked: workshop.perform(lease, asked),
        new_id, lambda: None, tuple, str, place.ledger, place.vigil,
    )  # fmt: skip
    asked = lease(source, agent="agent", prompt="Do it.", cap=AttemptCap(tokens=100))
    key = (asked.task.task_id, asked.epoch)
    with nothing_left_behind(nap):
        crew.obey(Orders("s", leases=(asked,)))
        await until((tmp_path / "told").exists)
        await until(lambda: place.ledger.used(key) == known)
        crew.told(crew.beat())
        crew.obey(Orders("s"))
        await until(lambda: not crew._attempts and not crew._telling)
    reports = [report.report for report in outbox.pending]
    assert reports == [Started(), *([UsageTold(known)] if known else [])]
