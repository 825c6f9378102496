"""What a process says of itself on `hive.heartbeats.<service>.<instance>`; it may get lost."""

from typing import Literal

import msgspec

State = Literal["starting", "ready", "draining"]


class Heartbeat(msgspec.Struct, frozen=True):
    service: str
    instance: str
    """Another one at each start of the process."""
    version: str
    """Of the service's package."""
    state: State
    uptime_s: float
    """Since the process began, on its own clock."""
    every_s: float
    """Seconds until the next one: who is silent for much longer is not there."""
