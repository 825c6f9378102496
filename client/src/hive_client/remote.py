"""A repository somewhere else, looked at with the person's own git and credentials.

Of its base only commits and folders are fetched, into a folder that is gone afterwards; files come
when they are asked for. The runner fetches by itself, with credentials of its own.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hive_client.checkout import Checkout, GitProblem, git, plain_base, repository_file
from hive_contracts.addresses import REMEDY, has_secret, without_secret
from hive_contracts.files import RepositoryFile

_REMOTE: Final = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+(@[\w.-]+)?:(?!/?/).+")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]+:(:|//)")
_SYMREF: Final = re.compile(r"^ref: refs/heads/(\S+)\tHEAD$", re.MULTILINE)


def is_remote(url: str) -> bool:
    """Whether git fetches it; else it is a path. Raises GitProblem for what it should not call."""
    if has_secret(url):
        raise GitProblem(f"there is a password or a token in {without_secret(url)}", "repo", REMEDY)
    known = _REMOTE.fullmatch(url) is not None
    program = _HELPER.match(url) is not None and (not known or "::" in url.partition("/")[0])
    if url.startswith("-") or program or not url.isprintable():
        # Git runs programs for some of them: `ext::sh -c …`.
        raise GitProblem(
            f"{url!r} is no repository's address", "repo", "write https://…, ssh://…, or a path"
        )
    return known


@contextmanager
def read_remote(url: str, base: str) -> Iterator[Checkout]:
    """The repository at its base: a branch, tag or full commit; at its HEAD if none is named.

    Raises GitProblem, FileProblem.
    """
    with tempfile.TemporaryDirectory(prefix="hive-remote-") as folder:
        path = Path(folder)
        git(path, "init", "--quiet", "--bare")
        git(path, "remote", "add", "origin", url)
        fetched = git(
            path, "fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none",
            "origin", plain_base(base) or "HEAD", check=False,
        )  # fmt: skip
        if fetched.returncode != 0:
            said = " ".join(fetched.stderr.split())[-500:]
            raise GitProblem(
                f"git cannot fetch {base or 'HEAD'}: {said}", url,
                f"try it yourself: git ls-remote {url}",
            )  # fmt: skip
        commit = git(path, "rev-parse", "--verify", "FETCH_HEAD^{commit}").stdout.strip()
        file = repository_file(path, commit) or RepositoryFile()
        yield Checkout(path, commit, _branch(path, base), changed=False, file=file, url=url)


def _branch(path: Path, base: str) -> str:
    if base:
        heads = git(path, "ls-remote", "--heads", "origin", f"refs/heads/{base}", check=False)
        return base if heads.stdout.strip() else ""
    named = _SYMREF.search(git(path, "ls-remote", "--symref", "origin", "HEAD", check=False).stdout)
    return named[1] if named else ""
