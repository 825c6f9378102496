"""git: a bare mirror of each repository, to which bundles are brought, and a push. Adapter.

The token is in a file of its own, 0600, in the folder of secrets while git runs, and a small
program of ours reads it there when git asks (GIT_ASKPASS). So it is on no command line, in no
configuration and in no environment; agents, whose sandbox has no such folder, never see it.

GitError
├── PushRefused    somebody else's commits are on the branch, or a rule of the repository forbids it
└── BaseMissing    the commit that the mission started from is not on GitHub
"""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.plan import ArtifactRef, Link, Tip
from hive_github.offering import chain_to
from hive_github.stacking import Step, grow, join
from hive_shared.artifacts import Artifacts
from hive_shared.telemetry import inner

SECONDS: Final = 600.0
"""For one call of git: a first fetch may be large."""
MAX_MANIFEST: Final = 64 * 1024
MAX_SAID: Final = 2_000
PIECE: Final = 1024 * 1024

_ASKPASS: Final = """#!/bin/sh
case "$1" in Username*) echo x-access-token ;; *) exec cat "$HIVE_ASKPASS_FILE" ;; esac
"""
_FULL: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REFUSED: Final = re.compile(r"^!\t.*\t(.*)$", re.MULTILINE)
_UP_TO_DATE: Final = re.compile(r"^=\t", re.MULTILINE)
_MOVED: Final = re.compile(r"^ \t.*\t([0-9a-f]{40,64})\.\.", re.MULTILINE)


class GitError(Exception):
    """git could not do it; the text is what it said."""


class PushRefused(GitError):
    """GitHub did not take the branch."""


class BaseMissing(GitError):
    """The commit that the mission started from is not on GitHub."""


class Remote(msgspec.Struct, frozen=True):
    """A repository on GitHub, and what opens it."""

    repository_id: str
    url: str
    token: str

    def __repr__(self) -> str:
        return f"Remote({self.url})"


class Mirrors:
    """Bare repositories, one for each on GitHub: caches, made again where one is broken."""

    def __init__(self, folder: Path, secrets: Path, artifacts: Artifacts) -> None:
        self._folder = folder
        self._secrets = secrets
        self._artifacts = artifacts
        self._locks: dict[str, asyncio.Lock] = {}

    async def push(self, remote: Remote, base: str, tip: Tip, branch: str) -> str:
        """Make a branch on GitHub the mission's tip; answers what was there, or empty.

        Never by force. Raises GitError, ArtifactError.
        """
        step = inner("git push", "client", {"vcs.ref.head.name": branch})
        async with self._open(remote) as git:
            with step:
                await self._bring(git, remote.url, base, tip)
                return await _push(git, remote.url, tip.commit, branch)

    async def push_part(
        self, remote: Remote, base: str, tip: Tip, branch: str, onto: str, steps: Sequence[Step]
    ) -> tuple[str, str]:
        """Make a branch on GitHub a commit of it with changes of the mission's branch on top.

        Answers what was there, or empty, and the commit. Raises Unfit, GitError, ArtifactError.
        """
        step = inner("git push", "client", {"vcs.ref.head.name": branch})
        async with self._open(remote) as git:
            with step:
                await self._bring(git, remote.url, base, tip)
                await _fetch(git, remote.url, onto)
                commit = await grow(git, onto, steps)
                return await _push(git, remote.url, commit, branch), commit

    async def catch_up(self, remote: Remote, branch: str, onto: str, base: str) -> str:
        """Merge the newest of another branch into one; answers its commit, which is `onto` where
        that has it all, and empty where the two conflict. Raises GitError.
        """
        async with self._open(remote) as git:
            await _fetch(git, remote.url, onto)
            newest = await _head(git, remote.url, base)
            commit = await join(git, onto, newest, f"Merge {base} into {branch}")
            if commit not in ("", onto):
                await _push(git, remote.url, commit, branch)
            return commit

    async def head(self, remote: Remote, branch: str) -> str:
        """The newest commit of a branch on GitHub. Raises GitError."""
        async with self._open(remote) as git:
            return await _head(git, remote.url, branch)

    async def newer(
        self, remote: Remote, base: str, tip: Tip, branch: str
    ) -> tuple[str, ArtifactRef] | None:
        """The head of a branch on GitHub with a bundle of what the tip lacks of it; None where it
        lacks nothing. Raises GitError, ArtifactError.
        """
        async with self._open(remote) as git:
            await self._bring(git, remote.url, base, tip)
            commit = await _head(git, remote.url, branch)
            if await git.continues(tip.commit, commit):
                return None
            with tempfile.TemporaryDirectory(dir=self._folder, prefix="new-") as folder:
                file = Path(folder, "bundle")
                await git.run(
                    "bundle", "create", "--quiet", str(file), _own(branch), f"^{tip.commit}"
                )
                return commit, await asyncio.to_thread(self._keep, file)

    async def continues(self, remote: Remote, commit: str, earlier: str) -> bool:
        """Whether a commit on GitHub continues from one that is here. Raises GitError."""
        async with self._open(remote) as git:
            await _fetch(git, remote.url, commit)
            return await git.holds(earlier) and await git.continues(commit, earlier)

    async def made_by(self, remote: Remote, commit: str, path: str, line: int = 0) -> str:
        """The attempt that made a line of a file, as its commit names it, that is
        `mission/phase/task/epoch`; of the file's last change where `line` is 0, or the file has no
        such line. Empty where none says so. Raises GitError.
        """
        async with self._open(remote) as git:
            if not await git.holds(commit):
                return ""
            which: tuple[str, ...] = ("--no-merges", commit, "--", f":(literal){path}")
            if line:
                status, said, _ = await git.attempt(
                    "blame", "--porcelain", "-L", f"{line},{line}", commit, "--", path
                )
                if status == 0:
                    which = ("--no-walk", said.split(" ", 1)[0])
            format = "--format=%(trailers:key=Hive-Attempt,valueonly)"
            found = await git.run("log", "-1", format, *which)
            return (found.strip().splitlines() or [""])[0][:300]

    @contextlib.asynccontextmanager
    async def _open(self, remote: Remote) -> AsyncIterator["_Git"]:
        """The mirror, for one at a time."""
        async with self._locks.setdefault(remote.repository_id, asyncio.Lock()):
            mirror = await self._mirror(remote)
            with self._signed_in(remote) as environment:
                yield _Git(mirror, environment)

    def _keep(self, file: Path) -> ArtifactRef:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        ref = ArtifactRef(digest, file.stat().st_size)
        if not self._artifacts.has(digest):
            with file.open("rb") as content, self._artifacts.writer(ref) as writer:
                while piece := content.read(PIECE):
                    writer.write(piece)
                writer.commit()
        return ref

    async def offer(self, remote: Remote, commit: str) -> str:
        """Put a commit of GitHub's and its history among the artifacts, for runners.

        Answers the digest of the last link of its chain. Raises GitError, ArtifactError.
        """
        async with self._open(remote) as git:
            await _fetch_base(git, remote.url, commit)
            return await chain_to(git, git.folder, self._artifacts, commit)

    async def _mirror(self, remote: Remote) -> Path:
        mirror = self._folder / f"{remote.repository_id}.git"
        if not mirror.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            # By its whole name, or not at all: a crash must not leave a half one.
            made = tempfile.mkdtemp(dir=self._folder, prefix="new-")
            await _Git(Path(made), {}).run("init", "--quiet", "--bare", ".")
            os.rename(made, mirror)  # noqa: PTH104  # of the running loop, as short as it gets
        return mirror

    async def _bring(self, git: "_Git", url: str, base: str, tip: Tip) -> None:
        """Fetch the bundles that lead to the tip from what is here, if need be from the base."""
        missing: list[Link] = []
        commit, chain = tip.commit, tip.chain
        while not await git.holds(commit):
            if not chain:
                await _fetch_base(git, url, base)
                break
            link = self._link(chain, commit)
            missing.append(link)
            commit, chain = link.old, link.previous
        for link in reversed(missing):
            bundle = self._artifacts.path(link.bundle.digest)
            await git.run(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(bundle),
                f"+{link.new}:refs/hive/{link.new}",
            )  # fmt: skip

    def _link(self, chain: str, commit: str) -> Link:
        """That leads to a commit. Raises ArtifactError, GitError."""
        link = msgspec.json.decode(self._artifacts.get(chain, MAX_MANIFEST), type=Link)
        if link.new != commit:
            raise GitError(f"the manifest {chain} leads to {link.new}, not {commit}")
        return link

    @contextlib.contextmanager
    def _signed_in(self, remote: Remote) -> Iterator[dict[str, str]]:
        self._secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="git-", dir=self._secrets) as folder:
            program, secret = Path(folder, "askpass"), Path(folder, "token")
            _write(secret, remote.token, 0o600)
            _write(program, _ASKPASS, 0o700)
            yield {"GIT_ASKPASS": str(program), "HIVE_ASKPASS_FILE": str(secret), "HOME": folder}

    def discard_leftovers(self) -> None:
        """What a killed process left: half mirrors, and tokens that are over in an hour anyway."""
        for left in (*self._folder.glob("new-*"), *self._secrets.glob("git-*")):
            shutil.rmtree(left, ignore_errors=True)


class _Git:
    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            **environment,
        }

    async def run(
        self,
        *arguments: str,
        missing: type[GitError] = GitError,
        variables: dict[str, str] | None = None,
    ) -> str:
        """`variables`: more of its environment. Raises `missing` where git says no."""
        status, said, wrong = await self._call(arguments, variables)
        if status != 0:
            raise missing(f"git {arguments[0]}: {(wrong or said).strip()[-MAX_SAID:]}")
        return said

    async def holds(self, commit: str) -> bool:
        if _FULL.fullmatch(commit) is None:
            raise GitError(f"{commit[:80]!r} is no commit")
        status, _, _ = await self._call(("cat-file", "-e", f"{commit}^{{commit}}"))
        return status == 0

    async def continues(self, commit: str, earlier: str) -> bool:
        status, _, _ = await self._call(("merge-base", "--is-ancestor", earlier, commit))
        return status == 0

    async def attempt(self, *arguments: str) -> tuple[int, str, str]:
        return await self._call(arguments)

    async def _call(
        self, arguments: Sequence[str], variables: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            "git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never",
            "-c", "maintenance.auto=false", "-c", "credential.helper=", *arguments,
            cwd=self.folder, env={**self._environment, **(variables or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                said, wrong = await process.communicate()
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
            if isinstance(error, TimeoutError):
                raise GitError(f"git {arguments[0]} took longer than {SECONDS:.0f} s") from error
            raise
        assert process.returncode is not None
        return process.returncode, said.decode(errors="replace"), wrong.decode(errors="replace")


async def _fetch_base(git: _Git, url: str, base: str) -> None:
    """Raises BaseMissing, GitError."""
    if await git.holds(base):
        return
    await git.run(
        "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", url,
        "+refs/heads/*:refs/remotes/github/*",
    )  # fmt: skip
    if await git.holds(base):
        return
    await git.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url, base,
                  missing=BaseMissing)  # fmt: skip
    if not await git.holds(base):
        raise BaseMissing(f"{base[:12]} is not on GitHub")


async def _fetch(git: _Git, url: str, commit: str) -> None:
    """Raises GitError."""
    if not await git.holds(commit):
        await git.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url, commit)


async def _head(git: _Git, url: str, branch: str) -> str:
    """The newest commit of a branch, fetched. Raises GitError."""
    await git.run(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url,
        f"+refs/heads/{branch}:{_own(branch)}",
    )  # fmt: skip
    return (await git.run("rev-parse", _own(branch))).strip()


def _own(branch: str) -> str:
    """Where a branch of GitHub's is kept: its name may be one that a ref here must not have."""
    return f"refs/hive/branches/{hashlib.sha256(branch.encode()).hexdigest()}"


async def _push(git: _Git, url: str, commit: str, branch: str) -> str:
    """Answers what was there, or empty."""
    status, said, wrong = await git.attempt(
        "-c", "core.abbrev=no", "push", "--porcelain", "--no-verify", url,
        f"{commit}:refs/heads/{branch}",
    )  # fmt: skip
    if status == 0:
        if _UP_TO_DATE.search(said):
            return commit
        moved = _MOVED.search(said)
        return moved[1] if moved else ""
    refused = _REFUSED.search(said)
    if refused is not None:
        raise PushRefused(refused[1][:MAX_SAID])
    raise GitError(f"git push: {wrong.strip()[-MAX_SAID:]}")


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
