"""A Redis (or Valkey) of our own: loopback only, small, in memory alone.

What it holds may be lost at any moment, so it is started without waiting for it, and whoever uses
it does without while it is away. Each of its users may do with its own keys what that service does,
and nothing else: the gateway with the streams of live output, github with its counters of limits.
"""

import hashlib
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_stack.binaries import Binary
from hive_stack.errors import StackError
from hive_stack.ports import LOOPBACK
from hive_stack.private import write_private
from hive_stack.processes import ProcessId, identity, spawn, stop

RIGHTS: Final = {
    "gateway": "~hive:tail:* -@all +@connection +ping +xadd +xread +expire",
    "github": "~hive:github:* -@all +@connection +ping +set +get +pttl +ttl +incrby +expire +time"
    " +hgetall +hincrby +hdel +pexpire"
    " +eval +evalsha +script|load",
}
"""By user."""
MEMORY_MB: Final = 64
STOP_S: Final = 5.0


class RedisConfig(msgspec.Struct, frozen=True):
    binary: Binary
    config: Path
    port: int
    log: Path


def rendered(passwords: Mapping[str, str], *, port: int, bind: str = LOOPBACK) -> str:
    """A server's configuration. The users' passwords are in it as digests only."""
    users = [
        f"user {user} reset on #{hashlib.sha256(password.encode()).hexdigest()} {RIGHTS[user]}"
        for user, password in passwords.items()
    ]
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
            *users,
            "",
        )
    )


def write_config(config: RedisConfig, passwords: Mapping[str, str]) -> None:
    write_private(config.config, rendered(passwords, port=config.port))


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


def url(port: int, user: str, password: str) -> str:
    return f"redis://{user}:{password}@{LOOPBACK}:{port}/0"
