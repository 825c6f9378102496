"""Where the issue of a mission is by now: repositories are renamed and transferred."""

from hive_contracts.github.issue import IssuePlace
from hive_contracts.plan import Origin
from hive_github.look import Looks
from hive_github.records import Records


class IssuePlaces:
    def __init__(self, records: Records, looks: Looks) -> None:
        self._records = records
        self._looks = looks

    async def of(self, origin: Origin, cause: str) -> IssuePlace:
        """Raises NoAccess, GithubError, StoreError."""
        repository_id, _, number = origin.issue_id.rpartition("-")
        seen = (await self._records.repository(repository_id)).seen
        name, installation = origin.issue.partition("#")[0], 0
        if seen is not None:
            name, installation = seen.full_name, seen.installation
        at = await self._looks.repository(name, cause, known=installation)
        return IssuePlace(at.repository_id, at.full_name, int(number), at.installation)
