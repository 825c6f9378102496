"""Where the command writes: as wide as a terminal, and unbroken where nobody looks at columns."""

import sys
from typing import Final

from rich.console import Console

_UNBROKEN: Final = 10_000
"""Columns: a pipe has none, and a line that was wrapped for 80 cannot be searched."""


def console() -> Console:
    width = None if sys.stdout.isatty() else _UNBROKEN
    return Console(highlight=False, soft_wrap=width is not None, width=width)
