"""What a hive answers to its users."""

import msgspec

from hive_contracts.envelope import Recorded


class Launched(msgspec.Struct, frozen=True):
    mission_id: str
    name: str
    """The run's short name, such as `fix-upload-3`."""
    position: int
    """Reads at this position or later see the mission."""
    repeated: bool = False
    """The same command had been sent before; this is its first answer."""


class Retried(msgspec.Struct, frozen=True):
    """A mission that was launched once more, whole or what was left of it."""

    mission_id: str
    name: str
    position: int
    """Reads at this position or later see the mission."""
    failed: tuple[str, ...] = ()
    """Where only what failed was asked for: its tasks, as `phase/task`."""
    undone: tuple[str, ...] = ()
    """And what they held up."""
    start: str = ""
    """The commit that these go on from."""


class Told(msgspec.Struct, frozen=True):
    position: int
    """Reads at this position or later see it."""
    task: str
    """Phase and task."""


class TakenTask(msgspec.Struct, frozen=True):
    position: int
    """Reads at this position or later see it."""
    task: str
    """Phase and task."""
    task_id: str


class Continued(msgspec.Struct, frozen=True):
    mission_id: str
    name: str
    position: int
    continued: bool
    """False where no mission of that type was open, so that one was launched."""


class Arrived(msgspec.Struct, frozen=True):
    """An event of a subscription, and where to resume after it."""

    event: Recorded
    resume_token: str
    log_id: str
    head: int
    """The last position that the hive had recorded when it sent this."""


class Page(msgspec.Struct, frozen=True):
    events: tuple[Recorded, ...]
    next: int
    """Continue after this position."""
    head: int
    log_id: str
