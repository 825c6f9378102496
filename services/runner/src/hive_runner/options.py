"""What a runner is told at its start. `main` fills it from the settings."""

from pathlib import Path

import msgspec

from hive_contracts.output import KEPT
from hive_shared.profiles import Profile


class Options(msgspec.Struct, frozen=True):
    data: Path
    """The hive's data folder; the runner keeps to `runner` in it."""
    gateway: str
    """Host and port of the gateway's gRPC door."""
    token_file: Path
    name: str
    """What people call this runner."""
    slots: int = 4
    """Attempts at a time."""
    profiles: dict[str, Profile] = {}
    beat_seconds: float = 2
    """Between two beats, until the hive says otherwise."""
    kill_grace: float = 5
    """Seconds between TERM and KILL for an attempt's processes."""
    drain_seconds: float = 60
    """How long a drain waits for attempts that are at work."""
    output_bytes: int = KEPT
    """Kept of one command's output: its beginning and its end."""
    otlp_endpoint: str = ""

    @property
    def folder(self) -> Path:
        return self.data / "runner"
