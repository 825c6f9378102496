"""What `hive` says to the shell."""

from enum import IntEnum


class Exit(IntEnum):
    SUCCESS = 0
    FAILED = 1
    REFUSED = 2
    """Before anything was started."""
    WAITING = 3
    """A person is asked."""
    CANCELLED = 4
    AT_CAP = 5
    """A mission is paused at a cap of its budget."""
    DETACHED = 130
    """Ctrl-C; what was started goes on."""


OF_STATUS = {
    "succeeded": Exit.SUCCESS,
    "failed": Exit.FAILED,
    "refused": Exit.REFUSED,
    "waiting": Exit.WAITING,
    "cancelled": Exit.CANCELLED,
    "paused": Exit.WAITING,
}
