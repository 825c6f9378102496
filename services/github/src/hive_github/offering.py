"""A repository's history as artifacts, so that runners need no rights of their own on GitHub.

    nothing ──whole history──▶ base 1 ──what is new──▶ base 2 ──▶ …     a link each (`Link`)

A runner walks from a base's link back to what it has, as it does with a mission's branch. A chain
goes on from the base that was offered last; after some links, or where one was deleted since, a new
one is begun.
"""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final, Protocol

import msgspec

from hive_contracts.plan import ArtifactRef, Link
from hive_shared.artifacts import PIECE, ArtifactError, Artifacts

MAX_LINKS: Final = 40
"""Of one chain: each is a file that a new runner fetches."""
MAX_MANIFEST: Final = 64 * 1024
NOTE: Final = "hive-offered.json"
_REF: Final = "refs/hive/offered"


class Git(Protocol):
    """git in one repository."""

    async def run(self, *arguments: str) -> str: ...

    async def attempt(self, *arguments: str) -> tuple[int, str, str]: ...

    async def holds(self, commit: str) -> bool: ...


class Offered(msgspec.Struct, frozen=True):
    """What was offered last, noted in the mirror: lost, the next chain begins anew."""

    commit: str
    chain: str
    links: int


async def chain_to(git: Git, mirror: Path, artifacts: Artifacts, commit: str) -> str:
    """Raises the errors of `git`, ArtifactError."""
    last = await asyncio.to_thread(_noted, mirror, artifacts)
    if last is not None and last.commit == commit:
        return last.chain
    await git.run("update-ref", _REF, commit)
    goes_on = last is not None and last.links < MAX_LINKS and await git.holds(last.commit)
    bundle = None
    if goes_on and last is not None:
        bundle = await _bundled(git, mirror, artifacts, last.commit)
    if bundle is not None and last is not None:
        link, links = Link(last.commit, commit, bundle, last.chain), last.links + 1
    else:
        whole = await _bundled(git, mirror, artifacts, "")
        assert whole is not None
        link, links = Link("", commit, whole), 1
    stored = await asyncio.to_thread(artifacts.put, msgspec.json.encode(link))
    await asyncio.to_thread(_note, mirror, Offered(commit, stored.digest, links))
    return stored.digest


async def _bundled(git: Git, mirror: Path, artifacts: Artifacts, old: str) -> ArtifactRef | None:
    """None where there is nothing beyond `old`: the branch was put back."""
    with tempfile.TemporaryDirectory(dir=mirror, prefix="hive-bundle-") as folder:
        path = Path(folder, "bundle")
        asked = ("bundle", "create", "--quiet", str(path), _REF)
        if not old:
            await git.run(*asked)
        elif (await git.attempt(*asked, f"^{old}"))[0] != 0:
            return None
        return await asyncio.to_thread(_store, path, artifacts)


def _store(path: Path, artifacts: Artifacts) -> ArtifactRef:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
        ref = ArtifactRef(digest.hexdigest(), path.stat().st_size)
        if artifacts.touch(ref.digest):
            return ref
        file.seek(0)
        with artifacts.writer(ref) as writer:
            while piece := file.read(PIECE):
                writer.write(piece)
            writer.commit()
    return ref


def _noted(mirror: Path, artifacts: Artifacts) -> Offered | None:
    """None where any part of its chain is gone; each part is handed in now, once more."""
    try:
        last = msgspec.json.decode((mirror / NOTE).read_bytes(), type=Offered)
        chain = last.chain
        while chain:
            link = msgspec.json.decode(artifacts.get(chain, MAX_MANIFEST), type=Link)
            if not artifacts.touch(chain) or not artifacts.touch(link.bundle.digest):
                return None
            chain = link.previous
    except (OSError, msgspec.MsgspecError, ArtifactError):
        return None
    return last


def _note(mirror: Path, offered: Offered) -> None:
    made = mirror / f"{NOTE}.new"
    made.write_bytes(msgspec.json.encode(offered))
    os.replace(made, mirror / NOTE)
