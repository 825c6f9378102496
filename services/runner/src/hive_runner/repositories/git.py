"""Calls of git, each the same whatever the person's or the machine's configuration says.

Two configurations: `settled` knows only what is written here; `fetching` also reads the person's
own files, because credentials and URL rewrites live there. Nothing may ask for a password. Hooks
are off. Folders of other owners are read, since the runner never runs what it finds in them.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_runner.errors import GitFailed, GitTimedOut, failed

IDENTITY: Final = {"name": "Agent Hive", "email": "agent-hive@localhost"}
LOCAL_SECONDS: Final = 900.0
"""For one call that touches only this machine."""
_SETTLED: Final = """\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tautocrlf = false
\tfsmonitor = false
[user]
\tname = {name}
\temail = {email}
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
\taddEmbeddedRepo = false
[pack]
\tthreads = 1
"""
_PASSED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "GIT_SSH_COMMAND",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "XDG_CONFIG_HOME",
)  # fmt: skip


class Said(msgspec.Struct, frozen=True):
    """What a git call answered."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace").strip()


class Git:
    """Runs git with configuration files of its own, which it writes into `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._person = environment
        self._settled = folder / "gitconfig"
        self._fetching = folder / "gitconfig-fetching"
        self._blanks: set[Path] = set()

    def prepare(self) -> None:
        """Write the configuration files, and forget what another git may have made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("blank-*"):
            shutil.rmtree(left)
        settled = _SETTLED.format(**IDENTITY)
        self._settled.write_text(settled)
        includes = "".join(f'[include]\n\tpath = "{path}"\n' for path in self._persons_files())
        self._fetching.write_text(includes + settled)

    async def run(
        self,
        *arguments: str,
        git_dir: Path | None = None,
        work_tree: Path | None = None,
        env: Mapping[str, str] | None = None,
        statuses: Sequence[int] = (0,),
        fetching: bool = False,
        seconds: float = LOCAL_SECONDS,
        held: Sequence[int] = (),
        inside: Path | None = None,
        stdin: bytes | None = None,
    ) -> Said:
        """One call, in a folder `inside` of a repository or on the one that is named.

        `statuses` are those that are answers; any other raises GitFailed.

        `held` are descriptors that the process keeps open as long as it lives: a lock stays held by
        a git that outlives its runner. Raises StepFailed (permanent) where git is not installed.
        """
        environment = self._environment(git_dir, work_tree, fetching) | dict(env or {})
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                env=environment,
                cwd=inside or work_tree or git_dir or self._folder,
                stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                pass_fds=held,
            )
        except FileNotFoundError as error:
            if shutil.which("git", path=environment.get("PATH")) is not None:
                raise
            raise failed(
                "permanent",
                "git is not installed on the runner's machine: install git 2.30 or later",
            ) from error
        said = await _answer(process, arguments, seconds, stdin)
        if said.status not in statuses:
            raise GitFailed(arguments[0], said.status, said.stderr)
        return said

    async def init(self, git_dir: Path, format: str, *, bare: bool = True) -> None:
        """Make an empty git directory, for objects of a format (`sha1`, `sha256`); one that is not
        `bare` has its files elsewhere.

        `git init` looks at the file system and takes as long as four other calls: one is made, and
        copied. Raises GitFailed, StepFailed, OSError.
        """
        blank = self._folder / f"blank-{format}"
        if blank not in self._blanks:
            with tempfile.TemporaryDirectory(prefix="blank-", dir=self._folder) as ground:
                made = Path(ground) / "made"
                await self.run(
                    "init", "-q", "--bare", "--template=", f"--object-format={format}", str(made)
                )
                if blank not in self._blanks:
                    made.rename(blank)
                    self._blanks.add(blank)
        await asyncio.to_thread(_copy, blank, git_dir, bare)

    def _environment(
        self, git_dir: Path | None, work_tree: Path | None, fetching: bool
    ) -> dict[str, str]:
        environment = {name: self._person[name] for name in _PASSED if name in self._person}
        environment |= {
            "GIT_CONFIG_GLOBAL": str(self._fetching if fetching else self._settled),
            "GIT_CONFIG_NOSYSTEM": "0" if fetching else "1",
            # Credential helpers may answer; nothing may ask, on a terminal or in a window.
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GCM_INTERACTIVE": "never",
            "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
            "GIT_DEFAULT_REF_FORMAT": "files",
            # What stands for another object lies about it.
            "GIT_NO_REPLACE_OBJECTS": "1",
            "LC_ALL": "C",
        }
        if git_dir is not None:
            environment["GIT_DIR"] = str(git_dir)
        if work_tree is not None:
            environment["GIT_WORK_TREE"] = str(work_tree)
        return environment

    def _persons_files(self) -> list[Path]:
        home = Path(self._person.get("HOME") or "/nonexistent")
        xdg = Path(self._person.get("XDG_CONFIG_HOME") or home / ".config")
        return [path for path in (xdg / "git" / "config", home / ".gitconfig") if path.is_file()]


def _copy(blank: Path, git_dir: Path, bare: bool) -> None:
    shutil.copytree(blank, git_dir)
    if not bare:
        config = git_dir / "config"
        beside_files = "bare = false\n\tlogallrefupdates = true"  # as `git init` says it
        config.write_text(config.read_text().replace("bare = true", beside_files))


async def _answer(
    process: asyncio.subprocess.Process,
    arguments: Sequence[str],
    seconds: float,
    stdin: bytes | None,
) -> Said:
    try:
        async with asyncio.timeout(seconds):
            stdout, stderr = await process.communicate(stdin)
    except TimeoutError as error:
        raise GitTimedOut(arguments[0], -1, f"took longer than {seconds:.0f} s") from error
    finally:
        if process.returncode is None:
            _kill(process.pid)
            await process.wait()
    return Said(process.returncode or 0, stdout, stderr.decode("utf-8", "replace"))


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
