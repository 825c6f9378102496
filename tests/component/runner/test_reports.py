"""What fits into an event."""

import msgspec
import pytest

from hive_contracts.outcome import (
    MAX_NAMED,
    MAX_TAIL,
    Baseline,
    Failure,
    FileChange,
    GateResult,
    GatesRun,
    Outcome,
    Tally,
    WorkDone,
)
from hive_contracts.v1 import runner_pb2
from hive_contracts.wire import from_proto, to_proto
from hive_runner.errors import failed
from hive_runner.link.reports import MAX_OUTCOME, Declined, Report, Started, bounded

FLAKY = tuple("n" * 400 + str(n) for n in range(MAX_NAMED))
LARGE = [
    GatesRun(
        "c" * 40,
        tuple(GateResult(f"g{n}", False, "x" * 9000, 1, 1.0, "ü" * MAX_TAIL) for n in range(40)),
    ),
    Failure(
        "conflict",
        "d" * 4096,
        "\x01" * MAX_TAIL,
        files=tuple(f"a/{n:0250}" for n in range(999)),
    ),
    WorkDone(no_change="\x02" * 4096),
    WorkDone(
        "c" * 40,
        protected=tuple("\x01" * 4000 + str(n) for n in range(MAX_NAMED)),
        protected_files=999,
        tests=tuple(FileChange("\x01" * 4000 + str(n), 1, 1) for n in range(MAX_NAMED)),
    ),
    GatesRun(
        "c" * 40,
        tuple(
            GateResult(
                f"g{n}",
                False,
                "x" * 9000,
                1,
                tail="é" * MAX_TAIL,
                reason="r" * 2000,
                tally=Tally(1, 2, 3),
                flaky=FLAKY,
                baseline=Baseline("f" * 16, 1, None, FLAKY),
            )
            for n in range(40)
        ),
    ),
]


@pytest.mark.parametrize("outcome", LARGE, ids=["gates", "failure", "reason", "paths", "tests"])
def test_the_largest_outcome_fits_into_an_event(outcome: Outcome) -> None:
    assert len(msgspec.json.encode(bounded(outcome))) <= MAX_OUTCOME


def test_a_small_outcome_stays_as_it_is() -> None:
    outcome = GatesRun("c" * 40, (GateResult("g", True, "pytest", 0, 1.0, "x" * MAX_TAIL),))
    assert bounded(outcome) is outcome


def test_the_end_of_a_tail_is_what_stays() -> None:
    results = tuple(
        GateResult(f"g{n}", False, "pytest", 1, 1.0, "x" * 8000 + "the end") for n in range(20)
    )
    shortened = bounded(GatesRun("c" * 40, results))
    assert isinstance(shortened, GatesRun)
    assert all(result.tail.endswith("xxx" + "the end") for result in shortened.results)


def test_of_a_report_its_beginning_stays_where_the_failing_tests_are() -> None:
    results = tuple(
        GateResult(f"g{n}", False, tail="FAILED a" + "x" * 8000, tally=Tally(0, 1))
        for n in range(20)
    )
    shortened = bounded(GatesRun("c" * 40, results))
    assert isinstance(shortened, GatesRun)
    assert all(result.tail.startswith("FAILED a") for result in shortened.results)


def test_a_failure_holds_only_what_a_record_can() -> None:
    failure = failed("agent", "a\0b\udcff" + "d" * 9000, tail="t" * 9000 + "\0", files=["\udcff"])
    assert len(failure.failure.detail) == 4096
    assert len(failure.failure.tail) == MAX_TAIL
    assert "\0" not in msgspec.json.encode(failure.failure).decode()
    assert "\\u0000" not in msgspec.json.encode(failure.failure).decode()


@pytest.mark.parametrize(
    "said", [Started(), Declined("full"), WorkDone("c" * 40), Failure("agent", "no")], ids=str
)
def test_each_report_has_its_form_on_the_wire(
    said: Started | Declined | WorkDone | Failure,
) -> None:
    report = Report("1" * 32, "2" * 32, 3, said, "00-x")
    message = to_proto(report, runner_pb2.Report)
    again = runner_pb2.Report.FromString(message.SerializeToString())
    assert from_proto(again, Report) == report
