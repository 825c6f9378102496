"""A Redis (or Valkey) of our own for live output: loopback only, small, in memory alone.

What it holds may be lost at any moment, so it is started without waiting for it, and whoever uses
it does without while it is away. Its only user may do with the streams of live output what the
gateway does, and nothing else.
"""

import hashlib
import signal
from pathlib import Path
from typing import Final

import msgspec

from hive_stack.binaries import Binary
from hive_stack.errors import StackError
from hive_stack.ports import LOOPBACK
from hive_stack.private import write_private
from hive_stack.processes import ProcessId, identity, spawn, stop

USER: Final = "gateway"
MEMORY_MB: Final = 64
STOP_S: Final = 5.0


class RedisConfig(msgspec.Struct, frozen=True):
    binary: Binary
    config: Path
    port: int
    log: Path


def rendered(password: str, *, port: int, bind: str = LOOPBACK) -> str:
    """A server's configuration. The password is in it as a digest only."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    rights = "~hive:tail:* -@all +@connection +ping +xadd +xread +expire"
    return "\n".join(
        (
            f"bind {bind}",
            f"port {port}",
            "protected-mode no",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_MB}mb",
            # The output that nobody wrote or read for the longest time goes first.
            "maxmemory-policy allkeys-lru",
            "maxclients 1000",
            "user default reset off",
            f"user {USER} reset on #{digest} {rights}",
            "",
        )
    )


def write_config(config: RedisConfig, password: str) -> None:
    write_private(config.config, rendered(password, port=config.port))


def start(config: RedisConfig) -> ProcessId:
    """Start the server, and wait for nothing. Raises StackError."""
    try:
        server = spawn([str(config.binary.path), str(config.config)], log=config.log)
    except OSError as error:
        raise StackError(
            "redis-failed",
            f"Redis cannot be started: {error}",
            where=str(config.binary.path),
            remedy="correct that; it is tried again by itself",
        ) from error
    return identity(server.pid)


def stop_server(process: ProcessId) -> None:
    stop(process, first=signal.SIGTERM, grace_s=STOP_S)


def url(port: int, password: str) -> str:
    return f"redis://{USER}:{password}@{LOOPBACK}:{port}/0"
