"""The step `work`: run a task's command on the tip, and hand in what it made as a bundle."""

import asyncio
import os
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.dialogue import MAX_QUESTION, Question
from hive_contracts.files import RepositoryFile
from hive_contracts.outcome import MAX_NAMED, MAX_TAIL, Asked, Start, WorkDone
from hive_contracts.pathspecs import escaped
from hive_contracts.plan import ArtifactRef, CommandGate
from hive_runner.agents.turn import (
    defects_file,
    last_words_file,
    question_file,
    reason_file,
    take_turn,
    told,
)
from hive_runner.errors import failed, plain
from hive_runner.judging.gated import files_of
from hive_runner.place import repository_file
from hive_runner.repositories import seal
from hive_runner.repositories.changes import Shown, changes, protection
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.scope import outside
from hive_runner.repositories.workspace import EVERY_SUBMODULE
from hive_runner.steps import product
from hive_runner.steps.handover import bundled
from hive_runner.steps.job import Job
from hive_runner.steps.joining import Joined, check_mended, join
from hive_runner.steps.joining import told as with_conflicts
from hive_runner.steps.notes import NoFile, read_note
from hive_runner.steps.preparation import Prepared, prepare

MAX_REASON: Final = 4_096
"""Characters of an agent's reason to change nothing."""
MAX_LAST_WORDS: Final = 262_144
"""Characters of an agent's last message that are looked at."""
_TITLE: Final = 72


async def work(job: Job) -> WorkDone | Asked:
    """Do a task's work, or as much of it as can be done before a question is answered.

    Raises StepFailed.
    """
    if job.lease.task.repository is None:
        seal.write_down(job.workspace, seal.Work(job.name))
        await product.lay_out(job)
        turn = await take_turn(job, RepositoryFile())
        with told(turn.agent):
            question = await _question(job)
        if question:
            done = WorkDone(output=turn.output, agent=turn.agent, left_over=turn.left_over)
            return Asked(question, done)
        with told(turn.agent):
            made = await product.lying(job, turn.output)
        return WorkDone(
            output=turn.output, agent=turn.agent, defects=await _defects(job), made=made,
            left_over=turn.left_over,
        )  # fmt: skip
    mirror = await job.mirror()
    file = await repository_file(mirror, job.repository)
    shown = Shown(protection(file), _gated(job, file), file.tests == "wait")
    if job.lease.start is not None:
        await _check_start(job, mirror)
    if job.lease.start is not None and job.lease.start.finished:
        return await _hand_in_finished(job, mirror, shown, job.lease.start)
    prepared = await prepare(job, mirror, file, job.start)
    wanted, joined = job.lease.task.merge, None
    if wanted is not None:
        joined = await join(job, mirror, wanted)
    note = _note_of(job, mirror, prepared, joined)
    seal.write_down(job.workspace, note)
    if wanted is not None and joined is None and job.left is None:
        return WorkDone(no_change=f"{wanted.name} is in the branch already")
    if joined is not None and not joined.conflicts:
        return await _hand_in(job, mirror, shown, note, None, unfinished=False)
    if wanted is not None and joined is not None:
        job = with_conflicts(job, wanted, joined)
    turn = await take_turn(job, file)
    with told(turn.agent):
        question = await _question(job)
        if joined is not None and not question:
            await check_mended(job, joined)
        done = await _hand_in(job, mirror, shown, note, turn.output, unfinished=bool(question))
    done = msgspec.structs.replace(done, agent=turn.agent, left_over=turn.left_over)
    if question:
        return Asked(question, done)
    return msgspec.structs.replace(done, defects=await _defects(job))


def _note_of(job: Job, mirror: Mirror, prepared: Prepared, joined: Joined | None) -> seal.Work:
    """What the set-up made is not the command's work."""
    return seal.Work(
        job.name,
        str(mirror.git_dir),
        job.start,
        _title(job),
        prepared.tree,
        prepared.private,
        prepared.overlooked,
        joined.commit if joined else "",
    )


async def _hand_in(
    job: Job,
    mirror: Mirror,
    shown: Shown,
    note: seal.Work,
    output: ArtifactRef | None,
    *,
    unfinished: bool,
) -> WorkDone:
    """`unfinished` work, that a question interrupts, is not judged yet."""
    workspace = job.workspace
    if workspace.is_lost:
        raise failed("agent", "the command removed its working folder", output=output)
    if conflicts := await workspace.unmerged():
        raise failed(
            "agent",
            f"the command left a merge in progress, with conflicts in {', '.join(conflicts)}",
            files=conflicts,
            output=output,
        )
    sealed = await seal.hand_over(workspace, mirror, note)
    if not sealed.changed:
        # An agent that was answered may have nothing to add to what it had made by then.
        silent = unfinished or job.lease.result is not None
        reason = "" if silent else await _reason(job, output)
        if job.left is None:
            made = None if unfinished else await product.committed(job, job.tip.commit, output)
            return WorkDone(no_change=reason, output=output, made=made)
        left = job.left  # nothing has to be added to what was made before
        return await _measured(job, shown, left.commit, left.bundle, output, unfinished=unfinished)
    seal.is_safe(workspace)
    return await _measured(job, shown, sealed.commit, None, output, note, unfinished=unfinished)


async def _hand_in_finished(job: Job, mirror: Mirror, shown: Shown, left: Start) -> WorkDone:
    """What a person made, as it is: it passes what an agent's work has to pass."""
    await job.workspace.check_out_to_merge(mirror, left.commit)
    return await _measured(job, shown, left.commit, left.bundle, None)


async def _check_start(job: Job, mirror: Mirror) -> None:
    """Raises StepFailed where what was made before is not on top of the tip."""
    if not await mirror.contains(job.start, job.tip.commit):
        raise failed(
            "agent",
            f"what was given, {job.start[:12]}, does not continue from {job.tip.commit[:12]}",
        )


async def _measured(
    job: Job,
    shown: Shown,
    commit: str,
    bundle: ArtifactRef | None,
    output: ArtifactRef | None,
    note: seal.Work | None = None,
    *,
    unfinished: bool = False,
) -> WorkDone:
    """All that is to be known of a commit before it is judged. Raises StepFailed, GitFailed."""
    workspace, tip = job.workspace, job.tip.commit
    made = None
    if not unfinished:
        await _check_scope(job, tip, commit, output)
        await _check_read_only(job, tip, commit, output)
        made = await product.committed(job, commit, output)
    if bundle is None and note is not None:
        bundle = await bundled(job, note)
    joins = note.joins if note is not None else ""
    changed = await changes(workspace, tip, commit, shown, joins)
    return WorkDone(
        commit=commit,
        bundle=bundle,
        output=output,
        files=changed.files,
        insertions=changed.insertions,
        deletions=changed.deletions,
        protected=changed.protected,
        protected_files=changed.protected_files,
        tests=changed.tests,
        test_files=changed.test_files,
        made=made,
    )


def _gated(job: Job, file: RepositoryFile) -> frozenset[str]:
    own = [gate.run for gate in job.lease.task.spec.gates if isinstance(gate, CommandGate)]
    return files_of([*file.commands.values(), *own])


async def _check_scope(job: Job, start: str, commit: str, output: ArtifactRef | None) -> None:
    """Raises StepFailed where the task's paths do not hold all that was changed."""
    paths = job.lease.task.spec.paths
    if strayed := await outside(job.workspace, paths, start, commit):
        named = tuple(plain(path) for path in strayed[:MAX_NAMED])
        raise failed(
            "agent",
            f"the command changed what is outside of its paths, {', '.join(paths)}:"
            f" {len(strayed)} {'file' if len(strayed) == 1 else 'files'}",
            files=named,
            output=output,
        )


async def _question(job: Job) -> Question | None:
    """What a turn ended with, where it did."""
    text = await _note(question_file(job), MAX_QUESTION + 1, "$HIVE_QUESTION_FILE")
    text = text or await _said(job, "QUESTION:", MAX_QUESTION + 1)
    return Question(text) if text else None


async def _check_read_only(job: Job, start: str, commit: str, output: ArtifactRef | None) -> None:
    """Raises StepFailed where an agent changed something that may only look."""
    spec = job.lease.task.spec
    if not spec.read_only:
        return
    allowed = (escaped(spec.output),) if spec.output else ()
    said = await job.workspace.own("diff", "--name-only", "-z", EVERY_SUBMODULE, start, commit)
    everything = [os.fsdecode(path) for path in said.stdout.split(b"\0") if path]
    strayed = await outside(job.workspace, allowed, start, commit) if allowed else everything
    if strayed:
        but = f", but for {spec.output}" if spec.output else ""
        count = f"{len(strayed)} {'file' if len(strayed) == 1 else 'files'}"
        raise failed(
            "agent",
            f"{spec.agent or 'the command'} may change nothing here (`write: false`){but},"
            f" and changed {count}",
            files=tuple(plain(path) for path in strayed[:MAX_NAMED]),
            output=output,
        )


async def _defects(job: Job) -> str:
    """What a review found; empty where it accepts, and of any other work."""
    if not job.lease.task.spec.review:
        return ""
    written = await _note(defects_file(job), MAX_TAIL, "$HIVE_DEFECTS_FILE")
    return written or await _said(job, "DEFECTS:", MAX_TAIL)


async def _note(path: Path, most: int, place: str) -> str:
    """At most so many characters of what a command wrote for the hive. Raises StepFailed."""
    try:
        return await asyncio.to_thread(read_note, path, most)
    except NoFile as error:
        raise failed("agent", f"what it left at {place} is no file") from error


async def _said(job: Job, mark: str, most: int) -> str:
    """What stands behind a line that begins so, in the last message of an agent that may write no
    file; at most so many characters."""
    words = await _note(last_words_file(job), MAX_LAST_WORDS, "the file of its last words")
    _, found, behind = f"\n{words}".partition(f"\n{mark}")
    return behind.strip()[:most] if found else ""


async def _reason(job: Job, output: ArtifactRef | None) -> str:
    """Why nothing needed to be changed, as the command declared. Raises StepFailed."""
    try:
        reason = await asyncio.to_thread(read_note, reason_file(job), MAX_REASON)
    except NoFile as error:
        raise failed(
            "no-change",
            "the command changed nothing, and what it left at $HIVE_NO_CHANGE_FILE is no file",
            output=output,
        ) from error
    spec = job.lease.task.spec
    if not reason and (spec.review or spec.read_only):
        return "it is a review" if spec.review else "it is to change nothing"
    if not reason:
        raise failed(
            "no-change",
            "the command changed nothing, and wrote no reason to the file $HIVE_NO_CHANGE_FILE",
            output=output,
        )
    return reason


def _title(job: Job) -> str:
    task = job.lease.task
    # Of a script that many tasks run, the first line says nothing of what each is for.
    script = "" if task.objective and "\n" in task.spec.run.strip() else task.spec.run
    asked = plain(task.spec.prompt or script or task.objective).strip()
    first = asked.splitlines()[0] if asked else ""
    title = f"{task.spec.name}: {first}" if first else task.spec.name
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
