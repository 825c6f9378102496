"""What GitHub could not deliver: looked for, and asked for again.

GitHub does not try again by itself. It keeps a list of deliveries for three days; each that is not
in the record is asked for once more, under the same GUID, so that whatever arrives after all is
recorded once. A token has no such list: then only reconciliation (looking at what is open) helps.
"""

import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

import msgspec

from hive_github.api.errors import GithubError, Refused, Unsettled
from hive_github.api.github import Github
from hive_github.credentials import AppCredentials
from hive_github.git import GitError
from hive_github.look import Looks, NoAccess
from hive_github.pulls.rounds import Rounds
from hive_github.views.reader import Views
from hive_github.webhooks.deliveries import Deliveries
from hive_shared.artifacts import ArtifactError
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

SWEEP_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 300.0
FIRST_HOURS: Final = 72.0
"""GitHub keeps deliveries for three days: how far the first sweep of a process looks back."""
OVERLAP_SECONDS: Final = 900.0
"""How far each later one looks back beyond the last: a delivery may be on its way."""
SETTLING_SECONDS: Final = 30.0
"""Younger deliveries may be on their way to us right now."""
AGAIN_SECONDS: Final = 600.0
"""After so long without success a delivery is asked for again."""

_CURSOR: Final = re.compile(r"[?&]cursor=([^&>]+)[^>]*>; rel=\"next\"")

_log = logging.getLogger("hive.github.sweeper")


class Listed(msgspec.Struct, frozen=True):
    """One attempt to deliver, as GitHub lists it."""

    id: int
    guid: str
    delivered_at: datetime
    event: str = ""


class Sweeper:
    def __init__(
        self,
        github: Github,
        deliveries: Deliveries,
        looks: Looks,
        views: Views,
        rounds: Rounds,
        clock: Clock,
    ) -> None:
        self._github = github
        self._deliveries = deliveries
        self._looks = looks
        self._views = views
        self._rounds = rounds
        self._clock = clock
        self.handling = Handling("sweeper", clock.monotonic, "job")
        self._since = clock.now_ms() / 1000 - FIRST_HOURS * 3600
        self._asked: dict[str, float] = {}

    async def run(self, keep_days: float) -> None:
        """Until cancelled."""
        looked = -LOOK_SECONDS
        while True:
            try:
                with self.handling.one():
                    if isinstance(self._github.credentials, AppCredentials):
                        await self.sweep()
                    if self._clock.monotonic() - looked >= LOOK_SECONDS:
                        looked = self._clock.monotonic()
                        await self.reconcile()
                    await self._deliveries.purge(keep_days)
            except (GithubError, StoreError) as error:
                _log.warning("the sweep waits: %s", error)
            await self._clock.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Ask again for what is missing; answers how many. Raises GithubError, StoreError."""
        now = self._clock.now_ms() / 1000
        listed: dict[str, Listed] = {}
        async for found in self._listed():
            at = found.delivered_at.timestamp()
            if at < self._since:
                break
            if at <= now - SETTLING_SECONDS:
                # The newest attempt comes first.
                listed.setdefault(found.guid.lower(), found)
        missing = listed.keys() - await self._deliveries.seen(listed)
        again = 0
        for guid in sorted(missing):
            if self._asked.get(guid, 0.0) <= now - AGAIN_SECONDS:
                self._asked[guid] = now
                await self._ask_again(listed[guid])
                again += 1
        self._asked = {guid: at for guid, at in self._asked.items() if guid in missing}
        # Whatever is still missing stays within the window until it has come, or is three days old.
        oldest = min((listed[guid].delivered_at.timestamp() for guid in missing), default=now)
        self._since = max(min(oldest, now) - OVERLAP_SECONDS, now - FIRST_HOURS * 3600)
        return again

    async def reconcile(self) -> None:
        """Look at every pull request that is known as open. Raises GithubError, StoreError."""
        cause = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).strftime(
            "look-%Y%m%dT%H%M%S"
        )
        for open in await self._views.open():
            where = (open.full_name, open.number, open.installation)
            try:
                looks, rounds = self._looks.of(open.part), self._rounds.of(open.part)
                await looks.pull_request(open.mission_id, *where, cause)
                await rounds.look(open.mission_id, cause)
            except (Refused, Unsettled, NoAccess, GitError, ArtifactError) as error:
                _log.warning("%s#%d waits: %s", open.full_name, open.number, error)

    async def _ask_again(self, listed: Listed) -> None:
        path = f"/app/hook/deliveries/{listed.id}/attempts"
        await self._github.rest("POST", path, 0)
        _log.info("asked again for delivery %s (%s)", listed.guid, listed.event)

    async def _listed(self) -> AsyncIterator[Listed]:
        """The newest first."""
        cursor = ""
        while True:
            query: dict[str, str | int] = {"per_page": 100}
            if cursor:
                query["cursor"] = cursor
            answer = await self._github.rest("GET", "/app/hook/deliveries", 0, query=query)
            for listed in msgspec.json.decode(answer.body, type=list[Listed]):
                yield listed
            following = _CURSOR.search(answer.headers.get("link", ""))
            if following is None:
                return
            cursor = unquote(following[1])
