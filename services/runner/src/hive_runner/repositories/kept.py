"""Work that is kept until people landed or released it, and whose it is.

    refs/hive/kept/<mission>/<task>/<epoch>    in a mirror
    kept/<mission>/<task>/<epoch>              in the runner's folder, of tasks without a repository

Beside each lies a note with the id of its task (`owners`), of which the hive is asked now and then:
a runner that was off when people decided learns of it later.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from hive_contracts.orders import TaskRelease
from hive_runner.repositories.mirror import Mirror, Mirrors
from hive_runner.repositories.owners import OWNER, KeptRef, note_of
from hive_runner.repositories.removal import remove, set_aside

log = logging.getLogger(__name__)

_MANY: Final = 500
"""Tasks that are asked about in one call."""


Ask = Callable[[Sequence[str]], Awaitable[Sequence[TaskRelease]]]
"""Which of these tasks have something that may go. Raises RunnerError."""


async def release(mirrors: Mirrors, folder: Path, ask: Ask) -> int:
    """Let go what the hive says may go; answers how much. Raises RunnerError, OSError."""
    refs = [(mirror, kept) for mirror in await _all(mirrors) for kept in await mirror.kept()]
    folders = await asyncio.to_thread(_folders, folder)
    tasks = sorted({kept.task_id for _, kept in refs} | set(folders))
    gone = 0
    for first in range(0, len(tasks), _MANY):
        releases = {said.task_id: said for said in await ask(tasks[first : first + _MANY])}
        for mirror, kept in refs:
            said = releases.get(kept.task_id)
            if said is not None and await _may_go(mirror, kept, said):
                await mirror.let_go(kept)
                log.info("%s goes: it was landed or discarded", kept.ref)
                gone += 1
        for task_id, paths in folders.items():
            said = releases.get(task_id)
            if said is not None and said.all:
                for path in paths:
                    await _remove(path)
                    log.info("%s goes: it was discarded", path)
                    gone += 1
    return gone


async def _all(mirrors: Mirrors) -> list[Mirror]:
    return [await mirrors.at(folder) for folder in mirrors.folders()]


async def _may_go(mirror: Mirror, kept: KeptRef, said: TaskRelease) -> bool:
    """What a landed commit contains is landed with it; other attempts of its task are not."""
    return said.all or (bool(said.commit) and await mirror.leads_to(kept.commit, said.commit))


def _folders(root: Path) -> dict[str, list[Path]]:
    """Kept folders by the ids of their tasks."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for note in root.glob(f"*/*/*{OWNER}"):
        path = note.with_name(note.name.removesuffix(OWNER))
        if path.is_dir() and not path.is_symlink():
            found[note.read_text()].append(path)
    return dict(found)


async def _remove(path: Path) -> None:
    """The folder first: while its note is there, what is left of it goes another time."""
    await remove(set_aside(path))
    note_of(path).unlink(missing_ok=True)
