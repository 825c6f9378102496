"""A set-up has a time-out of its own: past it, it is ended, and no attempt has been used up."""

import random

import pytest

from hive_contracts.outcome import Failure
from hive_contracts.plan import Step
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    lease,
    nothing_left_behind,
)


@pytest.fixture
def nap() -> str:
    """A command that sleeps longer than the set-up may."""
    return f"sleep 8.{random.randrange(10**9):09}"


def endless(nap: str, when: str = "true") -> dict[str, str]:
    """A set-up that takes too long where `when` holds."""
    script = f"echo waits for a lock; if {when}; then {nap}; fi"
    return {".hive/repo.yaml": f"setup: {{run: {script!r}, timeout: 1s}}\n"}


async def ended(workshop: Workshop, source: Source, step: Step, **fields: object) -> Failure:
    asked = lease(source, step, **fields)  # type: ignore[arg-type]
    return failure(await workshop.perform(asked))


def is_told(found: Failure, workshop: Workshop) -> None:
    assert found.detail.startswith("the set-up `")
    assert "` was ended after " in found.detail
    assert found.detail.endswith(" s, its time-out")
    assert found.tail == "waits for a lock\n"
    assert workshop.artifact(found.setup) == b"waits for a lock\n"


async def test_a_set_up_past_its_time_out_is_ended_and_is_the_infrastructures(
    source: Source, workshop: Workshop, nap: str
) -> None:
    source.commit(endless(nap))
    with nothing_left_behind(nap):
        found = await ended(workshop, source, "work", run="echo never > never")
    assert (found.kind, found.set_up) == ("infrastructure", "run")
    is_told(found, workshop)
    assert workshop.folders_left() == []


async def test_the_set_up_of_gates_has_the_same_time_out(
    source: Source, workshop: Workshop, nap: str
) -> None:
    source.commit(endless(nap))
    with nothing_left_behind(nap):
        found = await ended(workshop, source, "gates", gates={"t": "true"})
    assert (found.kind, found.set_up) == ("infrastructure", "run")
    is_told(found, workshop)


async def test_a_set_up_that_only_this_work_makes_endless_is_the_works_fault(
    source: Source, workshop: Workshop, nap: str
) -> None:
    source.commit(endless(nap, "test -e lock"))
    work = done(await workshop.perform(lease(source, run="touch lock")))
    with nothing_left_behind(nap):
        found = await ended(workshop, source, "gates", gates={"t": "true"}, result=work)
    assert found.kind == "gate"
    assert found.detail.endswith(" s, its time-out on this work, and not without it")
