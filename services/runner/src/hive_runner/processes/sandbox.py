"""A view of the machine for one command, by bubblewrap: what it may see, and what it may change.

everything              to be read, as the runner's user may read it
HOME, /tmp, TMPDIR      to be changed: logins and tools' caches are there
the hive's data folder  not there, but for:
    the worktree, its git, the notes and the caches      to be changed
    the mirror that its git borrows from, the prompt     to be read
the user's checkout     to be read: nothing changes it before `hive land`
processes               its own alone; they end with it
"""

import asyncio
import contextlib
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

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


class Sandbox:
    def __init__(self, program: str, data: Path, person: Mapping[str, str]) -> None:
        """`data` is hidden, but for what a View names."""
        self._program = program
        self._data = data.resolve()
        self._open = [
            Path(folder)
            for folder in ("/tmp", "/var/tmp", person.get("TMPDIR"), person.get("HOME"))  # noqa: S108
            if folder
        ]
        self._settings = Path(person.get("HOME") or "/nonexistent") / ".config/agent-hive/hive.toml"

    def wrap(self, argv: Sequence[str], cwd: Path, view: View) -> tuple[str, ...]:
        """The command line that runs `argv` with this view."""
        words = [self._program, *_START]
        for folder in self._open:
            if folder.is_dir() and folder != Path("/"):
                words += ["--bind", str(folder), str(folder)]
        for folder in view.read:
            if folder.is_dir() and not self._holds_open(folder) and not self._is_data(folder):
                words += ["--ro-bind", str(folder), str(folder)]
        words += ["--tmpfs", str(self._data)]
        if self._settings.is_file():
            words += ["--ro-bind", "/dev/null", str(self._settings)]
        for folder in view.read:
            if folder.exists() and self._is_data(folder):
                words += ["--ro-bind", str(folder), str(folder)]
        for folder in view.changed:
            if folder.is_dir():
                words += ["--bind", str(folder), str(folder)]
        # What was written between these folders would take memory, and be nobody's.
        words += ["--remount-ro", str(self._data)]
        return (*words, "--chdir", str(cwd), "--", *argv)

    def _is_data(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self._data)

    def _holds_open(self, folder: Path) -> bool:
        """A checkout that has HOME in it cannot be closed."""
        return any(each.resolve().is_relative_to(folder.resolve()) for each in self._open)


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
