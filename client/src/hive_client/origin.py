"""Which repository on GitHub a person's repository came from."""

import re
from pathlib import Path
from typing import Final

from hive_client.checkout import GitProblem, git
from hive_contracts.addresses import without_secret

_NAME: Final = re.compile(
    r"(?:(?:https?|ssh|git)://(?:[^/@]+@)?[^/]+/|(?:[\w.-]+@)?[\w.-]+:(?!/?/))"
    r"/?(?P<name>[A-Za-z0-9-]+/[A-Za-z0-9._-]+?)(?:\.git)?/?"
)


def name_in(url: str) -> str:
    """The `owner/name` in an address of https, ssh or scp's form; empty where there is none."""
    match = _NAME.fullmatch(url)
    return "" if match is None else match["name"]


def origin_name(url: str, repository: Path) -> str:
    """The `owner/name` of what a mission is fetched from: its URL, else its remote `origin`.

    Raises GitProblem where neither has one.
    """
    if name := name_in(url):
        return name
    asked = git(repository, "remote", "get-url", "origin", check=False)
    origin = asked.stdout.strip() if asked.returncode == 0 else ""
    if name := name_in(origin):
        return name
    seen = (
        f"its remote origin is {without_secret(origin)!r}" if origin else "it has no remote origin"
    )
    raise GitProblem(
        f"which repository on GitHub is meant cannot be seen: {seen}",
        str(repository),
        "name it as owner/name: `repository` of the pull request in the mission file, or "
        "`hive pr --repository`",
    )
