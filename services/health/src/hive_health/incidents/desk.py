"""Answers what people ask about incidents, and lets them act."""

from collections.abc import Iterable
from typing import Final

import msgspec

from hive_contracts.codec import UnknownEvent
from hive_contracts.health import Member
from hive_contracts.ids import is_id
from hive_contracts.incident import (
    MAX_NOTE,
    AcknowledgeIncident,
    AnyIncidentCommand,
    MitigateIncident,
    NoteIncident,
    ResolveIncident,
)
from hive_contracts.incident_report import (
    IncidentQuery,
    IncidentReport,
    Incidents,
    IncidentsQuery,
    IncidentTold,
    TellIncident,
    TimelineEntry,
)
from hive_contracts.subjects import stream_name
from hive_contracts.submit import Refused
from hive_health.incidents.alert import clean
from hive_health.incidents.decider import NotNow
from hive_health.incidents.records import PAGE, Records, Told
from hive_health.incidents.register import Known
from hive_health.incidents.report import Story, summary_of
from hive_health.incidents.surroundings import Surroundings
from hive_health.incidents.watch import Watch
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import CommandReused, CommandTooOld, StoreError
from hive_shared.eventstore.port import EventStore

MOST: Final = 500
DEFAULT: Final = 50


class Desk:
    """Each method answers Refused where it cannot do what is asked."""

    def __init__(
        self,
        store: EventStore,
        records: Records,
        watch: Watch,
        surroundings: Surroundings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._records = records
        self._watch = watch
        self._surroundings = surroundings
        self._clock = clock

    async def incidents(self, asked: IncidentsQuery) -> Incidents | Refused:
        try:
            await self._watch.refresh()
        except StoreError as error:
            return _away(error)
        limit = min(asked.limit or DEFAULT, MOST)
        known = self._watch.register.newest(limit)
        return Incidents(tuple(map(summary_of, known)), self._watch.rules.problem)

    async def incident(
        self, asked: IncidentQuery, members: Iterable[Member] = ()
    ) -> IncidentReport | Refused:
        """`members`: processes, of which those that began in its time are told."""
        try:
            if isinstance(known := await self._found(asked.incident), Refused):
                return known
            story = Story()
            version = 0
            stream = stream_name("incident", known.id)
            while page := await self._store.read_stream(stream, version, PAGE):
                for recorded in page:
                    story.tell(recorded)
                version = page[-1].version
            about = summary_of(known)
            now_ms = self._clock.now_ms()
            until_ms = about.resolved_ms or now_ms
            story.timeline += _began(members, about.since_ms, until_ms, now_ms)
            around = await self._surroundings.between(about.since_ms, until_ms)
        except StoreError as error:
            return _away(error)
        return msgspec.structs.replace(
            story.report(about),
            happened=around.happened,
            missions=around.missions,
            missions_more=around.missions_more,
            left_out=around.left_out,
        )

    async def tell(self, asked: TellIncident) -> IncidentTold | Refused:
        if not is_id(asked.command_id):
            return Refused("invalid", "it is no command id", "command_id")
        note = asked.note.replace("\0", "").strip()
        if len(note) > MAX_NOTE:
            return Refused(
                "invalid", f"a note has at most {MAX_NOTE:,} characters", "note", "make it shorter"
            )
        if asked.verb == "note" and not note:
            return Refused("invalid", "the note is empty", "note", "say what you want noted")
        try:
            if isinstance(known := await self._found(asked.incident), Refused):
                return known
            command = self._command(asked, known.id, note)
            told = Told(asked.actor, asked.command_id)
            position = await self._records.tell(command, told)
            await self._watch.refresh()
        except NotNow as no:
            return Refused("conflict", no.message, asked.incident, no.remedy)
        except CommandReused as error:
            return Refused("reused", str(error), "command_id", "use a new command id")
        except CommandTooOld as error:
            return Refused("too-old", str(error), "command_id", "use a new command id")
        except (StoreError, UnknownEvent) as error:
            return _away(error)
        after = self._watch.register.named(known.id) or known
        return IncidentTold(summary_of(after), position)

    def _command(self, asked: TellIncident, id: str, note: str) -> AnyIncidentCommand:
        now_ms, by = self._clock.now_ms(), asked.actor
        match asked.verb:
            case "acknowledge":
                return AcknowledgeIncident(id, now_ms, by, note)
            case "mitigate":
                return MitigateIncident(id, now_ms, by, note)
            case "resolve":
                return ResolveIncident(id, now_ms, by, note, asked.anyway)
            case "note":
                return NoteIncident(id, now_ms, by, note)

    async def _found(self, name: str) -> Known | Refused:
        """Raises StoreError."""
        await self._watch.refresh()
        found = self._watch.register.named(name)
        if found is not None:
            return found
        return Refused(
            "not-found", f"no incident is named {clean(name)[:80]!r}", "incident",
            "`hive incidents` lists them",
        )  # fmt: skip


def _began(
    members: Iterable[Member], since_ms: int, until_ms: int, now_ms: int
) -> list[TimelineEntry]:
    """Processes that began in that time: something was started anew."""
    entries = []
    for member in members:
        if member.up_s is None or member.state != "alive":
            continue
        at_ms = now_ms - int(1000 * (member.up_s + (member.heard_s_ago or 0)))
        if since_ms <= at_ms <= until_ms:
            text = f"a process of {member.service} began{f' on {member.host}' * bool(member.host)}"
            entries.append(TimelineEntry(at_ms, "started", text))
    return entries


def _away(error: Exception) -> Refused:
    return Refused("unavailable", f"the record does not answer: {error}", remedy="repeat")
