"""A gate's verdict: by its exit status, by its report, or by both beside the base's.

A test that newly fails is in doubt: the command is run again in the same place, and where the test
passes then it is flaky, which is remembered and not held against the work.
"""

from typing import Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.outcome import MAX_NAMED, Baseline, GateResult
from hive_runner.errors import failed, plain
from hive_runner.judging.measurement import Gate, Measured, measure
from hive_runner.processes.output import Output
from hive_runner.steps.absent import absent
from hive_runner.steps.job import Job
from hive_shared.judging.excerpt import excerpt
from hive_shared.judging.results import Run, decoded, encoded
from hive_shared.judging.verdict import (
    Verdict,
    explained,
    judge,
    judge_alone,
    judge_base,
    named,
    settle,
)

MAX_REASON: Final = 2_000
"""Characters."""
MAX_DOUBTFUL: Final = 50
"""Where more tests newly fail, something is broken, and to see it once is enough."""
_REPEATS: Final = 1
_REPEATS_OF_FLAKY: Final = 2
"""Where all tests in doubt were seen to be flaky before."""


class Judged(msgspec.Struct, frozen=True):
    passed: bool
    last: Measured
    """The last time that the command was run."""
    seconds: float
    reason: str = ""
    verdict: Verdict | None = None
    messages: dict[str, str] = {}
    flaky: tuple[str, ...] = ()
    baseline: Baseline | None = None


async def judge_gate(
    job: Job, file: RepositoryFile, gate: Gate, commit: str, known: Baseline | None
) -> GateResult:
    """Run a gate on the commit in the tree.

    `known` is what it found on the base; without it this run is taken for the base's. Raises
    ArtifactUnavailable, StepFailed.
    """
    at_base = gate.gate.compare and known is None
    output = job.output(f"gate-{gate.number}{'-base' if at_base else ''}")
    try:
        base = await _known_run(job, gate, known)
        first = await measure(job, file, gate, output)
        if not gate.gate.report:
            judged = _by_status(gate, first, known)
        elif first.run is None:
            judged = Judged(False, first, first.ended.seconds, first.problem)
        else:
            judged = await _by_report(job, file, gate, commit, output, first, base, known)
        lacks = absent(judged.last.exit_code, output.tail().splitlines(), job.place.options.name)
        if lacks and not judged.passed:
            judged = msgspec.structs.replace(judged, reason=lacks)
        failing = judged.verdict.failing if judged.verdict else ()
        return GateResult(
            name=gate.gate.name,
            passed=judged.passed,
            command=gate.command,
            exit_code=judged.last.exit_code,
            seconds=round(judged.seconds, 3),
            tail=plain(excerpt(judged.reason, failing, judged.messages, output.tail())),
            output=await job.keep_output(output),
            reason=plain(judged.reason)[:MAX_REASON],
            tally=judged.verdict.tally if judged.verdict else None,
            flaky=tuple(plain(name) for name in judged.flaky[:MAX_NAMED]),
            baseline=judged.baseline,
            commit=commit,
        )
    finally:
        output.close()


async def measure_base(job: Job, file: RepositoryFile, gate: Gate, commit: str) -> Baseline:
    """What a gate finds on the base, which is in the tree. Raises StepFailed (permanent)."""
    result = await judge_gate(job, file, gate, commit, None)
    if not result.passed or result.baseline is None:
        raise failed(
            "permanent",
            f"gate {result.name} cannot be compared with the base: there {result.reason}",
            tail=result.tail,
            output=result.output,
        )
    return msgspec.structs.replace(result.baseline, flaky=result.flaky)


async def _known_run(job: Job, gate: Gate, known: Baseline | None) -> Run | None:
    if known is None or not gate.gate.report:
        return None
    if known.tests is None:
        raise failed("permanent", f"nothing is known of the base's tests for gate {known.gate}")
    async with job.place.depot.fetched(known.tests.digest) as path:
        return decoded(path.read_bytes())


def _by_status(gate: Gate, measured: Measured, known: Baseline | None) -> Judged:
    code, seconds = measured.exit_code, measured.ended.seconds
    if not gate.gate.compare:
        return Judged(code == 0, measured, seconds)
    if known is None:
        reason = "" if code is not None else "it did not end by itself"
        found = Baseline(gate.gate.definition, code)
        return Judged(not reason, measured, seconds, reason, baseline=found)
    reason = ""
    if code != 0 and known.exit_code != 0:
        reason = (
            "it fails as it did on the base, and an exit status cannot say whether anything got"
            " worse: let the gate write JUnit XML and name it as `report`"
        )
    return Judged(code == 0, measured, seconds, reason, baseline=known)


async def _by_report(
    job: Job,
    file: RepositoryFile,
    gate: Gate,
    commit: str,
    output: Output,
    first: Measured,
    base: Run | None,
    known: Baseline | None,
) -> Judged:
    assert first.run is not None
    if not gate.gate.compare:
        verdict = judge_alone(first.run)
        return Judged(
            verdict.passed, first, first.ended.seconds, verdict.reason, verdict, first.messages
        )
    run, last, seconds = first.run, first, first.ended.seconds
    flaky: list[str] = []
    verdict = _beside(base, run)
    doubtful = _in_doubt(base, verdict)
    seen = set(known.flaky) if known else set()
    left = _REPEATS_OF_FLAKY if seen.issuperset(doubtful) else _REPEATS
    while doubtful and left:
        left -= 1
        output.write(f"\n[run again, in doubt: {named(doubtful)}]\n".encode("utf-8", "replace"))
        await job.workspace.own("checkout", "-q", "--force", "--detach", commit)
        again = await measure(job, file, gate, output)
        seconds += again.ended.seconds
        if again.run is None or not explained(base or run, again.run):
            break
        last = again
        run, passing = settle(run, again.run, doubtful)
        flaky += passing
        verdict = _beside(base, run)
        doubtful = _in_doubt(base, verdict)
    baseline = known or Baseline(
        gate.gate.definition, run.exit_code, await job.place.depot.keep_bytes(encoded(run))
    )
    return Judged(
        verdict.passed, last, seconds, verdict.reason, verdict,
        last.messages | first.messages, tuple(flaky), baseline,
    )  # fmt: skip


def _beside(base: Run | None, run: Run) -> Verdict:
    return judge_base(run) if base is None else judge(base, run)


def _in_doubt(base: Run | None, verdict: Verdict) -> tuple[str, ...]:
    """On the base every failing test is in doubt: a flaky one must not excuse a later failure."""
    if base is None:
        return verdict.failing
    return verdict.doubtful if len(verdict.doubtful) <= MAX_DOUBTFUL else ()
