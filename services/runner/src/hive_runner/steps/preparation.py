"""From a commit to a worktree in which a command can begin.

    files of the commit ─▶ LFS ─▶ submodules ─▶ `copy` ─▶ `cache` ─▶ set-up
                                                              └── or a tree in which it is done

What all of these bring is not part of an attempt's work: it is excluded, and what was copied in or
is shared is not taken into a commit even where a command adds it by force.
"""

import asyncio
import hashlib
import logging
import os
import shutil

import msgspec

from hive_contracts.files import RepositoryFile
from hive_runner.errors import failed
from hive_runner.processes.output import Output
from hive_runner.repositories import copies, lfs, submodules, tracked, warm
from hive_runner.repositories.caches import Use
from hive_runner.repositories.copies import Copies
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.workspace import Workspace
from hive_runner.steps.absent import absent
from hive_runner.steps.job import SHELL, Job, how, left_over
from hive_runner.unhurried import unhurried
from hive_shared.telemetry import span

log = logging.getLogger(__name__)


class Prepared(msgspec.Struct, frozen=True):
    tree: str = ""
    """The tracked files as the set-up left them (a tree); empty where nothing was set up."""
    private: tuple[str, ...] = ()
    """Paths that no commit may have: copied in, or shared."""
    overlooked: tuple[str, ...] = ()
    """Tracked files that have their content in place of a pointer."""


async def prepare(
    job: Job, mirror: Mirror, file: RepositoryFile, commit: str, use: Use = "work"
) -> Prepared:
    """Fill the attempt's tree. Raises StepFailed (infrastructure where the set-up fails)."""
    with job.place.handled.prepare.one():
        return await _prepare(job, mirror, file, commit, use)


async def _prepare(
    job: Job, mirror: Mirror, file: RepositoryFile, commit: str, use: Use
) -> Prepared:
    place, workspace = job.place, job.workspace
    brought = await copies.find(place.git, job.repository.url, file.copy)
    key = await _key(job, mirror, file, commit, use, brought)
    lent = await _move_in(job, mirror, file, commit, key)
    digest = await workspace.check_out(mirror, commit, lent)
    large, lacking = await _large_files(job, mirror, file, commit)
    if file.submodules:
        await submodules.fill(place.git, place.mirrors, workspace, mirror, job.repository, commit)
    await copies.bring_in(brought, workspace.tree)
    workspace.shared = place.caches.open_in_home(file.home_caches)
    if file.tree_caches and not workspace.cache:
        workspace.cache = (mirror.git_dir.stem, use)
        place.caches.begin(*workspace.cache)
        workspace.shared.append(place.caches.of(*workspace.cache))
    place.caches.link(workspace.tree, file.tree_caches, mirror.git_dir.stem, use)
    private = (*brought.paths, *file.tree_caches)
    workspace.exclude([os.fsencode(path) for path in private])
    notes = (*brought.notes, *lacking)
    if not file.setup_command:
        await _say(job, notes)
        if digest:
            workspace.note = warm.note_of_files(workspace.tree, key, digest)
        return Prepared(private=private, overlooked=large)
    if lent is None:
        before = await asyncio.to_thread(workspace.seen_state)
        worth = await _set_up(job, file, notes)
        if worth and await asyncio.to_thread(_can_be_kept, workspace, before, brought):
            workspace.note = await _noted(workspace, key, private, digest)
    else:
        workspace.note = msgspec.structs.replace(lent.note, tracked=digest)
        await _say_warm(job, file, notes)
    said = await workspace.own("ls-files", "-z", "--others", "--exclude-standard", "--directory")
    workspace.exclude([path for path in said.stdout.split(b"\0") if path])
    await workspace.own("add", "--update", "--", ".")
    tree = (await workspace.own("write-tree")).text
    if tree != await mirror.commits.tree_of(commit):
        workspace.note = None  # a warm tree has its tracked files from the commit
    return Prepared(tree, private, large)


async def start_over(job: Job) -> None:
    """Make room for another commit. A set-up that would be the same is not done again for it."""
    workspace = job.workspace
    left, note, workspace.note = workspace.leave(), workspace.note, None
    if left is not None:
        await unhurried(job.place.trees.give_back(left, note))
    await workspace.start_over()


async def _move_in(
    job: Job, mirror: Mirror, file: RepositoryFile, commit: str, key: str
) -> warm.Lent | None:
    """A place for the files: one in which the set-up is done already, where there is one."""
    if not key:
        return None
    trees = job.place.trees
    present: list[bytes] = []
    if file.setup_inputs:
        listed = await job.workspace.matching(mirror, commit, ["**"])
        present = [entry.partition(b"\t")[2] for entry in listed.split(b"\0") if entry]
    lent = await trees.take_warm(key, without=present)
    job.workspace.live_in(trees.take_fresh() if lent is None else lent.tree)
    return lent


async def _key(
    job: Job, mirror: Mirror, file: RepositoryFile, commit: str, use: Use, brought: Copies
) -> str:
    """Of all that a set-up may depend on: two with the same key would make the same. Without a
    set-up that is nothing; empty where the tree is not worth keeping."""
    if not file.setup_command:
        large = await mirror.commits.are_large(commit)
        return f"files of {mirror.git_dir.name}, for {use}" if large else ""
    depends: list[object] = [
        use, mirror.git_dir.name, file.setup_command, sorted(job.given(file).items()),
        [(copy.path, copy.digest) for copy in brought.files], file.tree_caches,
        file.submodules, file.lfs,
    ]  # fmt: skip
    if file.setup_inputs:
        listed = await job.workspace.matching(mirror, commit, file.setup_inputs)
        if not listed:
            raise failed(
                "permanent",
                f"no tracked file of {commit[:12]} matches `setup.inputs`"
                f" ({', '.join(file.setup_inputs)}): correct it in .hive/repo.yaml",
            )
        depends.append(listed.hex())
    else:
        depends.append(await mirror.commits.tree_of(commit))
    return hashlib.sha256(msgspec.json.encode(depends)).hexdigest()


async def _set_up(job: Job, file: RepositoryFile, notes: tuple[str, ...]) -> bool:
    """Run the set-up and keep its output. Answers whether it took so long that its tree is worth
    keeping. Raises StepFailed."""
    output = job.output("setup")
    try:
        _write(output, notes)
        with span("attempt.setup", job.traceparent, task_id=job.name.task_id):
            ended = await job.run(
                (*SHELL, file.setup_command), file, output, run_timeout=file.setup_timeout
            )
        if ended.left_over:
            _write(output, (left_over(ended),))
        tail = output.tail()
        job.workspace.setup_output = await job.keep_output(output)
    finally:
        output.close()
    if ended.reason != "exit" or ended.exit_code != 0:
        lacks = absent(ended.exit_code, tail.splitlines(), job.place.options.name)
        why = f"the set-up `{file.setup_command}` {how(ended)}{f': {lacks}' if lacks else ''}"
        raise failed(
            "infrastructure",
            ". ".join((why, *notes)),
            tail=tail,
            output=job.workspace.setup_output,
            set_up=how(ended) if ended.reason == "exit" else ended.reason,
        )
    options = job.place.options
    return options.warm_trees > 0 and ended.seconds >= options.warm_seconds


def _can_be_kept(workspace: Workspace, before: bytes, brought: Copies) -> bool:
    """Whether the set-up changed nothing of what each attempt gets anew: the next one would not
    have its changes."""
    unchanged = workspace.seen_state() == before
    return unchanged and copies.are_as_brought(brought, workspace.tree)


async def _noted(
    workspace: Workspace, key: str, private: tuple[str, ...], digest: str
) -> warm.Note | None:
    paths = await asyncio.to_thread(tracked.read, workspace.tree.parent, digest)
    if paths is None:  # the set-up has written there
        return None
    return await warm.note_of(
        workspace.tree, key, [*paths, *(os.fsencode(path) for path in private)], digest
    )


async def _say_warm(job: Job, file: RepositoryFile, notes: tuple[str, ...]) -> None:
    await _say(
        job,
        (*notes, f"the set-up `{file.setup_command}` is done already: its inputs are unchanged"),
    )


async def _say(job: Job, notes: tuple[str, ...]) -> None:
    if not notes:
        return
    output = job.output("setup")
    try:
        _write(output, notes)
        job.workspace.setup_output = await job.keep_output(output)
    finally:
        output.close()


def _write(output: Output, notes: tuple[str, ...]) -> None:
    for note in notes:
        output.write(f"[hive: {note}]\n".encode("utf-8", "replace"))


async def _large_files(
    job: Job, mirror: Mirror, file: RepositoryFile, commit: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths of Git LFS files of which the tree now has the content; notes on what it has not."""
    wanted = await lfs.pointers(job.workspace, mirror, commit) if file.lfs else []
    if not wanted:
        return (), ()
    if shutil.which("git-lfs", path=job.place.person.get("PATH")) is None:
        return (), (lfs.missing_tool(wanted),)
    await lfs.fill(job.workspace, mirror, job.repository.url, commit, wanted)
    return tuple(each.path for each in wanted), ()
