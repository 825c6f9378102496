"""Why a store refuses.

StoreError
├── VersionConflict     a stream has moved on since the decision
├── Fenced              another holder has the fence
├── CommandReused       the command id was used for another payload
├── CommandTooOld       the command id is older than the retention
├── InvalidAppend       the append itself is wrong
│   ├── EventTooLarge
│   ├── TooManyEvents
│   └── NulCharacter
├── NotAllowed          this role may not write that category
└── StoreUnavailable    no answer: the outcome is unknown
"""


class StoreError(Exception):
    """The event store refused."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or (type(self).__doc__ or "").splitlines()[0])


class VersionConflict(StoreError):
    """A stream has moved on since the decision was made."""


class Fenced(StoreError):
    """Another holder has the fence."""


class CommandReused(StoreError):
    """This command id was used for another payload."""


class CommandTooOld(StoreError):
    """This command id is older than the retention of 30 days."""


class InvalidAppend(StoreError):
    """The append itself is wrong."""


class EventTooLarge(InvalidAppend):
    """An event holds more than 64 KiB."""


class TooManyEvents(InvalidAppend):
    """An append holds more than 256 events."""


class NulCharacter(InvalidAppend):
    """An event holds a NUL character, which PostgreSQL's JSON cannot query."""


class NotAllowed(StoreError):
    """This role may not write that category."""


class StoreUnavailable(StoreError):
    """The store gave no answer; whether the append was written is not known."""
