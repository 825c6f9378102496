"""The checks of a commit: which failed, which of them are known to fail by chance, and what they
say.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from hive_contracts.github.places import repository_path
from hive_github.api.errors import Refused
from hive_github.api.github import Github
from hive_github.checks.run import OURS
from hive_github.credentials import AppCredentials
from hive_github.look import SeenRepository
from hive_github.pulls.excerpt import clean
from hive_github.pulls.logs import ACTIONS, log_of

FAILED: Final = frozenset(("failure", "timed_out", "startup_failure", "error"))
"""Conclusions that somebody has to mend; one that was cancelled says nothing of the change."""
MAX_CHECKS: Final = 10
"""Failed checks that are told of at once; the others are named."""
MAX_TOLD: Final = 14_000
"""Characters of all that failed checks say."""
MAX_ANNOTATIONS: Final = 20


class Check(msgspec.Struct, frozen=True):
    """A check run or a commit status: the newest of its name."""

    name: str
    done: bool
    conclusion: str
    run: int = 0
    """The check run's number; 0 of a status."""
    app: str = ""
    """The App whose check run it is."""
    mark: str = ""
    """Another one where it was run again."""
    said: str = ""
    """Title, summary and text, or a status's description."""
    annotations: int = 0
    url: str = ""

    @property
    def failed(self) -> bool:
        return self.done and self.conclusion in FAILED


class Checks:
    def __init__(self, github: Github) -> None:
        self._github = github

    async def of(self, at: SeenRepository, commit: str) -> list[Check]:
        """Without those that the hive writes itself. Raises GithubError."""
        path = repository_path(at.full_name, "/commits/{}/check-runs", commit)
        runs = [
            _run(told)
            async for told in self._github.pages(path, at.installation, of="check_runs")
            if not self._is_ours(told)
        ]
        path = repository_path(at.full_name, "/commits/{}/status", commit)
        told = await self._github.get(path, at.installation)
        # With a token its person may set others, too: the hive's are known by their names.
        statuses = [each for each in told["statuses"] if not each["context"].startswith(OURS)]
        return [*runs, *map(_status, statuses)]

    async def by_chance(self, at: SeenRepository, commit: str, base: str, check: Check) -> str:
        """Why a failure may be nobody's fault; empty where nothing says so. Raises GithubError."""
        if not check.run:
            return ""
        path = repository_path(at.full_name, "/commits/{}/check-runs", commit)
        asked = {"check_name": check.name, "filter": "all"}
        async for told in self._github.pages(path, at.installation, of="check_runs", **asked):
            if told["id"] != check.run and told["conclusion"] == "success":
                return "it has passed on the same commit"
        path = repository_path(at.full_name, "/commits/{}/check-runs", base)
        asked = {"check_name": check.name}
        async for told in self._github.pages(path, at.installation, of="check_runs", **asked):
            if told["conclusion"] in FAILED:
                return "it fails on the base, too"
        return ""

    async def run_again(self, at: SeenRepository, check: Check) -> bool:
        """Ask for it once more; False where GitHub will not. Raises GithubError."""
        if check.app == ACTIONS:
            path = repository_path(at.full_name, "/actions/jobs/{}/rerun", check.run)
        else:
            path = repository_path(at.full_name, "/check-runs/{}/rerequest", check.run)
        try:
            await self._github.rest("POST", path, at.installation)
        except Refused:
            return False
        return True

    async def told(self, at: SeenRepository, failed: Sequence[Check], notes: dict[str, str]) -> str:
        """What failed checks say; `notes` by their names. Raises GithubError."""
        shown = failed[:MAX_CHECKS]
        share = MAX_TOLD // max(1, len(shown))
        parts = []
        for check in shown:
            note = f" ({notes[check.name]})" if check.name in notes else ""
            head = f"Check {clean(check.name)}: {check.conclusion}{note}"
            parts.append(f"{head}\n{await self._said(at, check, share - len(head) - 2)}".rstrip())
        if more := len(failed) - len(shown):
            parts.append(f"and {more} more checks failed")
        return "\n\n".join(parts)

    async def _said(self, at: SeenRepository, check: Check, most: int) -> str:
        if check.app == ACTIONS:
            log = await log_of(self._github, at.full_name, at.installation, check.run, most)
            if log:
                return log
        parts = [clean(check.said)]
        if check.annotations:
            parts.insert(0, await self._annotated(at, check))
        return "\n".join(filter(None, parts))[:most]

    async def _annotated(self, at: SeenRepository, check: Check) -> str:
        path = repository_path(at.full_name, "/check-runs/{}/annotations", check.run)
        try:
            found = await self._github.get(path, at.installation, per_page=MAX_ANNOTATIONS)
        except Refused:
            return ""
        return "\n".join(
            f"{clean(told['path'])}:{told['start_line']}: {clean(told.get('message') or '')}"
            for told in found
        )

    def _is_ours(self, told: Any) -> bool:
        credentials = self._github.credentials
        app = told.get("app") or {}
        return isinstance(credentials, AppCredentials) and app.get("id") == credentials.app_id


def _run(told: Any) -> Check:
    output = told.get("output") or {}
    said = [output.get(part) or "" for part in ("title", "summary", "text")]
    return Check(
        told["name"],
        told["status"] == "completed",
        told.get("conclusion") or "",
        told["id"],
        (told.get("app") or {}).get("slug") or "",
        f"{told['id']} {told.get('completed_at')}",
        "\n".join(filter(None, said)),
        output.get("annotations_count") or 0,
        told.get("html_url") or "",
    )


def _status(told: Any) -> Check:
    said = [told.get("description") or "", told.get("target_url") or ""]
    state = told["state"]
    return Check(
        told["context"], state != "pending", state, said="\n".join(filter(None, said)),
        url=told.get("target_url") or "",
    )  # fmt: skip
