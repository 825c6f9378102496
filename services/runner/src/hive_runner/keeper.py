"""Watches the disk of the runner: frees what may go, and stops the taking of work in time."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hive_runner import disk
from hive_runner.disk import Held
from hive_runner.errors import HiveAway, RunnerError
from hive_runner.place import Place
from hive_runner.processes.bounds import shown, used_on_disk
from hive_runner.repositories import kept
from hive_runner.repositories.kept import Ask

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 10.0
_MANY_PACKS: Final = 50
_ASK_SECONDS: Final = 60.0
"""Between two times that the hive is asked what was landed or discarded."""


class Keeper:
    def __init__(
        self,
        place: Place,
        changed: Callable[[], None],
        free: Callable[[], int] | None = None,
        ask: Ask | None = None,
    ) -> None:
        """`changed` is called when the taking of work stops or goes on; `free` says how many bytes
        the disk has left; `ask` asks the hive what people landed or discarded."""
        self._place = place
        self._changed = changed
        self._free = free or self._free_bytes
        self._ask = ask
        self._asked = float("-inf")
        self.closed = ""
        """Why no work is taken; empty while it is."""

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            try:
                await self.look()
                await self.tidy()
                await self.release()
            except (OSError, RunnerError) as error:
                log.warning("the disk cannot be looked after, trying again: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Free what is needed and may go, and say whether that was enough. Raises OSError."""
        keep = self._place.options.keep_free
        if not disk.is_short(self._free(), keep, already=bool(self.closed)):
            self._close("")
            return
        for held in disk.to_free(await self._held(), int(keep * 1.1) - self._free()):
            await self._let_go(held)
        left = self._free()
        if disk.is_short(left, keep, already=bool(self.closed)):
            self._close(
                f"the disk of {self._place.options.folder} has {shown(left)} free, and"
                f" {shown(keep)} are to stay free: make room, or set `runner_keep_free`"
            )
        else:
            self._close("")

    async def tidy(self) -> None:
        """Put the many packs of a much used mirror into one; no object is dropped by that. Delete
        what a runner that was killed meanwhile had set aside."""
        await self._place.mirrors.clear_aside()
        for mirror in self._place.mirrors.folders():
            if len(list(mirror.glob("objects/pack/*.pack"))) >= _MANY_PACKS:
                await (await self._place.mirrors.at(mirror)).compact()

    async def release(self) -> None:
        """Now and then: let kept work go that the hive says was landed or discarded."""
        if self._ask is None or time.monotonic() - self._asked < _ASK_SECONDS:
            return
        self._asked = time.monotonic()
        try:
            await kept.release(self._place.mirrors, self._place.kept, self._ask)
        except HiveAway as error:
            log.info("what may go cannot be asked for, trying again: %s", error)

    def _close(self, reason: str) -> None:
        if bool(reason) != bool(self.closed):
            log.log(
                logging.WARNING if reason else logging.INFO,
                "%s", f"no work is taken: {reason}" if reason else "work is taken again",
            )  # fmt: skip
            self.closed = reason
            self._changed()
        self.closed = reason

    async def _held(self) -> list[Held]:
        held = await asyncio.to_thread(lambda: [*self._caches(), *self._trees()])
        for folder in self._place.mirrors.folders():
            mirror = await self._place.mirrors.at(folder)
            size, idle, borrowed = await asyncio.to_thread(self._facts, folder)
            held.append(
                Held(
                    "mirror", folder, size, idle,
                    in_use=borrowed, unlanded=await mirror.holds_work(),
                )
            )  # fmt: skip
        return held

    def _caches(self) -> Iterator[Held]:
        for path, in_use in self._place.caches.held():
            yield Held("cache", path, used_on_disk((path,)), _idle(path), in_use=in_use)

    def _trees(self) -> Iterator[Held]:
        # The one that waits longest first: as many seconds as there are places before it.
        warm = self._place.trees.warm()
        for number, tree in enumerate(warm):
            yield Held("tree", tree, used_on_disk((tree,)), float(len(warm) - number))

    def _facts(self, mirror: Path) -> tuple[int, float, bool]:
        """Bytes, idle seconds, and whether an attempt's git directory borrows from it."""
        lenders = self._place.attempts.glob("*/*git/objects/info/alternates")
        line = f"{mirror}/objects\n"
        borrowed = any(line in lender.read_text() for lender in lenders)
        return used_on_disk((mirror,)), _idle(mirror), borrowed

    async def _let_go(self, held: Held) -> None:
        log.info("the disk is short: %s %s goes (%s)", held.kind, held.path, shown(held.size))
        match held.kind:
            case "cache":
                await self._place.caches.drop(held.path)
            case "tree":
                await self._place.trees.forget(held.path)
            case "mirror":
                await self._place.mirrors.drop(held.path, disk.MIRROR_IDLE)

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._place.options.folder).free


def _idle(path: Path) -> float:
    """Seconds since it was last used."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0
