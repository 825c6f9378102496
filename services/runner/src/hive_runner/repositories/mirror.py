"""A bare mirror of each repository, from which all attempts borrow objects.

    source (URL or path) ── fetch ──▶ mirror ◀── bundles (artifacts of the hive)
                                        │ objects/info/alternates
                                        ▼
                            git directories of attempts

Everything that writes holds the mirror's lock, and so does each git process that it starts: a fetch
that outlives its runner still keeps the next runner out. Nothing is ever pruned here, because
attempts borrow what no ref names. Refs are made only after all objects are there, so whatever a
ref names is whole; `has` trusts nothing else.
"""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.plan import (
    ArtifactRef,
    Link,
    Repository,
    Tip,
)
from hive_runner.errors import GitFailed, failed
from hive_runner.link.depot import Depot
from hive_runner.repositories import refs
from hive_runner.repositories.commits import Commits
from hive_runner.repositories.filelock import locked
from hive_runner.repositories.git import Git
from hive_runner.repositories.names import KEPT, base_ref, commit_ref
from hive_runner.repositories.owners import KeptRef, note_of, owned, write_owner
from hive_runner.repositories.removal import remove, set_aside
from hive_runner.unhurried import unhurried

FETCH_SECONDS: Final = 3600.0
_SOURCE_REFS: Final = ("+refs/heads/*:refs/hive/source/heads/*", "+refs/tags/*:refs/tags/*")
_OLD_SINS: Final = tuple(
    word
    for name in ("zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone")
    for word in ("-c", f"fetch.fsck.{name}=ignore")
)
"""Of histories that other programs have written, and nobody is harmed by."""
_NO_REPOSITORY: Final = (
    "not a git repository",
    "does not appear to be a git repository",
    "repository not found",
    "does not exist",
    "no such file or directory",
)
_NO_ACCESS: Final = (
    "permission denied",
    "could not read username",
    "could not read password",
    "authentication failed",
    "terminal prompts disabled",
)
_NO_KEY: Final = "(publickey"
"""OpenSSH's list of what it has tried in vain."""
_STRANGE_HOST: Final = "host key verification failed"


class Mirror:
    """One repository's mirror. Open it with `Mirrors.of`."""

    def __init__(self, folder: Path, git: Git, depot: Depot) -> None:
        self.git_dir = folder
        self.commits = Commits(folder, git)
        self._git = git
        self._depot = depot
        self._lock = folder.with_suffix(".lock")

    async def create(self, format: str) -> None:
        """Make it where there is none yet, and clear locks of git processes that were killed."""
        async with locked(self._lock):
            if not self.git_dir.exists():
                fresh = self.git_dir.with_suffix(".new")
                await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
                await unhurried(self._git.init(fresh, format))
                fresh.rename(self.git_dir)
            # All writers hold our lock, so a lock file of git's own is left from a killed one.
            for left in [*self.git_dir.glob("*.lock"), *self.git_dir.glob("refs/**/*.lock")]:
                left.unlink(missing_ok=True)

    async def has(self, commit: str) -> bool:
        """Whether a commit is here with everything that it needs."""
        if self.commits.is_whole(commit):
            return True
        if refs.are_none(self.git_dir):
            return False
        said = await self._git.run(
            "rev-list", "--objects", "--quiet", commit, "--not", "--all",
            git_dir=self.git_dir, statuses=(0, 1, 128),
        )  # fmt: skip
        if said.status == 0:
            self.commits.note_whole(commit)
        return said.status == 0

    async def ensure_base(self, repository: Repository) -> None:
        """Bring a mission's base commit here. Raises StepFailed."""
        if not repository.base or not await self.has(repository.base):
            await self._bring_base(repository)

    async def _bring_base(self, repository: Repository) -> None:
        """One that is not here."""
        base = repository.base
        if not base:
            raise failed(
                "permanent",
                f"{repository.url} has no commit to start from: make a first commit there",
            )
        if repository.chain:
            for link in (await self._missing(base, repository.chain))[0]:
                await self._bring(link.bundle, link.new)
            if await self.has(base):
                return
        _check_source(repository.url)
        async with self.writing() as held:
            exact = await self._fetch(held, repository.url, f"+{base}:{base_ref(base)}")
            if exact is None:
                self.commits.note_whole(base)
                return
            _raise_unless_unknown(repository.url, exact)
            every = await self._fetch(held, repository.url, *_SOURCE_REFS)
            if every is not None:
                _raise_unless_unknown(repository.url, every)
        if not await self.has(base):
            raise failed(
                "permanent",
                f"{repository.url} has no commit {base}: push it there, or launch the mission"
                " again from a commit that is there",
            )

    async def ensure_tip(self, repository: Repository, tip: Tip) -> None:
        """Bring the tip of a mission's branch here, along its chain of bundles.

        Raises StepFailed, ArtifactUnavailable.
        """
        if await self.has(tip.commit):
            return  # and with it the base, which it continues
        missing, chain = await self._missing(tip.commit, tip.chain)
        if not chain and tip.commit == repository.base:
            await self._bring_base(repository)
        elif not chain:
            await self.ensure_base(repository)
        for link in missing:
            await self._bring(link.bundle, link.new)
        if not await self.has(tip.commit):
            raise failed(
                "permanent", f"commit {tip.commit} is neither in {repository.url} nor in a bundle"
            )

    async def _missing(self, commit: str, chain: str) -> tuple[list[Link], str]:
        """The links from what is here to a commit that is not, in their order, and the rest of the
        chain: empty where it leads to the base, which is still to be brought.

        Raises StepFailed, ArtifactUnavailable.
        """
        missing: list[Link] = []
        while chain:
            link = await self._link(chain)
            if link.new != commit:
                raise failed("permanent", f"the manifest {chain} leads to {link.new}, not {commit}")
            missing.insert(0, link)
            if not link.old:
                break
            commit, chain = link.old, link.previous
            if chain and await self.has(commit):
                break
        return missing, chain

    async def ensure_bundle(self, bundle: ArtifactRef, commit: str) -> None:
        """Bring the commit that a bundle ends in here. Raises ArtifactUnavailable, StepFailed."""
        if not await self.has(commit):
            await self._bring(bundle, commit)

    async def _bring(self, bundle: ArtifactRef, commit: str) -> None:
        async with self._depot.fetched(bundle.digest) as path, self.writing() as held:
            try:
                await self._git.run(
                    "fetch", "-q", "--no-tags", "--no-write-fetch-head", str(path),
                    f"+{commit}:{commit_ref(commit)}",
                    git_dir=self.git_dir, held=[held],
                )  # fmt: skip
            except GitFailed as error:
                raise failed(
                    "infrastructure",
                    f"the bundle of commit {commit} cannot be read",
                    tail=error.stderr,
                ) from error
        self.commits.note_whole(commit)

    def idle_seconds(self) -> float:
        """Since somebody asked for it. Raises OSError."""
        return time.time() - self.git_dir.stat().st_mtime

    async def holds_work(self) -> bool:
        """Whether it has kept work, which may be nowhere else. Raises GitFailed."""
        said = await self._git.run(
            "for-each-ref", "--count=1", "--format=%(refname)", KEPT, git_dir=self.git_dir
        )
        return bool(said.text)

    async def keep(self, source: Path, commit: str, ref: str, task_id: str) -> None:
        """Bring a task's commit from another git directory here, and point a kept ref at it.

        Raises GitFailed, OSError.
        """
        await asyncio.to_thread(write_owner, self._noted(ref), task_id)
        await self.take(source, commit, ref)

    async def kept(self) -> list[KeptRef]:
        """Kept work of which it is known whose it is. Raises GitFailed, OSError."""
        said = await self._git.run(
            "for-each-ref", "--format=%(refname) %(objectname)", KEPT, git_dir=self.git_dir
        )
        pairs = [(ref, commit) for ref, commit in map(str.split, said.text.splitlines())]
        return await asyncio.to_thread(owned, self._owners, pairs, KEPT)

    async def let_go(self, kept: KeptRef) -> None:
        """Take a kept ref away, unless it names something else by now. Raises GitFailed, OSError.

        Its objects stay: attempts may borrow them, and they go with the mirror.
        """
        async with self.writing() as held:
            await self._git.run(
                "update-ref", "-d", kept.ref, kept.commit, git_dir=self.git_dir, held=[held]
            )
            note_of(self._noted(kept.ref)).unlink(missing_ok=True)

    async def leads_to(self, other: str, commit: str) -> bool:
        """Whether one commit is in the history of another; False where either is not here."""
        said = await self._git.run(
            "merge-base", "--is-ancestor", other, commit,
            git_dir=self.git_dir, statuses=(0, 1, 128),
        )  # fmt: skip
        return said.status == 0

    @property
    def _owners(self) -> Path:
        return self.git_dir / "hive-owners"

    def _noted(self, ref: str) -> Path:
        return self._owners / ref.removeprefix(KEPT)

    async def compact(self) -> None:
        """Put all packs into one. What no ref names stays: attempts may borrow it."""
        async with self.writing() as held:
            await self._git.run(
                "repack", "-q", "-a", "-d", "-k", "--no-write-bitmap-index",
                git_dir=self.git_dir, held=[held],
            )  # fmt: skip

    async def fetch_large(self, url: str, commit: str) -> None:
        """Bring the content of a commit's Git LFS files here. Raises StepFailed."""
        async with self.writing() as held:
            try:
                await self._git.run(
                    "-c", f"remote.source.url={url}",
                    "lfs", "fetch", "source", commit,
                    git_dir=self.git_dir, fetching=True, seconds=FETCH_SECONDS, held=[held],
                )  # fmt: skip
            except GitFailed as error:
                raise failed(
                    "infrastructure",
                    f"the Git LFS files of {url} cannot be fetched. Where no task needs them, write"
                    " `lfs: false` into .hive/repo.yaml",
                    tail=error.stderr,
                ) from error

    async def take(self, source: Path, commit: str, ref: str) -> None:
        """Bring a commit from another git directory here, and point `ref` at it."""
        async with self.writing() as held:
            await self._git.run(
                # A command may have made objects that no git would make.
                "-c", "fetch.fsckObjects=true", *_OLD_SINS,
                "fetch", "-q", "--no-tags", "--no-write-fetch-head", str(source),
                f"+{commit}:{ref}",
                git_dir=self.git_dir, held=[held],
            )  # fmt: skip
        self.commits.note_whole(commit)

    def named(self, ref: str) -> str:
        """The commit that a ref names, here or not; empty where there is no such ref."""
        return refs.named(self.git_dir, ref)

    async def commit_of(self, ref: str) -> str:
        """The commit that a ref names; empty where there is no such ref, or no such commit."""
        said = await self._git.run(
            "rev-parse", "-q", "--verify", f"{ref}^{{commit}}",
            git_dir=self.git_dir, statuses=(0, 1, 128),
        )  # fmt: skip
        return said.text if said.status == 0 else ""

    async def contains(self, commit: str, earlier: str) -> bool:
        """Whether a commit continues from another one, or is it. Raises GitFailed."""
        said = await self._git.run(
            "merge-base", "--is-ancestor", earlier, commit, git_dir=self.git_dir, statuses=(0, 1)
        )
        return said.status == 0

    def tags(self) -> str:
        """All tags, as lines of git's `packed-refs`."""
        return "".join(f"{name} {ref}\n" for ref, name in sorted(refs.tags(self.git_dir).items()))

    async def _link(self, digest: str) -> Link:
        async with self._depot.fetched(digest) as path:
            return msgspec.json.decode(path.read_bytes(), type=Link)

    async def _fetch(self, held: int, url: str, *refspecs: str) -> GitFailed | None:
        """Fetch from the source; its refusal is answered, not raised."""
        try:
            await self._git.run(
                "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60",
                "fetch", "-q", "--update-shallow", "--no-write-fetch-head", "--", url, *refspecs,
                git_dir=self.git_dir, fetching=True, seconds=FETCH_SECONDS, held=[held],
            )  # fmt: skip
        except GitFailed as error:
            return error
        return None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[int]:
        async with locked(self._lock) as held:
            yield held


class Mirrors:
    """All mirrors of a runner, by the address that they were fetched from."""

    def __init__(self, folder: Path, git: Git, depot: Depot) -> None:
        self._folder = folder
        self._git = git
        self._depot = depot
        self._open: dict[Path, Mirror] = {}

    async def of(self, repository: Repository) -> Mirror:
        """The mirror of a repository; made where there is none yet."""
        format = object_format(repository.base)
        key = hashlib.sha256(f"{format} {repository.url}".encode()).hexdigest()[:20]
        mirror = await self.at(self._folder / f"{key}.git", format)
        os.utime(mirror.git_dir)
        return mirror

    async def at(self, folder: Path, format: str = "sha1") -> Mirror:
        """The mirror in a folder."""
        if folder not in self._open:
            self._folder.mkdir(parents=True, exist_ok=True)
            mirror = Mirror(folder, self._git, self._depot)
            await mirror.create(format)
            self._open[folder] = mirror
        return self._open[folder]

    def folders(self) -> list[Path]:
        """Of all mirrors that there are."""
        return sorted(self._folder.glob("*.git"))

    async def clear_aside(self) -> None:
        """Delete mirrors that were dropped and are still there. Raises OSError."""
        for gone in self._folder.glob("*.git.gone-*"):
            await remove(gone)

    async def drop(self, folder: Path, idle: float) -> None:
        """Delete a mirror that nobody has used for `idle` seconds and that holds no kept work.

        Whoever asks for it meanwhile has touched it, and it stays. Raises GitFailed, OSError.
        """
        mirror = await self.at(folder)
        async with mirror.writing():
            if await mirror.holds_work() or mirror.idle_seconds() < idle:
                return
            self._open.pop(folder, None)
            gone = set_aside(folder)
        await remove(gone)


def object_format(commit: str) -> str:
    """The hash function of a repository, as its commits' names tell."""
    return "sha256" if len(commit) == 64 else "sha1"


def _check_source(url: str) -> None:
    if url.startswith("-"):
        raise failed("permanent", f"{url} is no address of a repository")
    if url.startswith("/") and not Path(url).is_dir():
        raise failed(
            "permanent",
            f"there is no repository {url} on the runner's machine: start a runner where it is,"
            " or name a URL",
        )


def _raise_unless_unknown(url: str, error: GitFailed) -> None:
    """Raise what a fetch's refusal means, unless it is that the commit is not known there."""
    said = error.stderr.lower()
    if any(sign in said for sign in ("not our ref", "couldn't find remote ref", "unadvertised")):
        return
    if _STRANGE_HOST in said:
        raise failed(
            "permanent",
            f"{url} cannot be read by the runner: nobody has agreed to its host's key."
            " Connect to it once by hand, as the runner's user",
            tail=error.stderr,
        ) from error
    if any(sign in said for sign in _NO_ACCESS):
        key = ", by a key without a passphrase or one that its SSH agent holds"
        raise failed(
            "permanent",
            f"{url} cannot be read by the runner: give its user access"
            f"{key if _NO_KEY in said else ''}",
            tail=error.stderr,
        ) from error
    if any(sign in said for sign in _NO_REPOSITORY):
        raise failed(
            "permanent", f"{url} is no git repository: correct the address", tail=error.stderr
        ) from error
    if _lacks_objects(url):
        raise failed(
            "permanent",
            f"{url} is a partial clone, it lacks files: fetch them all with `git fetch --refetch"
            " --no-filter` there, or name its remote's URL as the repository",
            tail=error.stderr,
        ) from error
    raise failed("infrastructure", f"{url} cannot be fetched", tail=error.stderr) from error


def _lacks_objects(url: str) -> bool:
    """Whether a repository of this machine has files that it would fetch when asked."""
    packs = [Path(url) / inner / "objects" / "pack" for inner in (".git", "")]
    return url.startswith("/") and any(any(pack.glob("*.promisor")) for pack in packs)
