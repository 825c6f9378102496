"""Which events a reader asked for."""

import hashlib

import msgspec

from hive_contracts.envelope import Recorded


class Filter(msgspec.Struct, frozen=True):
    """Any of these; without any, all events."""

    categories: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    mission_id: str = ""

    def matches(self, event: Recorded) -> bool:
        """Each kind of condition that is set must hold."""
        return (
            (not self.streams or event.stream in self.streams)
            and (not self.types or event.type in self.types)
            and (not self.categories or event.stream.partition("-")[0] in self.categories)
            and (not self.mission_id or event.meta.correlation == self.mission_id)
        )

    def digest(self) -> str:
        """16 hex digits: the same for the same filter, in whichever order it was written."""
        parts = [sorted(self.categories), sorted(self.streams), sorted(self.types), self.mission_id]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
