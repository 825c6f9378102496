"""The person's own login files, kept safe while an agent works with them.

An agent works with its person's own login, for a copy would be worse: who refreshes a copied login
makes the original one void. But agents were seen to remove or empty their login when the provider
refused it once. So what was there before is remembered, and put back where it is gone. What an
agent has written anew stays: it may be the refreshed login.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

log = logging.getLogger(__name__)

_MAX_LOGIN: Final = 1 << 20
"""Bytes; what is larger is no login."""


class _File(msgspec.Struct, frozen=True):
    content: bytes
    mode: int


class KeptLogin:
    """Login files as they were before an agent began."""

    def __init__(self, places: Iterable[Path]) -> None:
        self._files: dict[Path, _File] = {}
        for place in places:
            try:
                status = place.stat()
                if 0 < status.st_size <= _MAX_LOGIN:
                    self._files[place] = _File(place.read_bytes(), status.st_mode & 0o777)
            except OSError:
                continue  # none is there, or none that can be read

    def put_back(self) -> list[Path]:
        """Those that were gone or empty, and are there again."""
        return [place for place, file in self._files.items() if _put_back(place, file)]


def stamp(places: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Changes when somebody logs in or out."""
    found: list[tuple[str, int, int]] = []
    for place in places:
        try:
            status = place.stat()
        except OSError:
            continue
        found.append((str(place), status.st_mtime_ns, status.st_size))
    return tuple(found)


def _put_back(place: Path, file: _File) -> bool:
    try:
        if place.exists() and place.stat().st_size:
            return False
        beside = place.with_name(f".{place.name}.hive-{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
        try:
            with os.fdopen(descriptor, "wb") as writer:
                writer.write(file.content)
                writer.flush()
                os.fsync(writer.fileno())
            if place.exists() and not place.stat().st_size:
                beside.replace(place)
            else:
                # Never over a login that came meanwhile.
                place.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        return False
    except OSError as error:
        log.error("the login %s is gone and cannot be put back: %s", place, error)
        return False
    log.warning("an agent had removed the login %s: it was put back", place)
    return True
