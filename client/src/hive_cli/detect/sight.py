"""A repository's files as detectors want them, read from a checkout."""

import re
from pathlib import Path
from typing import Final

from hive_client.checkout import GitProblem, git

MAX_TEXT: Final = 512 * 1024
"""Bytes of one file; larger ones are no configuration that people wrote."""
MAX_FILES: Final = 400
_READ: Final = re.compile(
    r"(?:[^/]+/){0,3}(pyproject\.toml|setup\.(py|cfg)|Pipfile|requirements[^/]*\.txt|requirements/[^/]+\.txt|tox\.ini|"
    r"package\.json|go\.(mod|work)|Cargo\.toml|pom\.xml|(build|settings)\.gradle(\.kts)?|"
    r"(GNUm|M|m)akefile|yarn\.lock)"
    r"|\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml|\.devcontainer/devcontainer\.json|"
    r"\.devcontainer\.json"
)


def top_of(path: Path) -> Path:
    """The top folder of the checkout around a folder. Raises GitProblem."""
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        raise GitProblem("there is no such folder", str(path), "name a repository with --repo PATH")
    if git(folder, "rev-parse", "--is-inside-work-tree").stdout.strip() != "true":
        raise GitProblem(
            "this repository has no checkout to write a file into",
            str(folder),
            "go into a checkout",
        )
    return Path(git(folder, "rev-parse", "--show-toplevel").stdout.rstrip("\n"))


def files_of(top: Path) -> dict[str, str]:
    """Paths of all files that are not ignored, with the text of those that detectors read."""
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    paths = sorted(path for path in listed.split("\0") if path)
    files = dict.fromkeys(paths, "")
    wanted = [path for path in paths if _READ.fullmatch(path)]
    for path in sorted(wanted, key=lambda path: path.count("/"))[:MAX_FILES]:
        files[path] = _text(top / path)
    return files


def ignored_of(top: Path) -> list[str]:
    """Files that git ignores, but for those in folders that are ignored whole."""
    listed = git(
        top, "-c", "core.fsmonitor=false", "ls-files", "-z", "--others", "--ignored",
        "--exclude-standard", "--directory",
    ).stdout  # fmt: skip
    return [path for path in listed.split("\0") if path and not path.endswith("/")]


def _text(path: Path) -> str:
    """Empty for what is gone, no plain file, or too large."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_TEXT:
            return ""
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
