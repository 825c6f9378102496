"""All incidents as the record has them, folded in memory. Pure, but for what is handed to it."""

from collections import OrderedDict
from typing import Final

import msgspec

from hive_contracts.codec import decode_known
from hive_contracts.envelope import Recorded
from hive_contracts.incident import AnyIncidentEvent, IncidentEvent, IncidentOpened, RunbookLaunched
from hive_health.incidents.decider import INITIAL, Incident, evolve

KEPT: Final = 2_000
"""Incidents that are remembered; of older ones that are resolved the newest of each cause is."""


class Known(msgspec.Struct, frozen=True):
    id: str
    opened: IncidentOpened
    state: Incident
    opened_at: int
    """Position of its first event."""
    last_at: int
    """Position of its last."""
    mission: str = ""
    """The short name of its runbook's mission."""


class Register:
    def __init__(self) -> None:
        self.restart("")

    def restart(self, log_id: str) -> None:
        """Empty, to be read from the beginning of this history."""
        self.position = 0
        self.log_id = log_id
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._latest: dict[str, str] = {}
        """By cause: the id of its last incident."""

    def apply(self, recorded: Recorded) -> None:
        self.position = recorded.position
        event = decode_known(recorded)
        if isinstance(event, IncidentEvent):
            self._fold(event, recorded.position)

    def _fold(self, event: AnyIncidentEvent, position: int) -> None:
        if isinstance(event, IncidentOpened):
            state = evolve(INITIAL, event)
            self._known[event.incident_id] = Known(
                event.incident_id, event, state, position, position
            )
            self._latest[event.cause] = event.incident_id
            self._forget()
        elif (known := self._known.get(event.incident_id)) is not None:
            mission = event.mission if isinstance(event, RunbookLaunched) else known.mission
            self._known[known.id] = msgspec.structs.replace(
                known, state=evolve(known.state, event), last_at=position, mission=mission
            )

    def open(self) -> list[Known]:
        """Those that are not resolved, the oldest first."""
        return [each for each in self._known.values() if each.state.status != "resolved"]

    def watched(self) -> list[Known]:
        """Those, and what a person resolved though alerts of it fire."""
        known = self._known.values()
        return [each for each in known if each.state.status != "resolved" or each.state.firing]

    def latest(self, cause: str) -> Known | None:
        id = self._latest.get(cause)
        return None if id is None else self._known.get(id)

    def of(self, name: str) -> list[Known]:
        """Those whose cause has this name."""
        return [each for each in self._known.values() if each.opened.cause.startswith(f"{name}/")]

    def newest(self, most: int) -> list[Known]:
        """Those that are not resolved, then the others; the newest first."""
        known = sorted(self._known.values(), key=lambda each: -each.opened_at)
        known.sort(key=lambda each: each.state.status == "resolved")
        return known[:most]

    def named(self, name: str) -> Known | None:
        """By its short name or id."""
        if name in self._known:
            return self._known[name]
        return next((each for each in self._known.values() if each.opened.name == name), None)

    def _forget(self) -> None:
        if len(self._known) <= KEPT:
            return
        for id, known in self._known.items():
            if known.state.status == "resolved" and self._latest[known.opened.cause] != id:
                del self._known[id]
                return
