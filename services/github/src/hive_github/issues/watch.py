"""Looks at issues that changed, every few minutes: what no webhook told of is found all the same.

With a plain token this is the only way in which the hive hears of an issue.
"""

import logging
from datetime import UTC, datetime
from typing import Final

from hive_contracts.github.places import repository_path
from hive_github.api.errors import GithubError, Limited
from hive_github.api.github import Github
from hive_github.issues.look import BACK_SECONDS, IssueLooks
from hive_github.look import NoAccess
from hive_github.views.reader import Reached, Views
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

LOOK_SECONDS: Final = 300.0
OVERLAP_SECONDS: Final = 120.0
"""How far each look reaches back beyond the last: clocks differ."""

_log = logging.getLogger("hive.github.issues")


class IssueWatch:
    def __init__(self, github: Github, views: Views, looks: IssueLooks, clock: Clock) -> None:
        self._github = github
        self._views = views
        self._looks = looks
        self._clock = clock
        self.handling = Handling("issues watched", clock.monotonic, "job")
        self._since: dict[str, float] = {}
        """By repository: up to when its issues were looked at, in seconds since 1970."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                with self.handling.one():
                    await self.look()
            except (Limited, StoreError) as error:
                _log.warning("issues are looked at later: %s", error)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """At every repository that the hive reaches. Raises Limited, StoreError."""
        for reached in await self._views.reached():
            try:
                await self._repository(reached)
            except Limited:
                raise
            except (GithubError, NoAccess) as error:
                _log.info("the issues of %s cannot be looked at: %s", reached.full_name, error)

    async def _repository(self, reached: Reached) -> None:
        now = self._clock.now_ms() / 1000
        oldest = now - BACK_SECONDS
        since = max(self._since.get(reached.repository_id, oldest) - OVERLAP_SECONDS, oldest)
        at = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = repository_path(reached.full_name, "/issues")
        async for told in self._github.pages(
            path, reached.installation, state="open", sort="updated", direction="asc", since=at
        ):
            if told.get("pull_request"):
                continue
            # Nobody has asked for anything where nothing was done since it was opened.
            if told["comments"] or told["labels"] or told["assignees"]:
                where = (reached.full_name, int(told["number"]), reached.installation)
                await self._looks.issue(*where, f"look-{at}")
        self._since[reached.repository_id] = now
