"""A gate's command, run once, and what it found."""

import asyncio
from pathlib import Path

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.plan import CommandGate
from hive_runner.errors import plain
from hive_runner.processes.output import Output
from hive_runner.processes.process_group import Ended
from hive_runner.steps.job import SHELL, Job, how, left_over
from hive_shared.judging import report_files
from hive_shared.judging.junit import ReportProblem
from hive_shared.judging.results import Run


class Gate(msgspec.Struct, frozen=True):
    """A gate of a task, with what it runs."""

    number: int
    """In the task's list."""
    gate: CommandGate
    command: str


class Measured(msgspec.Struct, frozen=True):
    ended: Ended
    run: Run | None
    """Its tests; None without a report, or where it cannot be read."""
    messages: dict[str, str] = {}
    """What failing tests say."""
    problem: str = ""
    """Why there is no run although the gate has a report."""

    @property
    def exit_code(self) -> int | None:
        """None where the command did not end by itself."""
        return self.ended.exit_code if self.ended.reason == "exit" else None


async def measure(job: Job, file: RepositoryFile, gate: Gate, output: Output) -> Measured:
    """Run a gate's command in the tree as it is, and read its report."""
    pattern = gate.gate.report
    try:
        if pattern:
            await asyncio.to_thread(report_files.clear, job.workspace.tree, pattern)
        problem = ""
    except ReportProblem as error:
        problem = str(error)
    ended = await job.run((*SHELL, gate.command), file, output, run_timeout=gate.gate.timeout)
    measured = Measured(ended, None, problem=problem)
    if ended.reason != "exit":
        output.write(f"\n[the gate {how(ended)}]\n".encode())
    if ended.left_over:
        output.write(f"\n[of the gate {left_over(ended)}]\n".encode())
    if not pattern or problem:
        return measured
    return await asyncio.to_thread(_with_report, measured, job.workspace.tree, pattern)


def _with_report(measured: Measured, tree: Path, pattern: str) -> Measured:
    try:
        report = report_files.read(tree, pattern)
    except ReportProblem as error:
        return msgspec.structs.replace(measured, problem=plain(str(error)))
    run = Run(measured.exit_code, report.tests)
    return msgspec.structs.replace(measured, run=run, messages=report.messages)
