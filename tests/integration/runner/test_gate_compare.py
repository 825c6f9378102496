"""Gates that are judged by their tests, beside those of the base.

The gate's command here is a shell script that writes JUnit XML from a list of tests in the
repository, so that each commit says what its suite finds.
"""

from pathlib import Path

import msgspec
import pytest

from hive_contracts.orders import Lease
from hive_contracts.outcome import Baseline, GateResult, GatesRun, Outcome, WorkDone
from hive_contracts.plan import CommandGate
from hive_shared.judging.results import FAILED, PASSED, Run, decoded, encoded
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease

SUITE = """\
test -e die && { echo 'ImportError: no module named nothing'; exit 4; }
{
  echo '<testsuite>'
  while read -r name outcome; do
    case $outcome in
      fail) body='<failure message="it broke">it broke at line 7</failure>' ;;
      skip) body='<skipped/>' ;;
      flaky) if test -e ran; then body=; else body='<failure>now and then</failure>'; fi ;;
      *) body= ;;
    esac
    echo "<testcase name=\\"$name\\">$body</testcase>"
  done < tests.txt
  echo '</testsuite>'
} > junit.xml
cat tests.txt
status=0
grep -q fail tests.txt && status=1
test -e ran || ! grep -q flaky tests.txt || status=1
echo ran >> ran
test -e odd && exit 3
exit $status
"""
GATE = CommandGate("tests", "sh suite.sh", compare="base", report="junit.xml")


@pytest.fixture
def suite(source: Source) -> Source:
    """A repository with a gate; its base has two tests that pass and one that fails."""
    source.commit({"suite.sh": SUITE, "tests.txt": "a pass\nb fail\nc pass\n", ".gitignore": "ran"})
    return source


def gates_lease(
    source: Source,
    gate: CommandGate = GATE,
    result: WorkDone | None = None,
    baselines: tuple[Baseline, ...] = (),
) -> Lease:
    asked = lease(source, "gates", result=result)
    spec = msgspec.structs.replace(asked.task.spec, gates=(gate,))
    task = msgspec.structs.replace(asked.task, spec=spec, baselines=baselines)
    return msgspec.structs.replace(asked, task=task)


def judged(outcome: Outcome) -> GateResult:
    assert isinstance(outcome, GatesRun), outcome
    (result,) = outcome.results
    return result


async def changed(source: Source, workshop: Workshop, command: str) -> WorkDone:
    return done(await workshop.perform(lease(source, run=command)))


async def base_of(source: Source, workshop: Workshop, gate: CommandGate = GATE) -> Baseline:
    found = judged(await workshop.perform(gates_lease(source, gate)))
    assert found.passed, found.reason
    assert found.baseline is not None
    return msgspec.structs.replace(found.baseline, flaky=found.flaky)


async def later(
    source: Source, workshop: Workshop, command: str, baseline: Baseline | None = None
) -> GateResult:
    """What the gate says of a change, given what it said of the base."""
    work = await changed(source, workshop, command)
    known = baseline or await base_of(source, workshop)
    return judged(await workshop.perform(gates_lease(source, GATE, work, (known,))))


async def test_a_red_base_is_what_later_work_is_compared_with(
    suite: Source, workshop: Workshop
) -> None:
    found = judged(await workshop.perform(gates_lease(suite)))
    assert (found.passed, found.exit_code) == (True, 1)
    assert found.tally is not None
    assert (found.tally.passed, found.tally.failed) == (2, 1)
    assert found.baseline is not None
    run = decoded(workshop.artifact(found.baseline.tests))
    assert run == Run(1, {"a": PASSED, "b": FAILED, "c": PASSED})


async def test_work_that_is_no_worse_passes(suite: Source, workshop: Workshop) -> None:
    found = await later(suite, workshop, "echo d pass >> tests.txt")
    assert (found.passed, found.exit_code, found.reason) == (True, 1, "")
    assert found.tally is not None
    assert (found.tally.passed, found.tally.base_passed, found.tally.added) == (3, 2, 1)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("sed -i 's/a pass/a fail/' tests.txt", "1 test fails and did not on the base: a"),
        ("sed -i /^a/d tests.txt", "1 test of the base is gone: a"),
        ("sed -i 's/b fail/b skip/' tests.txt", "1 test is skipped that ran on the base: b"),
        (": > tests.txt", "no test was run"),
        ("touch die", "it wrote no report junit.xml"),
        ("touch odd; sed -i 's/fail/pass/' tests.txt",
         "the command ended with status 3, and no test says why"),
    ],
    ids=["new-failure", "gone", "skipped", "none", "dies", "status"],
)  # fmt: skip
async def test_work_that_is_worse_is_told_how(
    suite: Source, workshop: Workshop, command: str, reason: str
) -> None:
    found = await later(suite, workshop, command)
    assert not found.passed
    assert reason in found.reason
    assert found.tail.startswith(found.reason)


async def test_failing_tests_speak_before_the_rest_of_the_output(
    suite: Source, workshop: Workshop
) -> None:
    found = await later(suite, workshop, "sed -i 's/a pass/a fail/' tests.txt")
    said = found.tail.split("\n\n")
    assert said[1] == "FAILED a\nit broke at line 7", "new failures come first"
    assert said[2].startswith("FAILED b\n")
    assert "The end of its output:\na fail" in found.tail


async def test_a_report_that_was_committed_is_not_the_gates(
    suite: Source, workshop: Workshop
) -> None:
    cheat = "sh suite.sh; touch die; git add -f junit.xml; git commit -qm report; rm -f ran"
    found = await later(suite, workshop, cheat)
    assert not found.passed
    assert "it wrote no report" in found.reason


async def test_no_report_is_read_or_removed_outside_of_the_tree(
    suite: Source, workshop: Workshop, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "junit.xml").write_text('<s><testcase name="a"/></s>')
    gate = CommandGate("tests", "true", compare="base", report="reports/junit.xml")
    tests = await workshop.depot.keep_bytes(encoded(Run(0, {"a": PASSED})))
    known = Baseline(gate.definition, 0, tests)
    work = await changed(suite, workshop, f"ln -s {outside} reports")
    found = judged(await workshop.perform(gates_lease(suite, gate, work, (known,))))
    assert not found.passed
    assert "it wrote no report" in found.reason
    assert (outside / "junit.xml").exists()


@pytest.mark.parametrize(
    "made", ["mkfifo junit.xml", "ln -s tests.txt junit.xml", "mkdir junit.xml"]
)
async def test_what_is_no_file_is_no_report(suite: Source, workshop: Workshop, made: str) -> None:
    gate = CommandGate("tests", made, report="junit.xml")
    found = judged(await workshop.perform(gates_lease(suite, gate)))
    assert not found.passed
    assert "junit.xml " in found.reason


async def test_a_test_that_passes_when_run_again_is_flaky_and_remembered(
    suite: Source, workshop: Workshop
) -> None:
    found = await later(suite, workshop, "sed -i 's/a pass/a flaky/; s/fail/pass/' tests.txt")
    assert (found.passed, found.exit_code, found.flaky) == (True, 0, ("a",))
    output = workshop.artifact(found.output).decode()
    assert "[run again, in doubt: a]" in output
    assert output.count("a flaky") == 2


async def test_a_test_that_fails_twice_is_no_flaky_one(suite: Source, workshop: Workshop) -> None:
    found = await later(suite, workshop, "sed -i 's/a pass/a fail/' tests.txt")
    assert (found.passed, found.flaky) == (False, ())
    assert workshop.artifact(found.output).decode().count("a fail") == 2


async def test_where_very_much_is_broken_once_is_enough(suite: Source, workshop: Workshop) -> None:
    many = "for n in $(seq 51); do echo n$n flaky >> tests.txt; done"
    found = await later(suite, workshop, many)
    assert found.tally is not None
    assert (found.passed, found.tally.newly_failed) == (False, 51)
    assert "run again" not in workshop.artifact(found.output).decode()


async def test_a_flaky_test_of_the_base_excuses_no_later_failure(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"suite.sh": SUITE, "tests.txt": "a flaky\nb pass\n", ".gitignore": "ran"})
    baseline = await base_of(source, workshop)
    assert baseline.flaky == ("a",)
    assert decoded(workshop.artifact(baseline.tests)).tests["a"] == PASSED
    found = await later(source, workshop, "sed -i 's/a flaky/a fail/' tests.txt", baseline)
    assert not found.passed
    assert workshop.artifact(found.output).decode().count("b pass") == 3, "known as flaky: twice"


async def test_a_lease_without_a_baseline_runs_the_gate_on_the_base_itself(
    suite: Source, workshop: Workshop
) -> None:
    work = await changed(suite, workshop, "sed -i 's/a pass/a fail/' tests.txt")
    found = judged(await workshop.perform(gates_lease(suite, GATE, work)))
    assert found.reason == "1 test fails and did not on the base: a"
    assert found.baseline == await base_of(suite, workshop)
    assert workshop.folders_left() == []


async def test_without_the_bases_tests_nothing_passes(suite: Source, workshop: Workshop) -> None:
    work = await changed(suite, workshop, "touch x")
    empty = Baseline(GATE.definition, 1)
    refused = failure(await workshop.perform(gates_lease(suite, GATE, work, (empty,))))
    assert "nothing is known of the base's tests" in refused.detail


async def test_a_gate_without_a_report_on_the_base_cannot_be_compared(
    suite: Source, workshop: Workshop
) -> None:
    gate = CommandGate("tests", "true", compare="base", report="none.xml")
    at_base = judged(await workshop.perform(gates_lease(suite, gate)))
    assert not at_base.passed
    assert "--junitxml=none.xml" in at_base.reason
    work = await changed(suite, workshop, "touch x")
    refused = failure(await workshop.perform(gates_lease(suite, gate, work)))
    assert refused.kind == "permanent"
    assert "cannot be compared with the base: there it wrote no report" in refused.detail


@pytest.mark.parametrize(
    ("command", "passed", "said"),
    [
        ("touch green; touch red", False, "fails as it did on the base"),
        ("touch green", True, ""),
    ],
)
async def test_by_exit_status_alone_red_before_and_after_does_not_pass(
    suite: Source, workshop: Workshop, command: str, passed: bool, said: str
) -> None:
    gate = CommandGate("g", "test -e green && ! test -e red", compare="base")
    baseline = await base_of(suite, workshop, gate)
    assert baseline == Baseline(gate.definition, 1)
    work = await changed(suite, workshop, command)
    found = judged(await workshop.perform(gates_lease(suite, gate, work, (baseline,))))
    assert found.passed is passed
    assert said in found.reason


async def test_a_report_without_a_base_wants_no_failure(suite: Source, workshop: Workshop) -> None:
    gate = CommandGate("tests", "sh suite.sh; true", report="junit.xml")
    found = judged(await workshop.perform(gates_lease(suite, gate)))
    assert (found.passed, found.exit_code, found.reason) == (False, 0, "1 test fails: b")
    assert "FAILED b\nit broke at line 7" in found.tail


async def test_the_reports_of_many_files_are_one(suite: Source, workshop: Workshop) -> None:
    write = "echo '<s><testcase name=\"'$n'\"/></s>' > target/reports/TEST-$n.xml"
    gate = CommandGate(
        "tests", f"mkdir -p target/reports; for n in a b; do {write}; done", report="**/TEST-*.xml"
    )
    found = judged(await workshop.perform(gates_lease(suite, gate)))
    assert found.tally is not None
    assert (found.passed, found.tally.passed) == (True, 2)
