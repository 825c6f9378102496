"""A Redis of one test, that can be killed and started again, empty, on the same port."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from redis import Redis

from hive_stack import redis
from hive_stack.binaries import find_redis
from hive_stack.ports import free_port
from hive_stack.processes import ProcessId, find

PASSWORD = "password-for-tests"
_ADMIN = "admin"


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self._config = redis.RedisConfig(
            find_redis(), folder / "redis.conf", free_port(), folder / "redis.log"
        )
        redis.write_config(self._config, dict.fromkeys(redis.RIGHTS, PASSWORD))
        with self._config.config.open("a") as file:
            file.write(f"user {_ADMIN} reset on >{PASSWORD} ~* &* +@all\n")
        self._process: ProcessId | None = None

    @property
    def url(self) -> str:
        return self.url_of("gateway")

    def url_of(self, user: str) -> str:
        return redis.url(self._config.port, user, PASSWORD)

    def start(self) -> None:
        self._process = redis.start(self._config)

    def empty(self) -> None:
        """FLUSHALL, which none of the services may do."""
        with Redis.from_url(self.url_of(_ADMIN)) as client:
            client.flushall()

    def kill(self) -> None:
        if self._process is not None and (running := find(self._process)) is not None:
            running.kill()
            redis.stop_server(self._process)
            self._process = None


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
