"""Gates: judged by the hive, in a clean checkout, by what no attempt can write."""

from pathlib import Path

import msgspec

from hive_contracts.outcome import GatesRun, Outcome
from hive_contracts.plan import CommandGate, Tip
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease


def judged(outcome: Outcome) -> GatesRun:
    assert isinstance(outcome, GatesRun), outcome
    return outcome


async def test_gates_judge_the_commit_and_nothing_else(source: Source, workshop: Workshop) -> None:
    work = done(await workshop.perform(lease(source, run="echo 1 > one; echo x > x.log")))
    run = judged(
        await workshop.perform(
            lease(
                source,
                "gates",
                gates={"there": "test -e one", "clean": "test ! -e x.log", "red": "ls; exit 4"},
                result=work,
            )
        )
    )
    assert run.commit == work.commit
    assert [(result.name, result.passed, result.exit_code) for result in run.results] == [
        ("there", True, 0), ("clean", True, 0), ("red", False, 4),
    ]  # fmt: skip
    assert "README" in run.results[2].tail
    assert workshop.artifact(run.results[2].output).decode() == run.results[2].tail
    assert workshop.folders_left() == []


async def test_a_gates_definition_is_that_of_the_base_whatever_the_work_says(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "gates: {tests: 'grep -q hello README'}\n"})
    cheat = "echo broken > README; echo 'gates: {tests: \"true\"}' > .hive/repo.yaml"
    work = done(await workshop.perform(lease(source, run=cheat)))
    run = judged(await workshop.perform(lease(source, "gates", gates={"tests": ""}, result=work)))
    assert not run.results[0].passed
    assert run.results[0].command == "grep -q hello README"


async def test_an_unknown_gate_names_those_that_there_are(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "gates: {lint: ruff check ., tests: pytest}\n"})
    failed = failure(await workshop.perform(lease(source, "gates", gates={"test": ""})))
    assert failed.kind == "permanent"
    assert "lint, tests" in failed.detail


async def test_a_mission_gate_judges_the_tip(source: Source, workshop: Workshop) -> None:
    run = judged(await workshop.perform(lease(source, "gates", gates={"tests": "cat README"})))
    assert (run.commit, run.results[0].tail) == (source.head, "hello\n")


async def test_a_gate_that_rewrites_files_does_not_decide_for_the_next(
    source: Source, workshop: Workshop
) -> None:
    gates = {"format": "echo spoilt > README", "tests": "grep -q hello README"}
    run = judged(await workshop.perform(lease(source, "gates", gates=gates)))
    assert [result.passed for result in run.results] == [True, True]


async def test_a_gate_that_does_not_end_has_not_passed(source: Source, workshop: Workshop) -> None:
    asked = lease(source, "gates", gates={"tests": "echo so far; sleep 99"})
    gate = CommandGate("tests", "echo so far; sleep 99", timeout=0.4)
    spec = msgspec.structs.replace(asked.task.spec, gates=(gate,))
    asked = msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, spec=spec))
    (result,) = judged(await workshop.perform(asked)).results
    assert (result.passed, result.exit_code) == (False, None)
    assert result.tail.startswith("so far\n")
    assert "time-out" in result.tail


async def test_the_set_up_is_that_of_the_base_and_runs_first(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: echo ready > ready.log\n"})
    run = judged(await workshop.perform(lease(source, "gates", gates={"t": "cat ready.log"})))
    assert run.results[0].passed


async def test_a_set_up_that_fails_at_the_base_is_the_infrastructures(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: exit 1\n"})
    assert (
        failure(await workshop.perform(lease(source, "gates", gates={"t": "true"}))).kind
        == "infrastructure"
    )


async def test_a_set_up_that_only_this_work_breaks_is_the_works_fault(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: test -e README || (echo no README; exit 1)\n"})
    work = done(await workshop.perform(lease(source, run="rm README")))
    failed = failure(
        await workshop.perform(lease(source, "gates", gates={"t": "true"}, result=work))
    )
    assert (failed.kind, failed.tail) == ("gate", "no README\n")


async def test_another_runner_judges_from_the_bundles_alone(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    work = done(await workshop.perform(lease(source, run="echo 1 > one")))
    other = Workshop(tmp_path / "other")
    await other.depot.keep_bytes(workshop.artifact(work.bundle))
    run = judged(
        await other.perform(lease(source, "gates", gates={"there": "test -e one"}, result=work))
    )
    assert run.results[0].passed


async def test_a_bundle_that_is_not_there_is_nobodys_fault(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    work = done(await workshop.perform(lease(source, run="echo 1 > one")))
    other = Workshop(tmp_path / "other")
    failed = failure(
        await other.perform(lease(source, "gates", gates={"there": "true"}, result=work))
    )
    assert failed.kind == "infrastructure"


async def test_work_that_changed_nothing_is_judged_at_the_tip(
    source: Source, workshop: Workshop
) -> None:
    work = done(await workshop.perform(lease(source, run="echo fine > $HIVE_NO_CHANGE_FILE")))
    run = judged(
        await workshop.perform(
            lease(source, "gates", gates={"t": "true"}, result=work, tip=Tip(source.head))
        )
    )
    assert run.commit == source.head
