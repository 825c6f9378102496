"""The end of an attempt's folder: what is left of its processes ends, its work is kept, it goes.

The same for an attempt that is over and for one whose runner was killed.
"""

import logging
import shutil
from pathlib import Path

from hive_runner.errors import RunnerError
from hive_runner.place import Place
from hive_runner.processes import process_group
from hive_runner.repositories import seal
from hive_runner.repositories.owners import write_owner
from hive_runner.repositories.removal import remove
from hive_runner.repositories.warm import Note
from hive_runner.repositories.workspace import Workspace

log = logging.getLogger(__name__)


async def retire(place: Place, folder: Path, note: Note | None = None) -> bool:
    """Let a folder go; one whose work cannot be kept stays, and the answer is False.

    With a `note` of what its set-up made, its tree is kept warm where it can be.
    """
    try:
        elsewhere = _tree_elsewhere(place, folder)
        await _keep(place, folder, elsewhere)
        if elsewhere is not None:
            await place.trees.give_back(elsewhere, note)
        await remove(folder)
    except (RunnerError, OSError) as error:
        log.error("the folder %s stays, its work cannot be kept: %s", folder, error)
        return False
    return True


def left_behind(place: Place) -> list[Path]:
    """The folders of attempts that the runner before this one had; their processes are ended."""
    place.attempts.mkdir(parents=True, exist_ok=True)
    folders = sorted(place.attempts.iterdir())
    for folder in folders:
        process_group.kill_left(folder, place.confinement.cgroups)
        tree = _tree_elsewhere(place, folder)
        if tree is not None:
            place.trees.hold(tree)
    return folders


async def retire_left(place: Place, folders: list[Path]) -> None:
    """Keep what they hold, and clear them up; no tree is warm that this runner did not set up."""
    await place.trees.clear()
    for folder in folders:
        if await retire(place, folder):
            log.info("cleared up %s, left by the runner before", folder.name)


def _tree_elsewhere(place: Place, folder: Path) -> Path | None:
    """Where an attempt has its files, if not in its folder.

    A command can point the link of its folder anywhere: only the runner's own places count.
    """
    link = folder / "tree"
    if not link.is_symlink():
        return None
    target = link.readlink()
    return target if place.trees.owns(target) else None


async def _keep(place: Place, folder: Path, elsewhere: Path | None) -> None:
    work = seal.written_down(folder)
    workspace = Workspace(folder, place.git)
    if elsewhere is not None:
        workspace.tree = elsewhere
    elif workspace.tree.is_symlink():
        log.warning("the tree of %s was made a link to elsewhere: no work is kept of it", folder)
        return
    if work is None or not workspace.tree.exists():
        return
    if not work.mirror:
        _move_aside(workspace.tree, place.kept / work.name.path, work.name.task_id)
        return
    if Path(work.mirror) not in place.mirrors.folders():
        raise RunnerError(f"its mirror {work.mirror} is not there")
    mirror = await place.mirrors.at(Path(work.mirror))
    ref = await seal.keep_if_changed(workspace, mirror, work)
    if ref:
        log.info("work that is not landed is kept under %s in %s", ref, work.mirror)


def _move_aside(tree: Path, target: Path, task_id: str) -> None:
    """Keep the files of a task without a repository; nothing that is there is replaced."""
    if not any(tree.iterdir()):
        return
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.name}-{number}")
    write_owner(free, task_id)
    shutil.move(tree, free)
