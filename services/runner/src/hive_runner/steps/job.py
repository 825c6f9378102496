"""One attempt in progress, as its steps see it, and the running of commands in it."""

from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.files.repository import ports_wanted, with_ports
from hive_contracts.orders import Lease
from hive_contracts.outcome import Start
from hive_contracts.plan import ArtifactRef, Repository, Tip
from hive_runner.errors import failed
from hive_runner.link.slots import Key
from hive_runner.place import Place
from hive_runner.processes import process_group
from hive_runner.processes.environment import environment, let_in
from hive_runner.processes.guarded import Watch
from hive_runner.processes.home import Home
from hive_runner.processes.output import Output
from hive_runner.processes.ports import Block
from hive_runner.processes.process_group import Command, Ended, Pause
from hive_runner.processes.sandbox import View
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.names import AttemptName
from hive_runner.repositories.workspace import Workspace
from hive_runner.steps.handover import Handover
from hive_runner.steps.notes import NOTES

SHELL: Final = ("/bin/sh", "-c")
PROMPT: Final = "prompt"
"""The file beside the tree with what an agent is asked."""
ANSWER: Final = "answer"
"""The file beside the tree with the answer to what it asked before."""
PRIVATE: Final = "private"
"""The folder beside the tree that has what an agent's command is told."""


class Job(msgspec.Struct, frozen=True):
    place: Place
    lease: Lease
    name: AttemptName
    workspace: Workspace
    traceparent: str = ""
    ports: Block | None = None
    """Of this attempt; a step that has none runs no command with a port."""
    handover: Handover = msgspec.field(default_factory=Handover)

    @property
    def key(self) -> Key:
        return self.name.task_id, self.name.epoch

    @property
    def repository(self) -> Repository:
        """Of a task that has one; others never come here."""
        if self.lease.task.repository is None:
            raise failed("permanent", f"a {self.lease.step} step needs a repository")
        return self.lease.task.repository

    @property
    def tip(self) -> Tip:
        """Where the task starts."""
        return self.lease.task.tip or Tip(self.repository.base)

    @property
    def start(self) -> str:
        """The commit that its work goes on from."""
        return self.left.commit if self.left else self.tip.commit

    @property
    def left(self) -> Start | None:
        """What was made on top of the tip before: by turns that ended with a question, or by a
        person."""
        made = self.lease.result
        if self.lease.step == "work" and made is not None and made.bundle is not None:
            return Start(made.commit, made.bundle)
        return self.lease.start

    async def mirror(self) -> Mirror:
        """The repository's mirror, with the tip in it, and what was left on top of it.

        Raises StepFailed, ArtifactUnavailable.
        """
        mirror = await self.place.mirrors.of(self.repository)
        await mirror.ensure_tip(self.repository, self.tip)
        if self.left is not None:
            await mirror.ensure_bundle(self.left.bundle, self.left.commit)
        return mirror

    def output(self, name: str) -> Output:
        path = self.workspace.folder / f"{name}.log"
        heard = self.place.tails.of(self.name.task_id, self.name.epoch, name)
        return Output(path, self.place.options.output_bytes, heard)

    async def keep_output(self, output: Output) -> ArtifactRef | None:
        """All that was kept of a command's output, as an artifact; None if there was none."""
        path = output.finish()
        return await self.place.depot.keep_file(path) if path.stat().st_size else None

    def given(self, file: RepositoryFile, passed: tuple[str, ...] = ()) -> dict[str, str]:
        """The variables that are let in, beside those that name the attempt. Raises StepFailed."""
        values = dict(file.env.set)
        if self.ports is not None and ports_wanted(file):
            values = {name: with_ports(value, self.ports.first) for name, value in values.items()}
        return let_in(self.place.person, (*file.env.pass_, *passed), values)

    def _view(self, home: Home | None) -> View:
        """What a command sees of the runner's folders."""
        workspace = self.workspace
        repository = self.lease.task.repository
        local = repository is not None and repository.url.startswith("/")
        checkout = [Path(repository.url)] if repository and local else []
        told = (workspace.folder / name for name in (PROMPT, ANSWER, PRIVATE))
        return View(
            changed=(
                workspace.tree, workspace.seen_git, workspace.folder / NOTES, *workspace.shared,
            ),
            read=(*workspace.lenders, *checkout, *told),
            home=home,
        )  # fmt: skip

    async def run(
        self,
        argv: tuple[str, ...],
        file: RepositoryFile,
        output: Output,
        *,
        run_timeout: float,
        silence_timeout: float = 0,
        stdin: Path | None = None,
        passed: tuple[str, ...] = (),
        extra: dict[str, str] | None = None,
        polite: float = 0,
        inherited: int | None = None,
        pause: Pause | None = None,
        home: Home | None = None,
    ) -> Ended:
        """Run a command in the tree, with what the repository file lets in; with `home`, it is its
        HOME."""
        env = environment(
            self.given(file, passed), self.name, self.lease,
            [self.workspace.folder, self.workspace.tree.parent], self.traceparent,
        )  # fmt: skip
        env |= extra or {}
        if home is not None:
            env["HOME"] = str(home.told if self.place.confinement.sandbox else home.folder)
        command = Command(
            argv=argv,
            cwd=self.workspace.tree,
            env=env,
            folder=self.workspace.folder,
            run_timeout=run_timeout,
            silence_timeout=silence_timeout,
            grace=self.place.options.kill_grace,
            confinement=self.place.confinement,
            view=self._view(home),
            watch=Watch(self.place.vigil, self.key) if self.lease.task.spec.exclusive else None,
            polite=polite,
            inherited=inherited,
            pause=pause or Pause(),
        )
        if stdin is not None:
            command = msgspec.structs.replace(command, stdin=stdin)
        return await process_group.run(command, output)


def how(ended: Ended) -> str:
    """How a command ended, for people."""
    match ended:
        case Ended(limit=limit) if limit:
            return f"was ended: {limit}"
        case Ended(reason="run", seconds=seconds):
            return f"was ended after {seconds:.0f} s, its time-out{_deaf(ended)}"
        case Ended(reason="silence", seconds=seconds):
            return f"was ended after {seconds:.0f} s: its time-out without output{_deaf(ended)}"
        case Ended(exit_code=code) if code < 0:
            return f"was ended by signal {-code}"
        case _:
            return f"ended with status {ended.exit_code}"


def left_over(ended: Ended) -> str:
    """What a command left at work, for people; empty where it was nothing."""
    match ended.left_over:
        case 0:
            return ""
        case 1:
            return "1 process was left over, and was ended"
        case many:
            return f"{many} processes were left over, and were ended"


def _deaf(ended: Ended) -> str:
    return "; it did not end when told to, and was killed" if ended.killed else ""
