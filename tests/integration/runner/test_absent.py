"""Commands that are not on the runner's machine: it is said, with what to do about it."""

import pytest

from hive_contracts.outcome import GatesRun
from tests.integration.runner.workshop import Source, Workshop, failure, lease

LACKS = (
    "`no-such-command` was not found on the machine of runner test: install it there, or let"
    " `setup` in .hive/repo.yaml install it and name its path in the repository"
)


async def test_a_task_whose_command_is_not_there_cannot_go_on(
    source: Source, workshop: Workshop
) -> None:
    found = failure(await workshop.perform(lease(source, run="echo 1 > one; no-such-command -x")))
    assert found.kind == "permanent", "the same command would not be found again"
    assert found.detail == f"the command ended with status 127: {LACKS}"
    assert "no-such-command" in found.tail
    assert "one" in workshop.files_of(workshop.kept()["fix-1/build_one/1"])


@pytest.mark.parametrize("run", ["exit 127", "no-such-command; exit 3", "no-such-command || false"])
async def test_who_ends_with_the_status_for_another_reason_is_tried_again(
    source: Source, workshop: Workshop, run: str
) -> None:
    assert failure(await workshop.perform(lease(source, run=run))).kind == "agent"


async def test_a_gate_whose_command_is_not_there_says_so(
    source: Source, workshop: Workshop
) -> None:
    run = await workshop.perform(lease(source, "gates", gates={"t": "no-such-command"}))
    assert isinstance(run, GatesRun)
    assert (run.results[0].passed, run.results[0].exit_code) == (False, 127)
    assert run.results[0].reason == LACKS


async def test_a_set_up_whose_command_is_not_there_says_so(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: no-such-command\n"})
    found = failure(await workshop.perform(lease(source, run="true")))
    assert found.kind == "infrastructure"
    assert found.detail == f"the set-up `no-such-command` ended with status 127: {LACKS}"
