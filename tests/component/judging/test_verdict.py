"""Whether a run is worse than the base's, test by test."""

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_shared.judging.results import FAILED, PASSED, SKIPPED, Outcomes, Run, decoded, encoded
from hive_shared.judging.verdict import judge, judge_alone, judge_base, settle

BASE = Run(0, {"a": PASSED, "b": PASSED, "c": SKIPPED})
RED_BASE = Run(1, {"a": PASSED, "b": FAILED})

outcomes = st.sampled_from([PASSED, FAILED, SKIPPED])
tests = st.dictionaries(st.sampled_from(ascii_lowercase), outcomes, min_size=1)
counted = st.dictionaries(
    st.sampled_from(ascii_lowercase),
    st.builds(Outcomes, *[st.integers(0, 3)] * 3).filter(lambda found: found.all > 0),
    min_size=1,
)


def honest(tests: dict[str, Outcomes]) -> Run:
    """A run that ends with the status that its tests call for."""
    return Run(int(any(found.failed for found in tests.values())), tests)


@pytest.mark.parametrize(
    ("base", "now", "reason"),
    [
        (BASE, BASE, ""),
        (BASE, Run(0, {**BASE.tests, "d": PASSED}), ""),
        (BASE, Run(0, {**BASE.tests, "c": PASSED}), ""),
        (BASE, Run(0, {**BASE.tests, "d": SKIPPED}), ""),
        (BASE, Run(1, {**BASE.tests, "b": FAILED}), "1 test fails and did not on the base: b"),
        (BASE, Run(1, {**BASE.tests, "d": FAILED}), "1 test fails and did not on the base: d"),
        (BASE, Run(0, {"a": PASSED, "c": SKIPPED}), "1 test of the base is gone: b"),
        (BASE, Run(0, {"a": PASSED, "b": PASSED}), "1 test of the base is gone: c"),
        (
            BASE,
            Run(0, {"a": SKIPPED, "b": SKIPPED, "c": SKIPPED}),
            "2 tests are skipped that ran on the base: a, b",
        ),
        (BASE, Run(0, {}), "no test was run"),
        (
            BASE,
            Run(4, {}),
            "no test was run; the command ended with status 4, and no test says why",
        ),
        (BASE, Run(-9, BASE.tests), "the command was ended by signal 9"),
        (BASE, Run(None, BASE.tests), "the command did not end by itself"),
        (BASE, Run(2, BASE.tests), "the command ended with status 2, and no test says why"),
        (RED_BASE, RED_BASE, ""),
        (RED_BASE, Run(0, {"a": PASSED, "b": PASSED}), ""),
        (RED_BASE, Run(0, {"a": PASSED}), "1 test of the base is gone: b"),
        (
            RED_BASE,
            Run(0, {"a": PASSED, "b": SKIPPED}),
            "1 test is skipped that ran on the base: b",
        ),
        # A coverage limit that was missed before, too.
        (Run(2, {"a": PASSED}), Run(2, {"a": PASSED}), ""),
    ],
    ids=[
        "as before", "one more passes", "a skipped one runs", "one more is skipped",
        "one fails", "a new one fails", "one is gone", "a skipped one is gone",
        "what ran is skipped", "nothing ran", "nothing ran, with a status",
        "killed", "no end of its own", "a status that no test explains",
        "red as before", "red before", "what was red is gone", "what was red is skipped",
        "a status as before",
    ],
)  # fmt: skip
def test_a_run_is_judged_beside_the_bases(base: Run, now: Run, reason: str) -> None:
    verdict = judge(base, now)
    assert (verdict.passed, verdict.reason) == (not reason, reason)


def test_a_suite_that_dies_on_import_is_no_success_though_nothing_newly_fails() -> None:
    verdict = judge(BASE, Run(2, {"tests.test_upload": FAILED}))
    assert not verdict.passed
    assert "3 tests of the base are gone: a, b, c" in verdict.reason
    assert verdict.doubtful == (), "what is gone does not come back by running it again"


def test_where_tests_share_a_name_as_many_as_passed_must_still_be_there() -> None:
    twice = Run(0, {"a": Outcomes(passed=2)})
    assert "is gone" in judge(twice, Run(0, {"a": PASSED})).reason
    assert judge(twice, Run(0, {"a": Outcomes(passed=3)})).passed
    # pytest tells twice of a test that fails and cannot be taken down, once of one that passes.
    assert judge(Run(1, {"a": Outcomes(failed=2)}), Run(0, {"a": PASSED})).passed
    assert judge(Run(1, {"a": FAILED}), Run(1, {"a": Outcomes(failed=2)})).passed


def test_many_tests_are_counted_and_some_are_named() -> None:
    many = {f"t{number}": PASSED for number in range(9)}
    reason = judge(Run(0, many), Run(1, dict.fromkeys(many, FAILED))).reason
    assert reason == "9 tests fail and did not on the base: t0, t1, t2, t3, t4 and 4 more"


def test_a_report_alone_wants_tests_and_no_failure() -> None:
    assert judge_alone(Run(0, {"a": PASSED, "b": SKIPPED})).passed
    assert judge_alone(Run(0, {"a": PASSED, "b": FAILED})).reason == "1 test fails: b"
    assert judge_alone(Run(0, {})).reason == "no test was run"
    assert not judge_alone(Run(1, {"a": PASSED})).passed


def test_a_red_base_can_be_compared_with_and_an_empty_one_cannot() -> None:
    assert judge_base(RED_BASE).passed
    assert judge_base(Run(5, {})).reason == "no test was run"
    assert judge_base(Run(None, {"a": PASSED})).reason == "the command did not end by itself"


def test_a_test_that_passes_when_it_is_run_again_is_flaky() -> None:
    first = Run(1, {**BASE.tests, "a": FAILED, "b": FAILED})
    second = Run(1, {**BASE.tests, "a": PASSED, "b": FAILED})
    run, flaky = settle(first, second, judge(BASE, first).doubtful)
    assert flaky == ("a",)
    assert judge(BASE, run).reason == "1 test fails and did not on the base: b"
    run, flaky = settle(first, BASE, ("a", "b"))
    assert (judge(BASE, run).passed, run.exit_code) == (True, 0)


def test_running_again_mends_only_what_was_in_doubt() -> None:
    first = Run(1, {"a": FAILED, "b": PASSED, "c": SKIPPED})
    second = Run(1, {"a": PASSED, "b": FAILED, "d": PASSED})
    run, _ = settle(first, second, ("a",))
    assert run.tests == {"a": PASSED, "b": PASSED, "c": SKIPPED}


@given(tests)
def test_no_run_is_worse_than_itself(found: dict[str, Outcomes]) -> None:
    assert judge(honest(found), honest(found)).passed


@given(counted, counted)
def test_what_passes_lost_no_test_and_brought_no_failure(
    before: dict[str, Outcomes], after: dict[str, Outcomes]
) -> None:
    verdict = judge(honest(before), honest(after))
    assert verdict.passed == (verdict.reason == "")
    if not verdict.passed:
        return
    assert set(before) <= set(after)
    passed_once = {name for name, found in before.items() if found.passed == found.all}
    assert all(not after[name].failed for name in passed_once)
    assert all(not after[name].skipped for name in passed_once)
    assert all(after[name].passed >= before[name].passed for name in passed_once)
    assert all(not found.failed for name, found in after.items() if name not in before)


@given(tests, tests, tests)
def test_running_again_never_turns_an_honest_pass_into_a_failure(
    before: dict[str, Outcomes], after: dict[str, Outcomes], again: dict[str, Outcomes]
) -> None:
    base, first = honest(before), honest(after)
    verdict = judge(base, first)
    run, flaky = settle(first, honest(again), verdict.doubtful)
    assert set(flaky) <= set(verdict.doubtful)
    if verdict.passed:
        assert (run, flaky) == (first, ())
    # Nothing but a test that was in doubt, and passed, is judged otherwise than before.
    assert {n for n in run.tests if run.tests[n] != first.tests[n]} == set(flaky)
    assert all(again[name] == PASSED for name in flaky)


@given(counted, st.none() | st.integers(-64, 255))
def test_a_run_comes_back_from_its_artifact_which_is_always_the_same(
    found: dict[str, Outcomes], status: int | None
) -> None:
    run = Run(status, found)
    assert decoded(encoded(run)) == run
    assert encoded(Run(status, dict(reversed(found.items())))) == encoded(run)
