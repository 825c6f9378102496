"""The files of submodules, for commands to read: they are no part of an attempt's work.

Which commit each has, the attempt's commit says; where it comes from, `.gitmodules` of the base
commit: an attempt that writes another address there makes the runner fetch nothing, since it would
do so with its user's credentials.
"""

import configparser
import logging
import posixpath
import re
from pathlib import PurePosixPath
from typing import Final

import msgspec

from hive_contracts.plan import Repository
from hive_runner.errors import StepFailed, failed
from hive_runner.repositories.commits import GITLINK, SUBMODULES_FILE
from hive_runner.repositories.git import Git
from hive_runner.repositories.mirror import Mirror, Mirrors
from hive_runner.repositories.workspace import Workspace

log = logging.getLogger(__name__)

_DEPTH: Final = 8
"""Of submodules within submodules."""
_MOST: Final = 200
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]+@[^/:]+:|[^/:]+:")
_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/]*|[^/:]+:)(.*)")


class Submodule(msgspec.Struct, frozen=True):
    path: str
    url: str
    commit: str


async def fill(
    git: Git, mirrors: Mirrors, workspace: Workspace, mirror: Mirror, repository: Repository,
    commit: str,
) -> list[str]:  # fmt: skip
    """Put the files of a commit's submodules into the tree. Returns their paths.

    Raises StepFailed with the remedy.
    """
    trusted = await _addresses(mirror, repository.base, repository.url)
    waiting = [(0, "", found) for found in await _of(git, mirror, commit, trusted)]
    filled: list[str] = []
    while waiting:
        depth, above, found = waiting.pop()
        path = f"{above}{found.path}"
        if depth == _DEPTH or len(filled) == _MOST:
            raise failed("permanent", f"submodule {path}: there are too many in each other")
        inner = await _fetched(mirrors, path, found)
        await workspace.fill(inner.git_dir, found.commit, path)
        filled.append(path)
        addresses = await _addresses(inner, found.commit, found.url)
        waiting += [
            (depth + 1, f"{path}/", each) for each in await _of(git, inner, found.commit, addresses)
        ]
    return filled


async def _fetched(mirrors: Mirrors, path: str, submodule: Submodule) -> Mirror:
    wanted = Repository(submodule.url, submodule.commit)
    try:
        mirror = await mirrors.of(wanted)
        await mirror.ensure_base(wanted)
    except StepFailed as error:
        raise failed(
            error.failure.kind,
            f"submodule {path}: {error.failure.detail}. Where no task needs its files, write"
            " `submodules: false` into .hive/repo.yaml",
            tail=error.failure.tail,
        ) from error
    return mirror


async def _of(git: Git, mirror: Mirror, commit: str, addresses: dict[str, str]) -> list[Submodule]:
    """Those of a commit that have an address."""
    if not addresses:
        return []
    said = await git.run(
        "ls-tree", "-z", "--full-tree", commit, "--", *addresses, git_dir=mirror.git_dir
    )
    found = []
    for entry in said.stdout.split(b"\0"):
        fields, _, name = entry.partition(b"\t")
        path = name.decode("utf-8", "surrogateescape")
        if fields.startswith(GITLINK) and path in addresses:
            found.append(Submodule(path, addresses[path], fields.split(b" ")[2].decode()))
    return found


async def _addresses(mirror: Mirror, commit: str, url: str) -> dict[str, str]:
    """Where the submodules of a commit come from, by path."""
    text = await mirror.commits.text_of(commit, SUBMODULES_FILE)
    if not text:
        return {}
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",))
    try:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    except configparser.Error as error:
        raise failed(
            "permanent", f"{SUBMODULES_FILE} of {commit[:12]} cannot be read: {error}"
        ) from error
    found: dict[str, str] = {}
    for section in parser.sections():
        path, address = parser.get(section, "path", fallback=""), parser.get(
            section, "url", fallback=""
        )  # fmt: skip
        if path and address and _is_plain(path):
            found[path] = _absolute(address.strip('"'), url, path)
    return found


def _is_plain(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not path.startswith(("/", ":", "-")) and ".." not in parts and ".git" not in parts


def _absolute(address: str, url: str, path: str) -> str:
    """As git resolves it: relative to where the repository came from."""
    if address.startswith(("./", "../")):
        root, base = "", url.rstrip("/")
        if not url.startswith("/") and (match := _ADDRESS.fullmatch(base)):
            root, base = match[1], match[2]
        return root + posixpath.normpath(posixpath.join(base, address))
    local = _SCHEME.match(address) is None or address.startswith("file:")
    if local and not url.startswith(("/", "file:")):
        raise failed(
            "permanent", f"submodule {path}: {address} is on nobody's machine: give it a URL"
        )
    return address
