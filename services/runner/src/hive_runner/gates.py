"""The step `gates`: run checks on one commit, in a clean checkout, by fixed definitions.

The definitions are those of the base commit, which no attempt can write."""

from collections.abc import Mapping

from hive_contracts.files import RepositoryFile
from hive_contracts.plan import CommandGate, GateResult, GatesRun
from hive_runner.errors import StepFailed, failed
from hive_runner.job import SHELL, Job, how, set_up
from hive_runner.mirror import Mirror
from hive_runner.place import repository_file
from hive_runner.workspace import Workspace, remove
from hive_shared.telemetry import span


async def gates(job: Job) -> GatesRun:
    """Run a task's command gates on its work, or on its tip. Raises StepFailed."""
    wanted = [gate for gate in job.lease.task.spec.gates if isinstance(gate, CommandGate)]
    if job.lease.task.repository is None:
        file = RepositoryFile()
        commands = [_command(gate, file.gates) for gate in wanted]
        return await _judge(job, "", file, wanted, commands)
    mirror = await job.mirror()
    file = await repository_file(mirror, job.repository)
    commands = [_command(gate, file.gates) for gate in wanted]
    commit = await _commit(job, mirror)
    await job.workspace.check_out(mirror, commit)
    await _set_up(job, mirror, file, commit)
    return await _judge(job, commit, file, wanted, commands)


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
        await set_up(job, file)
    except StepFailed as broken:
        if commit == job.tip.commit:
            raise
        await _start_over(job.workspace, mirror, job.tip.commit)
        try:
            await set_up(job, file)
        except StepFailed:
            raise broken from None
        raise failed(
            "gate",
            f"{broken.failure.detail} on this work, and not without it",
            tail=broken.failure.tail,
            output=broken.failure.output,
        ) from broken


async def _start_over(workspace: Workspace, mirror: Mirror, commit: str) -> None:
    for folder in (workspace.tree, workspace.own_git, workspace.seen_git):
        await remove(folder)
    workspace.tree.mkdir()
    await workspace.check_out(mirror, commit)


async def _judge(
    job: Job,
    commit: str,
    file: RepositoryFile,
    wanted: list[CommandGate],
    commands: list[str],
) -> GatesRun:
    results: list[GateResult] = []
    for number, (gate, command) in enumerate(zip(wanted, commands, strict=True)):
        if number and commit:
            # A gate that rewrites files must not decide what the next one sees.
            await job.workspace.own("checkout", "-q", "--force", "--detach", commit)
        with span("attempt.gate", job.traceparent, task_id=job.name.task_id, gate=gate.name):
            results.append(await _run(job, file, number, gate, command))
    return GatesRun(commit=commit, results=tuple(results))


async def _run(
    job: Job, file: RepositoryFile, number: int, gate: CommandGate, command: str
) -> GateResult:
    output = job.output(f"gate-{number}")
    try:
        ended = await job.run((*SHELL, command), file, output, run_timeout=gate.timeout)
        by_itself = ended.reason == "exit"
        if not by_itself:
            output.write(f"\n[the gate {how(ended)}]\n".encode())
        return GateResult(
            name=gate.name,
            passed=by_itself and ended.exit_code == 0,
            command=command,
            exit_code=ended.exit_code if by_itself else None,
            seconds=round(ended.seconds, 3),
            tail=output.tail(),
            output=await job.keep_output(output),
        )
    finally:
        output.close()


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
