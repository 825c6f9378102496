"""The step `gates`: run checks on one commit, in a clean checkout, by fixed definitions.

The definitions are those of the base commit, which no attempt can write. A gate with `compare:
base` is run on the base first, unless the lease says what it found there.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.outcome import Baseline, GateResult, GatesRun
from hive_contracts.plan import CommandGate, HttpGate, MetricGate
from hive_runner.errors import StepFailed, failed
from hive_runner.judging.judgement import judge_gate, measure_base
from hive_runner.judging.measurement import Gate
from hive_runner.judging.probe import probe
from hive_runner.place import repository_file
from hive_runner.repositories.mirror import Mirror
from hive_runner.steps.job import Job
from hive_runner.steps.preparation import prepare, start_over
from hive_shared.telemetry import span

Baselines = Mapping[str, Baseline]
"""What gates found on the base, by their definitions."""


async def gates(job: Job) -> GatesRun:
    """Judge a task's gates: the commands on its work, or on its tip. Raises StepFailed."""
    run = await _commands(job)
    results = {result.name: result for result in run.results}
    # The world outside is asked last, and side by side.
    probes = [gate for gate in job.lease.task.spec.gates if isinstance(gate, HttpGate | MetricGate)]
    async with asyncio.TaskGroup() as together:
        asked = [together.create_task(probe(gate)) for gate in probes]
    results |= {task.result().name: task.result() for task in asked}
    order = [gate.name for gate in job.lease.task.spec.gates if gate.name in results]
    return msgspec.structs.replace(run, results=tuple(results[name] for name in order))


async def _commands(job: Job) -> GatesRun:
    if not any(isinstance(gate, CommandGate) for gate in job.lease.task.spec.gates):
        return GatesRun(_judged_commit(job), ())
    if job.lease.task.repository is None:
        file = RepositoryFile()
        wanted = _wanted(job, file.commands)
        if any(gate.gate.compare for gate in wanted):
            raise failed("permanent", "without a repository there is no base to compare with")
        return await _judge(job, "", file, wanted, {})
    mirror = await job.mirror()
    file = await repository_file(mirror, job.repository)
    wanted = _wanted(job, file.commands)
    commit = await _commit(job, mirror)
    baselines = await _baselines(job, mirror, file, wanted, commit)
    await _set_up(job, mirror, file, commit)
    return await _judge(job, commit, file, wanted, baselines)


def _wanted(job: Job, known: Mapping[str, str]) -> list[Gate]:
    found = [gate for gate in job.lease.task.spec.gates if isinstance(gate, CommandGate)]
    return [Gate(number, gate, _command(gate, known)) for number, gate in enumerate(found)]


async def _baselines(
    job: Job, mirror: Mirror, file: RepositoryFile, wanted: Sequence[Gate], commit: str
) -> Baselines:
    """What the gates that compare found on the base. Raises StepFailed, ArtifactUnavailable."""
    known = {baseline.gate: baseline for baseline in job.lease.task.baselines}
    missing = [g for g in wanted if g.gate.compare and g.gate.definition not in known]
    base = job.repository.base
    if not missing or commit == base:
        return known
    await mirror.ensure_base(job.repository)
    await prepare(job, mirror, file, base, "gates")
    for gate in missing:
        with _judging(job, gate):
            known[gate.gate.definition] = await measure_base(job, file, gate, base)
        await job.workspace.own("checkout", "-q", "--force", "--detach", base)
    await start_over(job)
    return known


def _judged_commit(job: Job) -> str:
    """What is judged where no file of it is looked at."""
    if job.lease.task.repository is None:
        return ""
    return (job.lease.result and job.lease.result.commit) or job.tip.commit


async def _commit(job: Job, mirror: Mirror) -> str:
    """The commit to be judged, in the mirror."""
    result = job.lease.result
    if result is None or not result.commit or result.bundle is None:
        return job.tip.commit
    await mirror.ensure_bundle(result.bundle, result.commit)
    return result.commit


async def _set_up(job: Job, mirror: Mirror, file: RepositoryFile, commit: str) -> None:
    """Run the set-up; a set-up that only this work breaks is the work's fault.

    Taken for the infrastructure's, it would be tried again for ever.
    """
    try:
        await prepare(job, mirror, file, commit, "gates")
    except StepFailed as broken:
        if commit == job.tip.commit:
            raise
        await start_over(job)
        try:
            await prepare(job, mirror, file, job.tip.commit, "gates")
        except StepFailed:
            raise broken from None
        raise failed(
            "gate",
            f"{broken.failure.detail} on this work, and not without it",
            tail=broken.failure.tail,
            output=broken.failure.output,
        ) from broken


async def _judge(
    job: Job, commit: str, file: RepositoryFile, wanted: Sequence[Gate], baselines: Baselines
) -> GatesRun:
    results: list[GateResult] = []
    for gate in wanted:
        if gate.number and commit:
            # A gate that rewrites files must not decide what the next one sees.
            await job.workspace.own("checkout", "-q", "--force", "--detach", commit)
        with _judging(job, gate):
            known = baselines.get(gate.gate.definition) if gate.gate.compare else None
            results.append(await judge_gate(job, file, gate, commit, known))
    return GatesRun(commit=commit, results=tuple(results))


@contextlib.contextmanager
def _judging(job: Job, gate: Gate) -> Iterator[None]:
    """A gate that says no has done what it is for; only one that cannot judge has failed."""
    named = span("attempt.gate", job.traceparent, task_id=job.name.task_id, gate=gate.gate.name)
    with named, job.place.handled.gate.one():
        yield


def _command(gate: CommandGate, known: Mapping[str, str]) -> str:
    """A gate's shell command. Raises StepFailed (permanent) naming the gates that there are."""
    if gate.run:
        return gate.run
    if gate.name not in known:
        names = ", ".join(sorted(known)) or "none"
        raise failed(
            "permanent",
            f"there is no gate {gate.name} in .hive/repo.yaml of the base commit; it has: {names}",
        )
    return known[gate.name]
