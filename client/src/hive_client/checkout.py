"""A person's checkout, read with their own git: what a mission starts from."""

import os
import subprocess
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
    """What HEAD points to."""
    branch: str
    """The branch that is checked out; empty if none is."""
    changed: bool
    """Whether files differ from that commit: a mission does not see this."""
    file: RepositoryFile
    """Of that commit."""

    @property
    def repository(self) -> Repository:
        return Repository(str(self.path), self.commit, self.branch)


def git(
    path: Path, *arguments: str, check: bool = True, seconds: float = GIT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, in English and without asking anybody. Raises GitProblem."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    environment = kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
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
        raise GitProblem(f"git {arguments[0]} took too long", str(path)) from error
    if check and done.returncode != 0:
        raise _problem(path, arguments[0], done.stderr)
    return done


def read_checkout(path: Path) -> Checkout:
    """The repository around a folder. Raises GitProblem, FileProblem."""
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        raise GitProblem("there is no such folder", str(path), "name a repository with --repo PATH")
    bare = git(folder, "rev-parse", "--is-bare-repository").stdout.strip() == "true"
    where = ("--absolute-git-dir",) if bare else ("--show-toplevel",)
    top = Path(git(folder, "rev-parse", *where).stdout.rstrip("\n"))
    head = git(top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
    if head.returncode != 0:
        raise GitProblem(
            "the repository has no commit yet",
            str(top),
            "commit something: git add . && git commit",
        )
    commit = head.stdout.strip()
    branch = git(top, "symbolic-ref", "--quiet", "--short", "HEAD", check=False).stdout.strip()
    changed = "" if bare else git(top, "status", "--porcelain").stdout.strip()
    return Checkout(top, commit, branch, bool(changed), _repository_file(top, commit))


def _repository_file(top: Path, commit: str) -> RepositoryFile:
    name = f"{commit}:{REPOSITORY_FILE}"
    if git(top, "cat-file", "-e", name, check=False).returncode != 0:
        return RepositoryFile()
    return parse_repository(git(top, "cat-file", "blob", name).stdout, REPOSITORY_FILE)


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
    return GitProblem(f"git {command} failed: {said.strip()[-500:]}", str(path))
