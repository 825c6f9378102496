"""What an event store does.

An append is all or nothing over as many streams as it names. It carries the versions that its
decision was based on, a command id under which it takes effect once, and, where only one process
may act, a fence.
"""

from typing import Final, Protocol

import msgspec

from hive_contracts.envelope import NewEvent, Recorded

MAX_EVENTS: Final = 256
"""Events in one append."""
MAX_EVENT_BYTES: Final = 65_536
"""Bytes of one event's data; what is larger is an artifact."""
COMMAND_RETENTION_MS: Final = 30 * 24 * 3600 * 1000
"""A command id (UUIDv7) older than this is refused, as its first answer may be gone."""


class CommandKey(msgspec.Struct, frozen=True):
    """The id under which a command takes effect once."""

    caller: str
    """Ids are scoped to the caller: an opaque actor id."""
    id: str
    """UUIDv7, minted by the caller: derive it from what caused the command, not from what it is
    about, or it is refused as too old while a mission of 31 days still runs."""
    fingerprint: bytes
    """SHA-256 of the payload (32 bytes): another payload under the same id is an error."""


class StreamVersion(msgspec.Struct, frozen=True):
    stream: str
    version: int
    """The version that was decided on; 0 is a stream that does not exist."""


class Fence(msgspec.Struct, frozen=True):
    """The right to act alone. Each database role has fences of its own."""

    name: str
    token: int
    """As long as nobody else has taken the fence, it holds, even where its time ran out."""


class Append(msgspec.Struct, frozen=True):
    """One decision, to be written whole or not at all.

    Every stream that an event goes to must be in `expected`; a stream there without an event is a
    condition. No events at all is a decision too ("nothing to do"): its answer is kept.
    """

    expected: tuple[StreamVersion, ...]
    events: tuple[NewEvent, ...]
    command: CommandKey | None = None
    answer: bytes = b""
    """What a repetition of the command is answered, as JSON; at most 8 KiB."""
    fence: Fence | None = None


class Appended(msgspec.Struct, frozen=True):
    position: int
    """Of the last event written; where none was, of the log's head at that moment."""
    answer: bytes
    """The first answer given to this command id."""
    repeated: bool = False
    """True where the command had taken effect before, and nothing was written now."""


class Head(msgspec.Struct, frozen=True):
    position: int
    """The last position; 0 in an empty log."""
    log_id: str
    """The history's id (UUID as 32 hex digits), new at each restore."""


class EventStore(Protocol):
    async def append(self, append: Append) -> Appended:
        """Write one decision.

        Raises VersionConflict, Fenced, CommandReused, CommandTooOld, EventTooLarge, TooManyEvents,
        NulCharacter, NotAllowed (this role may not write that category), StoreUnavailable (nothing
        is known of the outcome: send it again under the same command id).
        """
        ...

    async def first_answer(self, command: CommandKey) -> Appended | None:
        """What this command was answered before, if it was. Raises CommandReused, CommandTooOld."""
        ...

    async def read_stream(self, stream: str, after: int = 0, limit: int = 1000) -> list[Recorded]:
        """Events of a stream with `version > after`, in order."""
        ...

    async def read_all(self, after: int, limit: int = 1000) -> list[Recorded]:
        """Events with `position > after`, in order, without gaps."""
        ...

    async def read_category(self, category: str, after: int, limit: int = 1000) -> list[Recorded]:
        """Events of all streams of a category with `position > after`, in order."""
        ...

    async def head(self) -> Head: ...

    async def take_fence(self, name: str, holder: str, ttl_ms: int) -> Fence | None:
        """Take or keep the fence for `ttl_ms` of database time; None while another holder has it.

        The token grows each time that the fence passes to another holder, or is taken again after
        it ran out; an append with an older token is refused with Fenced.
        """
        ...

    async def release_fence(self, fence: Fence) -> None:
        """Let another holder take it at once."""
        ...
