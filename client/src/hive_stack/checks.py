"""What must be right before anything is made or started."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import psutil

from hive_contracts.files.repository import PORTS
from hive_shared.settings import ClientSettings, RunnerSettings
from hive_stack import postgres
from hive_stack.binaries import INSTALL, find_nats, find_postgres
from hive_stack.errors import StackError
from hive_stack.paths import Paths
from hive_stack.services import MODULES

DISK_NEEDED: Final = 1 << 30
"""Bytes free below which nothing is started: a full disk stops a database in its worst moment."""


def require_git(path: str | None) -> None:
    if shutil.which("git", path=path) is None:
        raise StackError(
            "no-git", "git was not found", where="PATH", remedy="install git (its runner needs it)"
        )


def require_services() -> None:
    missing = [name for name, module in MODULES.items() if not _is_installed(module)]
    if missing:
        raise StackError(
            "services-missing",
            f"not installed: {', '.join(missing)}",
            where=sys.executable,
            remedy=INSTALL,
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def require_disk(data: Path, needed: int = DISK_NEEDED) -> None:
    free = psutil.disk_usage(str(existing(data))).free
    if free < needed:
        raise StackError(
            "disk-full",
            f"{free / 1e9:.1f} GB free, at least {needed / 1e9:.1f} GB are needed",
            where=str(data),
            remedy="free some space, or choose another data directory (HIVE_DATA)",
        )


def require_data(paths: Paths) -> None:
    """The data directory can be used: absent, empty, or made by an earlier stack."""
    data = paths.data
    if not data.exists():
        parent = existing(data)
        if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
            raise _unusable(data, f"{parent} cannot be written to")
        return
    if not data.is_dir():
        raise _unusable(data, "it is no directory")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(data, "it belongs to somebody else")
    foreign = not (paths.state.exists() or paths.lock.exists()) and any(data.iterdir())
    if foreign:
        raise _unusable(data, "it holds other files and no stack")
    if paths.postgres.exists() and postgres.data_major(paths.postgres) is None:
        raise StackError(
            "broken-data-directory",
            "the record's directory holds no PostgreSQL data",
            where=str(paths.postgres),
            remedy="restore it from a backup, or move it away to begin anew",
        )


def require_servers(settings: ClientSettings, paths: Paths, path: str | None) -> None:
    """PostgreSQL, of the version that the data needs, and NATS can be run, where we are to."""
    if not settings.postgres_admin_url:
        find_postgres(path, major=postgres.data_major(paths.postgres))
    if not settings.nats_url:
        find_nats(path)


def require_runners(settings: ClientSettings, runner: RunnerSettings) -> None:
    """Bounds that can be kept, and ports enough for each of them."""
    fewest, most = settings.runner_bounds
    if fewest > most:
        raise StackError(
            "settings",
            f"at least {fewest} runners and at most {most}",
            where="runners",
            remedy="write MIN:MAX with MIN not above MAX, as 1:4",
        )
    first, last = runner.ports
    if most > 1 and (last - first + 1) // most < PORTS * runner.runner_slots:
        raise StackError(
            "settings",
            f"{last - first + 1} ports are too few for {most} runners of {runner.runner_slots}"
            f" slots, {PORTS} each",
            where="runner_ports",
            remedy="name a wider range, or fewer runners",
        )


def existing(path: Path) -> Path:
    """The nearest folder above that exists, or the path itself."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _unusable(data: Path, why: str) -> StackError:
    return StackError(
        "broken-data-directory",
        f"the data directory cannot be used: {why}",
        where=str(data),
        remedy="choose another one (HIVE_DATA), or correct that",
    )
