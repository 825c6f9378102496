"""Why the bus fails.

BusError
├── BusUnavailable   no answer: down, cut off, or too slow
├── Overtaken        another relay has published these positions
├── StreamChanged    the event stream is gone, or is of another history
└── BrokenFeed       what a reader got has a hole: ask the record
"""


class BusError(Exception):
    """The bus failed."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or (type(self).__doc__ or "").splitlines()[0])


class BusUnavailable(BusError):
    """The bus gave no answer; what was published may be there."""


class Overtaken(BusError):
    """Another relay has published these positions already."""


class StreamChanged(BusError):
    """The event stream is gone, or belongs to another history."""


class BrokenFeed(BusError):
    """What came from the bus has a hole or is of another history."""
