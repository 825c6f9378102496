"""Which checks the rules of a branch want, as whoever may read the repository sees them. Adapter.

A branch has rules in two ways, which add up: its protection, and rulesets.
"""

from typing import Any, Final

import msgspec

from hive_contracts.github.places import repository_path
from hive_github.api.errors import Forbidden, NotFound
from hive_github.api.github import Github
from hive_github.checks.run import OURS
from hive_github.look import SeenRepository

CHECKS: Final = "required_status_checks"
WORKFLOWS: Final = "workflows"


class Required(msgspec.Struct, frozen=True):
    checks: tuple[str, ...] = ()
    """Names of check runs and statuses."""
    workflows: bool = False
    """Whether whole workflows have to pass, whose checks are named nowhere."""

    @property
    def of_others(self) -> bool:
        """Whether GitHub waits for anything that the hive does not say itself."""
        return self.workflows or any(not name.startswith(OURS) for name in self.checks)


async def required(github: Github, at: SeenRepository, branch: str) -> Required:
    """What cannot be seen is not known to be required. Raises GithubError."""
    path = repository_path(at.full_name, "/branches/{}", branch)
    protection = (await github.get(path, at.installation)).get("protection") or {}
    wanted = protection.get(CHECKS) or {}
    found: list[str] = list(wanted.get("contexts") or ())
    found += [each["context"] for each in wanted.get("checks") or ()]
    workflows = False
    for rule in await _rules(github, at, branch):
        if rule["type"] == CHECKS:
            wanted = rule.get("parameters") or {}
            found += [each["context"] for each in wanted.get(CHECKS) or ()]
        workflows = workflows or rule["type"] == WORKFLOWS
    return Required(tuple(dict.fromkeys(found)), workflows)


async def _rules(github: Github, at: SeenRepository, branch: str) -> list[Any]:
    """Older GitHub Enterprise Servers and some plans have none."""
    path = repository_path(at.full_name, "/rules/branches/{}", branch)
    try:
        return [told async for told in github.pages(path, at.installation)]
    except (NotFound, Forbidden):
        return []
