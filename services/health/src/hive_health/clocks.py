"""How far clocks of machines are off that of the database, as far as heartbeats tell. Pure.

A beat tells when it was sent by the sender's clock. It may be late, never early: of the last few,
the one that seems to come from furthest ahead was the least late, so it says most.
"""

from collections import deque
from typing import Final

BEATS: Final = 8


class Clocks:
    """By host: the sender's clock less ours, in seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def saw(self, host: str, sent_ms: int, our_ms: int) -> None:
        """A beat came in; `our_ms` is the moment by our own clock."""
        if host and sent_ms:
            seen = self._seen.setdefault(host, deque(maxlen=BEATS))
            seen.append((sent_ms - our_ms) / 1000)

    def forget(self, hosts: set[str]) -> None:
        """Keep no others than these."""
        for host in [host for host in self._seen if host not in hosts]:
            del self._seen[host]

    def off(self, database: float) -> dict[str, float]:
        """Each host's clock less the database's; `database` is the database's less ours."""
        return {host: max(seen) - database for host, seen in self._seen.items()}
