"""What follows where a check, a merge queue or a pull request has changed on GitHub.

Webhooks come here, and what is looked at from time to time where they do not: it makes no
difference which of them is first, or that both come.
"""

import logging
from typing import Final

from hive_contracts.ids import NewId
from hive_github.api.errors import GithubError
from hive_github.api.waiting import waited_for
from hive_github.checks.buttons import Buttons, Pressed, Suite
from hive_github.checks.gates import GithubGates
from hive_github.checks.show import Shows
from hive_github.git import GitError
from hive_github.pulls.effect import Carrying
from hive_github.pulls.parts import branch_of
from hive_github.pulls.rounds import Rounds
from hive_github.views.reader import Ours, Views
from hive_shared.artifacts import ArtifactError
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

LOOK_SECONDS: Final = 60.0
OWN: Final = "hive/"
"""What the branches of missions begin with."""

_log = logging.getLogger("hive.github.reactions")


class Reactions:
    """Each method raises GithubError, GitError, ArtifactError, StoreError, Unanswered."""

    def __init__(
        self,
        views: Views,
        carrier: Carrying,
        rounds: Rounds,
        gates: GithubGates,
        shows: Shows,
        buttons: Buttons,
    ) -> None:
        self._views = views
        self._carrier = carrier
        self._rounds = rounds
        self._gates = gates
        self._shows = shows
        self._buttons = buttons

    async def run(self, clock: Clock, new_id: NewId, handling: Handling) -> None:
        """Look from time to time at what is to be merged, until cancelled."""
        while True:
            try:
                with handling.one():
                    await self.look(new_id)
            except StoreError as error:
                _log.warning("what is to be merged is looked at again later: %s", error)
            await clock.sleep(LOOK_SECONDS)

    async def look(self, new_id: NewId) -> None:
        """At all that is to be merged; what fails holds up no other. Raises StoreError."""
        for mission in await self._views.merging():
            await self._look_at(mission, new_id())

    async def ended(self, mission_id: str, cause: str) -> None:
        """The time that checks were given to begin is over. What fails waits for the next look."""
        try:
            await self._look_at(mission_id, cause)
        except StoreError as error:
            _log.warning("mission %s is looked at again later: %s", mission_id, error)

    async def _look_at(self, mission_id: str, cause: str) -> None:
        try:
            with waited_for("work"):
                await self._carrier.carry(mission_id, cause)
        except (GithubError, GitError, ArtifactError) as error:
            _log.warning("mission %s is looked at again later: %s", mission_id, error)

    async def pull_request(self, ours: Ours, cause: str) -> None:
        await self._rounds.of(ours.part).look(ours.mission_id, cause)
        if ours.mission_id in await self._views.merging():
            await self._carrier.carry(ours.mission_id, cause)

    async def branch(self, repository_id: str, branch: str, cause: str) -> str:
        """A mission's own branch is its pull request's head; any other may be the base of all.

        Why nothing follows from it; empty where something was looked at.
        """
        all = await self._views.open_at(repository_id)
        if branch.startswith(OWN):
            # That of a task may be what others are based on.
            own = [open for open in all if branch_of(open.mission, open.part) == branch]
            missions = {open.mission_id for open in own if open.part}
            meant = [open for open in all if open in own or open.mission_id in missions]
        else:
            meant = all
        for open in meant:
            await self._rounds.of(open.part).look(open.mission_id, cause)
        return "" if meant else f"no pull request of the hive's is concerned by {branch}"[:300]

    async def commit(self, commit: str, cause: str) -> str:
        """Why nothing follows from it; empty where something was looked at."""
        merging = await self._views.merging(commit)
        if not merging and not await self._views.waiting(commit):
            return f"nothing waits for checks on {commit[:12]}"
        await self._gates.look(commit)
        for mission in merging:
            await self._carrier.carry(mission, cause)
        return ""

    async def group(self, ours: Ours, head: str, cause: str) -> None:
        await self._shows.show_group(ours.mission_id, head, cause, ours.part)
        # What the queue judges can be seen only while it does.
        await self._rounds.of(ours.part).look(ours.mission_id, cause)

    async def button(self, pressed: Pressed, cause: str) -> str:
        """Why nothing follows from it; empty where something does."""
        return await self._buttons.press(pressed, cause)

    async def suite(self, suite: Suite, cause: str) -> str:
        """Why nothing follows from it; empty where something does."""
        return await self._buttons.press_all(suite, cause)
