"""What the runner keeps from the commands that it starts, where no sandbox does."""

import contextlib
import ctypes
import sys
from typing import Final

_SET_DUMPABLE: Final = 4


def close_environment() -> None:
    """Let no other process of the same user read this one's environment and memory.

    Linux makes them root's own. Root can read them all the same; elsewhere nothing is done.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
