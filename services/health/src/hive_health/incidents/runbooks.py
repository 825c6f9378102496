"""Launches an incident's runbook: an effect of its first event, so it happens once.

The orchestrator takes the launch once under the effect's id; what it answered is then recorded with
the incident. A runbook that cannot be launched is said so there, and not tried for ever.
"""

import logging
from pathlib import Path
from typing import Final, Protocol

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.files.document import FileProblem
from hive_contracts.files.runbook import read_runbook, runbook_plan
from hive_contracts.incident import FailRunbook, IncidentOpened, NoteRunbook
from hive_contracts.mission import LaunchMission
from hive_contracts.plan import Plan
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_health.incidents.records import ACTOR, Records
from hive_shared.clock import Clock

MAX_AGE_MS: Final = 24 * 3600 * 1000

_log = logging.getLogger("hive.health.runbooks")


class NotLaunched(Exception):
    """The orchestrator did not answer, or could not take it now."""


class Launching(Protocol):
    async def submit(self, submission: Submission) -> Answer:
        """Raises NotLaunched where nobody answered."""
        ...


class Runbooks:
    """An Effect (see `hive_shared.subscriptions.effects`)."""

    name: Final = "runbooks"

    def __init__(
        self, records: Records, orchestrator: Launching, folder: Path, clock: Clock
    ) -> None:
        """`folder`: where paths of runbooks begin."""
        self._records = records
        self._orchestrator = orchestrator
        self._folder = folder
        self._clock = clock

    def wants(self, event: Recorded) -> bool:
        if event.type != IncidentOpened.__name__ or b'"runbook":' not in event.data:
            return False
        age = self._clock.now_ms() - int(event.recorded_at.timestamp() * 1000)
        return age < MAX_AGE_MS

    async def perform(self, event: Recorded, effect_id: str) -> None:
        opened = decode_known(event)
        if not isinstance(opened, IncidentOpened) or not opened.runbook:
            return
        if (await self._records.load(opened.incident_id)).state.runbook_done:
            return  # the mission may have ended, and the file have changed, since
        try:
            plan = self._plan(opened)
        except FileProblem as problem:
            await self._fail(opened, str(problem), "`hive incidents check` reads it again")
            return
        submission = Submission(effect_id, ACTOR, LaunchMission("", plan), event.meta.traceparent)
        match await self._orchestrator.submit(submission):
            case Accepted(id=mission_id, name=mission):
                noted = NoteRunbook(opened.incident_id, self._clock.now_ms(), mission_id, mission)
                await self._records.tell(noted)
                _log.info("launched %s for %s", mission, opened.name)
            case Refused(code="unavailable", message=message):
                raise NotLaunched(message)
            case Refused(message=message, remedy=remedy):
                await self._fail(opened, message, remedy)

    def _plan(self, opened: IncidentOpened) -> Plan:
        """Raises FileProblem."""
        facts = {
            "incident": opened.name,
            "cause": opened.cause,
            "severity": opened.severity,
            "title": opened.title,
            "firing": opened.firing,
            "remedy": opened.remedy,
            "alerts": [
                {"name": each.name, "about": each.about, "text": each.text}
                for each in opened.alerts[:5]
            ],
        }
        file = read_runbook(self._folder / opened.runbook)
        return runbook_plan(file, opened.name, opened.title, facts)

    async def _fail(self, opened: IncidentOpened, reason: str, remedy: str) -> None:
        failed = FailRunbook(opened.incident_id, self._clock.now_ms(), reason, remedy)
        await self._records.tell(failed)
        _log.warning("the runbook of %s was not launched: %s", opened.name, reason)
