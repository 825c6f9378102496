"""Which files of a person's checkout a mission brings into its worktrees."""

from collections.abc import Sequence
from pathlib import Path

from hive_client.checkout import git


def copied_in(top: Path, patterns: Sequence[str]) -> list[str]:
    """The ignored files that `copy` of the repository file names, as the runner will find them.

    Raises GitProblem.
    """
    if not patterns or not (top / ".git").exists():
        return []
    globs = [f":(glob){each.rstrip('/')}{below}" for each in patterns for below in ("", "/**")]
    said = git(
        top, "-c", "core.fsmonitor=false", "ls-files", "-z", "--others", "--ignored",
        "--exclude-standard", "--", *globs,
    )  # fmt: skip
    return sorted({path for path in said.stdout.split("\0") if path})
