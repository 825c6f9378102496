"""A mission whose deadline has passed, and that has not ended."""

import msgspec


class Overdue(msgspec.Struct, frozen=True):
    name: str
    deadline: float
    """Seconds from its launch."""
    late: float
    """Seconds since then."""
