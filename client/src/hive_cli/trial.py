"""A repository in a temporary clean checkout, and its gates run there as the hive would.

The person's repository is only read: the checkout borrows its objects and has everything else of
its own.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from hive_cli.problems import Problem
from hive_client.checkout import Checkout, git
from hive_client.copied import copied_in
from hive_contracts.files import RepositoryFile
from hive_contracts.files.repository import PORTS, ports_wanted, with_ports
from hive_contracts.pathspecs import escaped
from hive_contracts.plan import CommandGate
from hive_shared.block import are_free
from hive_shared.judging import report_files
from hive_shared.judging.excerpt import excerpt
from hive_shared.judging.junit import Report, ReportProblem
from hive_shared.judging.results import Run
from hive_shared.judging.verdict import judge, judge_alone, judge_base
from hive_shared.worktree import check_amount, copy_in, link, look_at

PASSED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
)  # fmt: skip
"""Variables that commands get, as from a runner."""
_CHECKOUT_SECONDS: Final = 900.0
_TAIL: Final = 64 * 1024
_GRACE: Final = 5.0
"""Seconds between TERM and KILL."""


class Found(msgspec.Struct, frozen=True):
    """A gate, run once."""

    exit_code: int | None
    """None where it took too long."""
    seconds: float
    passed: bool
    reason: str = ""
    """Why not, where the exit status does not say it."""
    run: Run | None = None
    """Its tests, with a report."""
    excerpt: str = ""


class Trial:
    """Make one with `trial`."""

    def __init__(
        self, folder: Path, checkout: Checkout, environment: Mapping[str, str], first_port: int
    ) -> None:
        """`first_port` is what `${port.0}` means."""
        self.tree = folder / "tree"
        self._folder = folder
        self._checkout = checkout
        self._file: RepositoryFile = checkout.file
        names = (*PASSED, *self._file.env.pass_)
        self._brought: list[Path] = []
        """Files and links that are no part of the commit."""
        self._environment = {
            **{name: environment[name] for name in names if name in environment},
            **{name: with_ports(value, first_port) for name, value in self._file.env.set.items()},
            "GIT_CEILING_DIRECTORIES": str(folder),
        }

    def check_out(self, commit: str) -> None:
        """Bring the tree to a commit; files that are ignored stay, and what was brought in.

        Raises GitProblem.
        """
        if not self.tree.exists():
            git(
                self._folder, "-c", "core.hooksPath=/dev/null", "clone", "-q", "--shared",
                "--no-checkout", "--template=", str(self._checkout.path), str(self.tree),
                seconds=_CHECKOUT_SECONDS,
            )  # fmt: skip
            git(self.tree, "config", "core.hooksPath", "/dev/null")
        git(self.tree, "checkout", "-q", "--force", "--detach", commit, seconds=_CHECKOUT_SECONDS)
        git(self.tree, "clean", "-q", "-ffd", seconds=_CHECKOUT_SECONDS)

    def tracked(self) -> list[str]:
        listed = git(self.tree, "ls-files", "-z").stdout.split("\0")
        return [path for path in listed if path]

    def set_up(self) -> str:
        """Bring in `copy` and `cache`, and run the set-up; answers why it failed, or nothing.

        Raises GitProblem, WorktreeProblem.
        """
        self._bring_in()
        if not self._file.setup_command:
            return ""
        code, tail = self._run(self._file.setup_command, self._file.setup_timeout)
        return "" if code == 0 else f"the set-up {_how(code)}\n{excerpt('', (), {}, tail, 2_000)}"

    def _bring_in(self) -> None:
        """As a runner does: copies of ignored files, links to folders that outlast a commit."""
        for path in self._brought:
            path.unlink(missing_ok=True)
        top = self._checkout.path
        files = [look_at(top, path) for path in copied_in(top, self._file.copy)]
        check_amount(files)
        names = [*(file.path for file in files), *self._file.tree_caches]
        self._brought = [self.tree / name for name in names]
        exclude = self.tree / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("".join(f"/{escaped(name)}\n" for name in names))
        copy_in(files, self.tree)
        link(self.tree, self._file.tree_caches, self._folder / "caches")

    def run(self, gate: CommandGate, base: Found | None = None) -> Found:
        """Run a gate on the tree as it is; beside `base`, where the gate compares."""
        began = time.monotonic()
        report, problem = Report({}, {}), ""
        try:
            if gate.report:
                report_files.clear(self.tree, gate.report)
        except ReportProblem as error:
            problem = str(error)
        code, tail = self._run(self._file.commands[gate.name], gate.timeout)
        try:
            if gate.report and not problem:
                report = report_files.read(self.tree, gate.report)
        except ReportProblem as error:
            problem = str(error)
        run = Run(code, report.tests) if gate.report and not problem else None
        passed, reason = _judged(gate, code, run, problem, base)
        said = excerpt(reason, run.failing if run else (), report.messages, tail, 2_000)
        return Found(code, time.monotonic() - began, passed, reason, run, said)

    def _run(self, command: str, seconds: float) -> tuple[int | None, str]:
        """A shell command's exit status, None where it took too long, and what it printed last."""
        with (self._folder / "output").open("w+b") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=self.tree,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code: int | None = None
            try:
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(seconds)
            finally:
                _end(process)
            return code, _tail_of(output)


@contextmanager
def trial(
    checkout: Checkout, environment: Mapping[str, str], ports: tuple[int, int]
) -> Iterator[Trial]:
    """A temporary folder for a repository's gates, and free ports of a range where it wants some.

    Raises GitProblem, Problem.
    """
    first = _first_port(ports) if ports_wanted(checkout.file) else 0
    with tempfile.TemporaryDirectory(prefix="hive-gate-", ignore_cleanup_errors=True) as folder:
        yield Trial(Path(folder), checkout, environment, first)


def _first_port(ports: tuple[int, int]) -> int:
    """Of the highest block that is free: runners begin with the lowest. Raises Problem."""
    lowest, highest = ports
    for first in range(highest + 1 - PORTS, lowest - 1, -PORTS):
        if are_free(first, PORTS):
            return first
    raise Problem(
        f"no {PORTS} free ports in a row are left between {lowest} and {highest}",
        code="unavailable",
        where="runner_ports",
        remedy="end what uses them, or set another range",
    )


def _judged(
    gate: CommandGate, code: int | None, run: Run | None, problem: str, base: Found | None
) -> tuple[bool, str]:
    if code is None:
        return False, f"it was ended after {gate.timeout:.0f} s, its time-out"
    if problem:
        return False, problem
    if run is None:
        # Without a report the base's status is no excuse, with `compare: base` or without.
        return code == 0, ""
    if not gate.compare:
        verdict = judge_alone(run)
    else:
        verdict = judge(base.run, run) if base and base.run else judge_base(run)
    return verdict.passed, verdict.reason


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command's process group."""
    for number, seconds in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        if process.returncode is not None and number == signal.SIGTERM and not _alive(process.pid):
            return


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _tail_of(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL))
    return output.read().decode("utf-8", "replace")


def _how(code: int | None) -> str:
    return "took too long" if code is None else f"ended with status {code}"
