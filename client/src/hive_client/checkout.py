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


def git(path: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, in English and without asking anybody. Raises GitProblem."""
    # Variables of a git hook that we may run in would name another repository.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _GIT_KEPT}
    environment = kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(path), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise GitProblem("git is not installed", "PATH", "install git") from None
    except subprocess.TimeoutExpired as error:
        raise GitProblem(f"git {arguments[0]} took too long", str(path)) from error
    if check and done.returncode != 0:
        raise _problem(path, arguments[0], done.stderr)
    return done


_GIT_KEPT: Final = frozenset(
    {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSH_COMMAND"}
)


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
