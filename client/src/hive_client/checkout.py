"""A person's checkout, read with their own git: what a mission starts from."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts.files import FileProblem, RepositoryFile, parse_repository
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.plan import Repository

GIT_SECONDS: Final = 60

_OF_A_REPOSITORY: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
"""Set where we are called from a git hook: they would lead to the hook's repository."""


class GitProblem(FileProblem):
    """Git, or the repository, does not allow what is wanted."""


class Checkout(msgspec.Struct, frozen=True):
    path: Path
    """Its top folder; of a bare repository the repository itself."""
    commit: str
    """What HEAD, or the base that was named, points to."""
    branch: str
    """The branch of that name, or the one that is checked out; empty if none is."""
    changed: bool
    """Whether files differ from that commit: a mission does not see this."""
    file: RepositoryFile
    """Of that commit."""
    url: str = ""
    """What git fetches from, where that is not the path."""
    file_is_new: bool = False
    """Whether a repository file lies there that this commit does not have: it does not count."""

    @property
    def repository(self) -> Repository:
        return Repository(self.url or str(self.path), self.commit, self.branch)


def git(
    path: Path,
    *arguments: str,
    check: bool = True,
    extra: Mapping[str, str] | None = None,
    seconds: float = GIT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, in English and without asking anybody. Raises GitProblem.

    `extra`: variables of its environment.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    environment = kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    environment |= extra or {}
    try:
        done = subprocess.run(
            ["git", "-C", str(path), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise GitProblem("git is not installed", "PATH", "install git") from None
    except subprocess.TimeoutExpired as error:
        raise GitProblem(
            f"git {arguments[0]} took too long",
            str(path),
            f"run `git {arguments[0]}` there to see what it waits for",
        ) from error
    if check and done.returncode != 0:
        raise _problem(path, arguments[0], done.stderr)
    return done


def read_checkout(path: Path, base: str = "") -> Checkout:
    """The repository around a folder, at its HEAD or at the branch, tag or commit that is named.

    Raises GitProblem, FileProblem.
    """
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        raise GitProblem("there is no such folder", str(path), "name a repository with --repo PATH")
    bare = git(folder, "rev-parse", "--is-bare-repository").stdout.strip() == "true"
    where = ("--absolute-git-dir",) if bare else ("--show-toplevel",)
    top = Path(git(folder, "rev-parse", *where).stdout.rstrip("\n"))
    named = plain_base(base) or "HEAD"
    head = git(top, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}", check=False)
    if head.returncode != 0 and base:
        raise GitProblem(
            f"there is no branch, tag or commit `{base}`", str(top), "name one that is there"
        )
    if head.returncode != 0:
        raise GitProblem(
            "the repository has no commit yet",
            str(top),
            "commit something: git add . && git commit",
        )
    commit = head.stdout.strip()
    branch = _branch(top, base)
    changed = "" if bare else git(top, "status", "--porcelain").stdout.strip()
    file = repository_file(top, commit)
    is_new = file is None and not bare and (top / REPOSITORY_FILE).is_file()
    return Checkout(
        top, commit, branch, bool(changed), file or RepositoryFile(), file_is_new=is_new
    )


def plain_base(base: str) -> str:
    """The same name, if git cannot take it for an option or for more than a name."""
    if base.startswith("-") or any(c in base for c in "^~:?*[\\ \t\n\0") or ".." in base:
        raise GitProblem(
            f"{base!r} is no name of a branch, tag or commit", "repo", "write such as main or v1.2"
        )
    return base


def repository_file(top: Path, commit: str) -> RepositoryFile | None:
    """The repository file of a commit; None where it has none. Raises FileProblem."""
    name = f"{commit}:{REPOSITORY_FILE}"
    if git(top, "cat-file", "-e", name, check=False).returncode != 0:
        return None
    return parse_repository(git(top, "cat-file", "blob", name).stdout, REPOSITORY_FILE)


def _branch(top: Path, base: str) -> str:
    if not base:
        return git(top, "symbolic-ref", "--quiet", "--short", "HEAD", check=False).stdout.strip()
    known = git(top, "show-ref", "--verify", "--quiet", f"refs/heads/{base}", check=False)
    return base if known.returncode == 0 else ""


def _problem(path: Path, command: str, said: str) -> GitProblem:
    if "dubious ownership" in said:
        return GitProblem(
            "the repository belongs to another user, and git does not open it",
            str(path),
            f"if you trust it: git config --global --add safe.directory {path}",
        )
    if "not a git repository" in said:
        return GitProblem(
            "this is not a git repository",
            str(path),
            "go into one, name one with --repo PATH, or make one: git init && git commit",
        )
    return GitProblem(
        f"git {command} failed: {said.strip()[-500:]}",
        str(path),
        "mend the repository: `git status` and `git fsck` there say what is wrong with it",
    )
