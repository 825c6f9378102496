"""Paths as people read them."""

from pathlib import Path


def short(path: Path) -> str:
    """The path as people write it."""
    home = str(Path.home())
    return f"~{str(path)[len(home) :]}" if str(path).startswith(f"{home}/") else str(path)
