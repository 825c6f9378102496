"""What a runner is told at its start. `main` fills it from the settings."""

from pathlib import Path
from typing import Literal

import msgspec

from hive_contracts.output import KEPT
from hive_runner.processes.bounds import Limits
from hive_shared.profiles import Profile


class Options(msgspec.Struct, frozen=True):
    data: Path
    """The hive's data folder; the runner keeps to one in it."""
    gateway: str
    """Host and port of the gateway's gRPC door."""
    token_file: Path
    name: str
    """What people call this runner."""
    folder_name: str = "runner"
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
    warm_trees: int = 4
    """Worktrees that are kept with their set-up done; 0 keeps none."""
    warm_seconds: float = 1
    """A set-up that takes less is done again: to keep its tree would cost about as much."""
    limits: Limits = Limits()
    """Of each attempt."""
    sandbox: Literal["auto", "on", "off"] = "auto"
    """`on` refuses to run without one."""
    keep_free: int = 0
    """Bytes of the data folder's disk that are to stay free."""
    disk: int = 0
    """Bytes that the runner's folder may take; 0 is no bound."""
    ports: tuple[int, int] = (20_000, 29_999)
    """The first and the last of those that attempts get."""

    @property
    def folder(self) -> Path:
        return self.data / self.folder_name
