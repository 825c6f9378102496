"""A view of the machine for one command, by bubblewrap: what it may see, and what it may change.

everything              to be read, as the runner's user may read it
HOME, /tmp, TMPDIR      to be changed: logins and tools' caches are there. A command may have a HOME
                        of its own instead, with a part of the person's (`home`)
the hive's data folder  not there, but for:
    the worktree, its git, the notes and the caches      to be changed
    the mirror that its git borrows from, the prompt,
    and what else it is told                             to be read
the user's checkout     to be read: nothing changes it before `hive land`
processes               its own alone; they end with it
"""

import asyncio
import contextlib
import logging
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.processes.home import Home

log = logging.getLogger(__name__)

_PROBE_SECONDS: Final = 10.0
_START: Final = (
    "--die-with-parent", "--unshare-pid", "--unshare-ipc",
    "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
)  # fmt: skip


class View(msgspec.Struct, frozen=True):
    """What one command gets of the runner's folders."""

    changed: tuple[Path, ...] = ()
    """Folders that it may change; the worktree is among them."""
    read: tuple[Path, ...] = ()
    """Folders and files that it may read and not change."""
    home: Home | None = None
    """Its own HOME; then it sees no more of the person's than this says."""


class Sandbox:
    def __init__(self, program: str, data: Path, person: Mapping[str, str]) -> None:
        """`data` is hidden, but for what a View names."""
        self._program = program
        self._data = data.resolve()
        self._open = [
            Path(folder).resolve()
            for folder in ("/tmp", "/var/tmp", person.get("TMPDIR"), person.get("HOME"))  # noqa: S108
            if folder
        ]
        home = person.get("HOME")
        self._home = [Path(home).resolve()] if home else []
        settings = Path(home or "/nonexistent") / ".config/agent-hive/hive.toml"
        self._settings = settings.resolve()

    def wrap(self, argv: Sequence[str], cwd: Path, view: View) -> tuple[str, ...]:
        """The command line that runs `argv` with this view."""
        words = [self._program, *_START]
        binds = self._binds(view)
        for folder in sorted(binds, key=lambda folder: len(folder.parts)):  # else outer ones hide
            words += [*binds[folder], str(folder)]
        words += ["--tmpfs", str(self._data)]
        if self._settings.is_file():
            words += ["--ro-bind", "/dev/null", str(self._settings)]
        for folder in view.read:
            if folder.exists() and self._is_data(folder):
                words += ["--ro-bind", str(folder), str(folder)]
        for folder in view.changed:
            if folder.is_dir() and (view.home is None or self._is_data(folder)):
                words += ["--bind", str(folder), str(folder)]
        # What was written between these folders would take memory, and be nobody's.
        words += ["--remount-ro", str(self._data)]
        return (*words, "--chdir", str(cwd), "--", *argv)

    def _binds(self, view: View) -> dict[Path, tuple[str, str]]:
        """What is to be seen outside of the hive's data, by its place: an option and its source."""
        opened = {folder: ("--bind", str(folder)) for folder in self._open}
        shown: dict[Path, tuple[str, str]] = {}
        if view.home is not None:
            own = ("--bind", str(view.home.folder))
            opened |= dict.fromkeys((*self._home, view.home.person), own)
            shown |= {place: ("--ro-bind", str(place)) for place in view.home.read}
            shown |= {place: ("--bind", str(place)) for place in view.home.changed}
        opened = {
            folder: bind
            for folder, bind in opened.items()
            if folder.is_dir() and folder != Path("/")
        }
        # A checkout that has HOME in it cannot be closed.
        shown |= {
            folder.resolve(): ("--ro-bind", str(folder))
            for folder in view.read
            if folder.is_dir() and not self._is_data(folder) and not _holds(folder, opened)
        }
        return opened | shown

    def _is_data(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self._data)


def _holds(folder: Path, others: Iterable[Path]) -> bool:
    return any(other.is_relative_to(folder.resolve()) for other in others)


async def find(wanted: str, data: Path, person: Mapping[str, str]) -> Sandbox | str:
    """A sandbox that was seen to work; else why there is none. `wanted` is auto, on or off."""
    if wanted == "off":
        return "it is turned off (`runner_sandbox`)"
    if sys.platform != "linux":
        return "bubblewrap is for Linux"
    program = shutil.which("bwrap", path=person.get("PATH"))
    if program is None:
        return "bubblewrap is not installed"
    sandbox = Sandbox(program, data, person)
    argv = sandbox.wrap(("/bin/sh", "-c", "exit 0"), Path("/"), View())
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={"PATH": person.get("PATH", "")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return f"{program} cannot be started: {error}"
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, said = await process.communicate()
    except TimeoutError:
        return f"{program} did not end within {_PROBE_SECONDS:.0f} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        return f"{program} does not work here: {said.decode('utf-8', 'replace').strip()}"
    return sandbox
