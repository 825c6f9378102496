"""Closes an issue with the merge of what a mission did for it.

    merged, and the mission has ended ─▶ open? ─▶ nobody closed or opened it since? ─▶ closed

GitHub does so by `Closes #7`, where the pull request is merged into the default branch, and may do
it at the same moment. Whoever opens it again has the last word: what has happened to the issue
since the merge is looked at first, so neither a crash between closing and its record nor a late
look closes it once more.
"""

from typing import Final

from hive_contracts.github.issue import IssuePlace, NoteClosed, NoteLeftOpen
from hive_github.api.errors import Limited, Refused
from hive_github.issues.places import IssuePlaces
from hive_github.issues.site import Site, moment
from hive_github.issues.standing import Standings
from hive_github.look import NoAccess, until_let_in
from hive_github.merging.landing import landed
from hive_github.records import Records

TURNED: Final = frozenset(("closed", "reopened"))
"""What happens to an issue that is closed or opened again, as GitHub lists it."""


class Closing:
    def __init__(
        self, records: Records, places: IssuePlaces, site: Site, standings: Standings
    ) -> None:
        self._records = records
        self._places = places
        self._site = site
        self._standings = standings

    async def close(self, mission_id: str, cause: str) -> None:
        """Nothing before all is merged, and nothing twice.

        Raises PutOff, GithubError, StoreError: to be tried again.
        """
        origin = await self._standings.origin(mission_id)
        if origin is None:
            return
        pulls = await self._records.pull_requests(mission_id)
        if landed(await self._standings.events("mission", mission_id), pulls) is None:
            return
        if mission_id in (await self._records.issue(origin.issue_id)).settled:
            return
        merged_ms = max(pull.merged_ms for pull in pulls.all())
        try:
            with until_let_in():
                place = await self._places.of(origin, cause)
                why = await self._closed(place, merged_ms / 1000)
        except Limited:
            raise
        except (NoAccess, Refused) as error:
            why = str(error)[:500]
        if why:
            await self._records.tell(NoteLeftOpen(origin.issue_id, mission_id, why), cause)
        else:
            await self._records.tell(NoteClosed(origin.issue_id, mission_id), cause)

    async def _closed(self, place: IssuePlace, merged: float) -> str:
        """Why it is left as it is; empty where it was closed. `merged`: seconds since 1970."""
        if (await self._site.issue(place))["state"] != "open":
            return "it was closed already"
        for event in await self._site.newest_events(place):
            if event["event"] in TURNED and moment(event["created_at"]) >= merged:
                who = (event["actor"] or {}).get("login") or "somebody"
                return f"it was {event['event']} after the merge, by {who}"
        await self._site.close(place)
        return ""
