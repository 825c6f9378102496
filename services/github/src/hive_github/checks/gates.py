"""Answers gates that GitHub judges: looks at the check on the pushed commit, and says what it saw.

    CheckAwaited ──▶ a row that waits ──looked at──▶ ConcludeCheck to the orchestrator
                          ▲  ▲    ├── not completed, or not pushed yet: waits on
                          │  │    └── failed, and it is a round's to mend: waits until that is so
     webhooks of checks ──┘  └── every 20 s: webhooks get lost, and a token has none

Who looks does not matter, nor how often: the command's id is that of what was seen.
"""

import logging
from typing import Any, Final, Protocol

import msgspec

from hive_contracts.github.places import repository_path
from hive_contracts.ids import derived_id
from hive_contracts.outcome import GateResult
from hive_contracts.submit import Refused, Submission
from hive_contracts.task import ConcludeCheck
from hive_github.api.errors import Forbidden, GithubError, NotFound
from hive_github.api.github import Github
from hive_github.checks.verdict import Said, of_name, said_by_run, said_by_status, verdict
from hive_github.orchestrator import Commands, Unanswered
from hive_github.pulls.logs import ACTIONS, log_of
from hive_github.views.reader import Views, Waiting
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

LOOK_SECONDS: Final = 20.0
MAX_LOG: Final = 6_000
"""Characters of a job's log that a failure tells of."""
ACTOR: Final = "github"

_log = logging.getLogger("hive.github.gates")


class Taking(Protocol):
    async def takes(self, mission_id: str, commit: str, check: str, cause: str) -> bool:
        """Whether something is done about a failure, so that the gate is not concluded yet.

        Raises GithubError, StoreError.
        """
        ...


class GithubGates:
    def __init__(
        self, github: Github, views: Views, orders: Commands, rounds: Taking, clock: Clock
    ) -> None:
        self._rounds = rounds
        self._github = github
        self._views = views
        self._orders = orders
        self._clock = clock
        self.handling = Handling("gates", clock.monotonic, "job")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                with self.handling.one():
                    await self.look()
            except (GithubError, StoreError, Unanswered) as error:
                _log.warning("checks are looked at again later: %s", error)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self, commit: str = "") -> None:
        """At all that is waited for, or what is waited for on one commit.

        Raises GithubError, StoreError, Unanswered: the others were looked at all the same.
        """
        trouble: Exception | None = None
        for waiting in await self._views.waiting(commit):
            try:
                await self._one(waiting)
            except (GithubError, Unanswered) as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def _one(self, waiting: Waiting) -> None:
        said = of_name(waiting.check, await self._said(waiting))
        told = (waiting.gate, waiting.check, waiting.commit, said)
        result = verdict(*told)
        if result is None:
            return
        if not result.passed:
            where = (waiting.mission_id, waiting.commit, waiting.check)
            if await self._rounds.takes(*where, waiting.task_id):
                return
            why = [await self._why(waiting, each) for each in said if not each.is_good]
            result = verdict(*told, [line for lines in why for line in lines])
            assert result is not None
        digest = msgspec.json.encode(result).hex()
        command = ConcludeCheck(waiting.task_id, waiting.commit, result)
        id = derived_id(waiting.task_id, "check", waiting.gate, digest)
        answer = await self._orders.submit(Submission(id, ACTOR, command))
        if isinstance(answer, Refused):
            _log.info("%s of %s: %s", waiting.gate, waiting.mission_id, answer.message)
        else:
            _log.info("%s of %s: %s", waiting.gate, waiting.mission_id, _word(result))

    async def _said(self, waiting: Waiting) -> list[Said]:
        path = repository_path(waiting.full_name, "/commits/{}", waiting.commit)
        at = waiting.installation
        runs = self._github.pages(
            f"{path}/check-runs", at, of="check_runs", check_name=waiting.check, filter="latest"
        )
        statuses = self._github.pages(f"{path}/status", at, of="statuses")
        said: list[Said] = []
        for what, pages, read in (
            ("checks", runs, said_by_run),
            ("commit statuses", statuses, said_by_status),
        ):
            try:
                said += [read(told) async for told in pages]
            except Forbidden:
                _log.warning("%s: %s may not be read", waiting.full_name, what)
        return said

    async def _why(self, waiting: Waiting, said: Said) -> list[str]:
        """What matters of its log, else what its annotations say, as compilers would."""
        if not said.conclusion or not said.number:
            return []
        if said.app == ACTIONS:
            where = (waiting.full_name, waiting.installation, said.number)
            if log := await log_of(self._github, *where, MAX_LOG):
                return [log]
        path = repository_path(waiting.full_name, "/check-runs/{}/annotations", said.number)
        try:
            found: list[Any] = await self._github.get(path, waiting.installation)
        except (NotFound, Forbidden):
            return []
        return [f"{each['path']}:{each['start_line']}: {each['message']}" for each in found]


def _word(result: GateResult) -> str:
    return "passed" if result.passed else result.reason
