"""Watches the disk of the runner: frees what may go, and stops the taking of work in time."""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from hive_runner import disk
from hive_runner.disk import Held
from hive_runner.errors import HiveAway, RunnerError
from hive_runner.footprint import footprint
from hive_runner.place import Place
from hive_runner.processes.bounds import shown, used_on_disk
from hive_runner.repositories import kept
from hive_runner.repositories.kept import Ask

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 10.0
_REST: Final = 20
"""So many times as long as a walk through the runner's folder took, none is made."""
_MANY_PACKS: Final = 50
_ASK_SECONDS: Final = 60.0
"""Between two times that the hive is asked what was landed or discarded."""

Cause = Literal["short", "over"]
"""Why no work is taken: the disk is short, or the runner takes more of it than it may."""


class Keeper:
    def __init__(
        self,
        place: Place,
        changed: Callable[[], None],
        free: Callable[[], int] | None = None,
        ask: Ask | None = None,
        used: Callable[[], int] | None = None,
    ) -> None:
        """`changed` is called when the taking of work stops or goes on; `free` says how many bytes
        the disk has left, `used` how many it has not; `ask` asks the hive what people landed or
        discarded."""
        self._place = place
        self._changed = changed
        self._free = free or self._free_bytes
        self._used = used or self._used_bytes
        self._ask = ask
        self._asked = float("-inf")
        self._rest = _LOOK_SECONDS
        """Until the folder is weighed again."""
        self._freeing = asyncio.Lock()
        self._reasons: dict[Cause, str] = {"short": "", "over": ""}

    @property
    def closed(self) -> str:
        """Why no work is taken; empty while it is."""
        return "; ".join(reason for reason in self._reasons.values() if reason)

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        # Apart, as a walk through a large folder takes longer than a disk to be full.
        async with asyncio.TaskGroup() as group:
            group.create_task(self._looking(), name="looking")
            group.create_task(self._weighing(), name="weighing")

    async def _looking(self) -> None:
        while True:
            with _trying_again():
                await self.look()
                await self.tidy()
                await self.release()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _weighing(self) -> None:
        while True:
            with _trying_again():
                await self.weigh()
            await asyncio.sleep(self._rest)

    async def look(self) -> None:
        """Free what is needed and may go, and say whether that was enough. Raises OSError."""
        keep = self._place.options.keep_free
        if not self._is_short(self._free()):
            self._close("short", "")
            return
        await self._make_room(lambda: int(keep * 1.1) - self._free())
        left = self._free()
        if self._is_short(left):
            self._close(
                "short",
                f"the disk of {self._place.options.folder} has {shown(left)} free, and"
                f" {shown(keep)} are to stay free: make room, or set `runner_keep_free`",
            )
        else:
            self._close("short", "")

    async def weigh(self) -> None:
        """The same for what the runner's own folder takes. Raises OSError."""
        self._rest = _LOOK_SECONDS
        # No folder takes more than is used of its disk: often that answers it, without a walk.
        if not self._is_over(self._used()):
            self._close("over", "")
            return
        budget = self._place.options.disk
        taken = await self._weighed()
        if self._is_over(taken) and await self._make_room(lambda: taken - disk.within(budget)):
            taken = await self._weighed()
        if self._is_over(taken):
            self._close(
                "over",
                f"{self._place.options.folder} takes {shown(taken)}, and may take {shown(budget)}:"
                f" work is taken again at {shown(disk.within(budget))}; land or discard missions,"
                " or set `runner_disk`",
            )
        else:
            self._close("over", "")

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

    def _is_short(self, free: int) -> bool:
        already = bool(self._reasons["short"])
        return disk.is_short(free, self._place.options.keep_free, already=already)

    def _is_over(self, taken: int) -> bool:
        already = bool(self._reasons["over"])
        return disk.is_over(taken, self._place.options.disk, already=already)

    async def _weighed(self) -> int:
        began = time.monotonic()
        taken = await footprint(self._place.options.folder)
        self._rest = max(_LOOK_SECONDS, _REST * (time.monotonic() - began))
        return taken

    def _close(self, cause: Cause, reason: str) -> None:
        """Take no work for that reason; an empty one is none."""
        before = self.closed
        self._reasons[cause] = reason
        if bool(self.closed) != bool(before):
            log.log(
                logging.WARNING if self.closed else logging.INFO,
                "%s", f"no work is taken: {self.closed}" if self.closed else "work is taken again",
            )  # fmt: skip
            self._changed()

    async def _make_room(self, missing: Callable[[], int]) -> bool:
        """Let go what may, as far as that is needed. Answers whether anything went."""
        async with self._freeing:
            going = disk.to_free(await self._held(), missing())
            for held in going:
                await self._let_go(held)
        return bool(going)

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
        log.info("room is made: %s %s goes (%s)", held.kind, held.path, shown(held.size))
        match held.kind:
            case "cache":
                await self._place.caches.drop(held.path)
            case "tree":
                await self._place.trees.forget(held.path)
            case "mirror":
                await self._place.mirrors.drop(held.path, disk.MIRROR_IDLE)

    def _free_bytes(self) -> int:
        return shutil.disk_usage(self._place.options.folder).free

    def _used_bytes(self) -> int:
        return shutil.disk_usage(self._place.options.folder).used


@contextlib.contextmanager
def _trying_again() -> Iterator[None]:
    try:
        yield
    except (OSError, RunnerError) as error:
        log.warning("the disk cannot be looked after, trying again: %s", error)


def _idle(path: Path) -> float:
    """Seconds since it was last used."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0
