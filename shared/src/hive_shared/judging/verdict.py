"""Whether a run is worse than the base's, test by test: pure.

worse   a test fails that did not fail on the base, or that is not on the base
        a test of the base is gone
        a test is skipped that ran on the base
        no test ran at all
        the command ended badly, and no failing test explains it
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from hive_contracts.outcome import Tally
from hive_shared.judging.results import Outcomes, Run

NAMED: Final = 5
"""Tests that a reason names; the others are counted."""
_NONE: Final = Outcomes()


class Verdict(msgspec.Struct, frozen=True):
    passed: bool
    tally: Tally
    reason: str = ""
    """Why it did not pass, for people."""
    doubtful: tuple[str, ...] = ()
    """Tests that newly fail, where nothing else is wrong: run again, they may turn out flaky."""
    failing: tuple[str, ...] = ()
    """Failing tests, those that matter most first."""


def judge(base: Run, now: Run) -> Verdict:
    """Whether `now` is no worse than `base`."""
    failed = [name for name, outcomes in now.tests.items() if _fails_newly(base, name, outcomes)]
    gone = [name for name, before in base.tests.items() if _is_gone(before, now.tests.get(name))]
    skipped = [
        name
        for name, before in base.tests.items()
        if before.passed + before.failed and now.tests.get(name, _NONE).skipped > before.skipped
    ]
    ended_badly = _unexplained(base, now)
    reasons = [
        _listed(failed, "fails and did not on the base", "fail and did not on the base"),
        _listed(gone, "of the base is gone", "of the base are gone"),
        _listed(skipped, "is skipped that ran on the base", "are skipped that ran on the base"),
        ended_badly,
    ]
    tests = _count(now)
    if not tests.all:
        reasons = ["no test was run", ended_badly]
    reason = "; ".join(part for part in reasons if part)
    before = _count(base)
    tally = Tally(
        passed=tests.passed,
        failed=tests.failed,
        skipped=tests.skipped,
        base_passed=before.passed,
        base_failed=before.failed,
        added=sum(name not in base.tests for name in now.tests),
        gone=len(gone),
        newly_failed=len(failed),
        newly_skipped=len(skipped),
    )
    in_doubt = failed and not (gone or skipped or ended_badly)
    return Verdict(
        passed=not reason,
        tally=tally,
        reason=reason,
        doubtful=tuple(failed) if in_doubt else (),
        failing=tuple(dict.fromkeys([*failed, *now.failing])),
    )


def judge_base(base: Run) -> Verdict:
    """Whether anything can be compared with a run on the base: there must be tests in it."""
    return judge(base, base)


def judge_alone(now: Run) -> Verdict:
    """A run without a base: status 0, at least one test, and none that fails."""
    tests = _count(now)
    reasons = [
        _listed(now.failing, "fails", "fail"),
        "" if tests.all else "no test was run",
        _unexplained(Run(0, {}), now),
    ]
    reason = "; ".join(part for part in reasons if part)
    tally = Tally(passed=tests.passed, failed=tests.failed, skipped=tests.skipped)
    return Verdict(not reason, tally, reason, failing=tuple(now.failing))


def settle(first: Run, second: Run, doubtful: Collection[str]) -> tuple[Run, tuple[str, ...]]:
    """What a run and its repetition say together, and which tests are flaky.

    Of the doubtful tests, those that pass the second time count as passed. Whatever else the second
    run says is not held for or against anything, so that a repetition can mend only what it was
    made for.
    """
    flaky = [name for name in doubtful if _passes(second.tests.get(name))]
    tests = first.tests | {name: second.tests[name] for name in flaky}
    still_failing = any(outcomes.failed for outcomes in tests.values())
    return Run(first.exit_code if still_failing else 0, tests), tuple(flaky)


def explained(base: Run, run: Run) -> bool:
    """Whether the status of a run is what its tests, or the base, let expect."""
    return not _unexplained(base, run)


def _fails_newly(base: Run, name: str, now: Outcomes) -> bool:
    before = base.tests.get(name, _NONE)
    if before.failed and not before.passed + before.skipped:
        return False  # all tests of that name failed before
    return now.failed > before.failed


def _is_gone(before: Outcomes, now: Outcomes | None) -> bool:
    """Where several tests share a name, as many as passed must still be there."""
    return before.all > 0 and (now is None or not now.all or now.all < before.passed)


def _unexplained(base: Run, now: Run) -> str:
    if now.exit_code is None:
        return "the command did not end by itself"
    if now.exit_code == 0 or now.exit_code == base.exit_code:
        return ""
    if now.exit_code < 0:
        return f"the command was ended by signal {-now.exit_code}"
    if not now.failing:
        return f"the command ended with status {now.exit_code}, and no test says why"
    return ""


def _passes(outcomes: Outcomes | None) -> bool:
    return outcomes is not None and outcomes.passed > 0 and not outcomes.failed


def _count(run: Run) -> Outcomes:
    return sum(run.tests.values(), start=_NONE)


def _listed(names: list[str], one: str, many: str) -> str:
    if not names:
        return ""
    said = f"1 test {one}" if len(names) == 1 else f"{len(names)} tests {many}"
    return f"{said}: {named(names)}"


def named(names: Iterable[str]) -> str:
    """Some names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
