"""The step `work`: run a task's command on the tip, and hand in what it made as a bundle."""

import asyncio
import re
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.files import RepositoryFile
from hive_contracts.plan import MAX_NAMED, MAX_TAIL, ArtifactRef, WorkDone
from hive_runner import seal
from hive_runner.changes import changes, protection
from hive_runner.errors import failed, plain
from hive_runner.job import Job
from hive_runner.mirror import Mirror
from hive_runner.patterns import Patterns
from hive_runner.place import repository_file
from hive_runner.preparation import prepare
from hive_runner.scope import outside
from hive_runner.turn import defects_file, reason_file, take_turn, told

MAX_REASON: Final = 4_096
"""Characters of an agent's reason to change nothing."""
_TITLE: Final = 72
_STAT: Final = re.compile(r"(\d+) (file|insertion|deletion)")


async def work(job: Job) -> WorkDone:
    """Do a task's work. Raises StepFailed."""
    if job.lease.task.repository is None:
        seal.write_down(job.workspace, seal.Work(job.name))
        turn = await take_turn(job, RepositoryFile())
        return WorkDone(output=turn.output, agent=turn.agent, defects=await _defects(job))
    mirror = await job.mirror()
    file = await repository_file(mirror, job.repository)
    protected = protection(file)
    note = await _prepare(job, mirror, file)
    turn = await take_turn(job, file)
    with told(turn.agent):
        done = await _hand_in(job, mirror, protected, note, turn.output)
    return msgspec.structs.replace(done, agent=turn.agent, defects=await _defects(job))


async def _prepare(job: Job, mirror: Mirror, file: RepositoryFile) -> seal.Work:
    """The tree as the command finds it; what the set-up made is not the command's work."""
    workspace = job.workspace
    prepared = await prepare(job, mirror, file, job.tip.commit)
    note = seal.Work(
        job.name,
        str(mirror.git_dir),
        job.tip.commit,
        _title(job),
        prepared.tree,
        prepared.private,
        prepared.overlooked,
    )
    seal.write_down(workspace, note)
    return note


async def _hand_in(
    job: Job,
    mirror: Mirror,
    protected: Patterns,
    note: seal.Work,
    output: ArtifactRef | None,
) -> WorkDone:
    workspace = job.workspace
    if not workspace.tree.is_dir():
        raise failed("agent", "the command removed its working folder", output=output)
    sealed = await seal.seal(workspace, mirror, note)
    if not sealed.changed:
        return WorkDone(no_change=await _reason(job, output), output=output)
    await seal.keep(workspace, mirror, note, sealed.commit)
    await seal.keep_strays(workspace, mirror, note, sealed.commit)
    seal.is_safe(workspace)
    await _check_scope(job, note.start, sealed.commit, output)
    bundle_file = workspace.folder / "result.bundle"
    await workspace.own(
        "bundle", "create", "-q", str(bundle_file), f"{note.start}..{note.name.attempt_ref}"
    )
    bundle = await job.place.depot.keep_file(bundle_file)
    said = await workspace.own("diff", "--shortstat", note.start, sealed.commit)
    counts = {noun: int(number) for number, noun in _STAT.findall(said.text)}
    changed = await changes(workspace, note.start, sealed.commit, protected)
    return WorkDone(
        commit=sealed.commit,
        bundle=bundle,
        output=output,
        files=counts.get("file", 0),
        insertions=counts.get("insertion", 0),
        deletions=counts.get("deletion", 0),
        protected=changed.protected,
        protected_files=changed.protected_files,
        tests=changed.tests,
        test_files=changed.test_files,
    )


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


async def _defects(job: Job) -> str:
    """What a review found; empty where it accepts, and of any other work."""
    if not job.lease.task.spec.review:
        return ""
    return await asyncio.to_thread(_read, defects_file(job), MAX_TAIL)


async def _reason(job: Job, output: ArtifactRef | None) -> str:
    """Why nothing needed to be changed, as the command declared. Raises StepFailed."""
    reason = await asyncio.to_thread(_read, reason_file(job), MAX_REASON)
    if not reason and job.lease.task.spec.review:
        return "it is a review"
    if not reason:
        raise failed(
            "no-change",
            "the command changed nothing, and wrote no reason to the file $HIVE_NO_CHANGE_FILE",
            output=output,
        )
    return reason


def _read(path: Path, most: int) -> str:
    """At most so many characters of a file that may not be there."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return plain(file.read(most)).strip()
    except OSError:
        return ""


def _title(job: Job) -> str:
    task = job.lease.task
    asked = plain(task.spec.prompt or task.spec.run).strip()
    first = asked.splitlines()[0] if asked else ""
    title = f"{task.spec.name}: {first}" if first else task.spec.name
    return title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
