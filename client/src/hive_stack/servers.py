"""Record, bus and live output of a stack: ours, or somebody else's where the settings name them."""

import contextlib
from typing import Final

import asyncpg

from hive_shared.migrations import MigrationError
from hive_shared.settings import ClientSettings, masked
from hive_stack import nats, postgres, redis, schemas
from hive_stack.binaries import Binary, find_nats, find_postgres, find_redis
from hive_stack.errors import StackError
from hive_stack.kept import Kept
from hive_stack.paths import Paths
from hive_stack.ports import free_port, is_free
from hive_stack.services import DATABASE, Servers
from hive_stack.state import StackState
from hive_stack.vault import Vault

LONGEST_S: Final = 60.0
"""Seconds for one statement of the preparation."""


class Chosen:
    """Where the servers of a stack are, and those of them that it runs itself (`kept`)."""

    def __init__(
        self,
        settings: ClientSettings,
        paths: Paths,
        vault: Vault,
        before: StackState | None,
        path: str | None,
    ) -> None:
        """Makes PostgreSQL's data directory where there is none. Raises StackError."""
        self.kept: list[Kept] = []
        self.postgres_port = self.nats_port = 0
        self.postgres_name, self.nats_name = "PostgreSQL", "NATS"
        self.redis_port = 0
        self.redis_name = self.redis_missing = ""
        admin_url = settings.postgres_admin_url
        if not admin_url:
            binary = find_postgres(path, major=postgres.data_major(paths.postgres))
            self.postgres_port = _kept_port(before.postgres_port if before else 0)
            admin_url = self._own_postgres(binary, paths, vault.postgres("admin"))
        if not settings.nats_url:
            self.nats_port = _kept_port(before.nats_port if before else 0)
            self._own_nats(find_nats(path), paths, vault)
        if settings.redis_url:
            self.redis_name = "Redis"
        else:
            self._own_redis(before.redis_port if before else 0, paths, vault, path)
        self.places = Servers(admin_url, self.nats_port, self.redis_port)

    def _own_postgres(self, binary: Binary, paths: Paths, password: str) -> str:
        self.postgres_name = f"PostgreSQL {binary.shown()}"
        config = postgres.PostgresConfig(
            binary=postgres.reachable(binary, paths.binaries),
            data=paths.postgres,
            port=self.postgres_port,
            log=paths.log("postgres"),
        )
        if not config.data.exists():
            postgres.create(config, password)
        self.kept.append(Kept("postgres", lambda: postgres.start(config), postgres.stop_server))
        return postgres.url(config.port, postgres.ADMIN, password, postgres.ADMIN)

    def _own_nats(self, binary: Binary, paths: Paths, vault: Vault) -> None:
        self.nats_name = f"NATS {binary.shown()}"
        config = nats.NatsConfig(
            binary=binary,
            store=paths.nats,
            config=paths.nats_config,
            port=self.nats_port,
            log=paths.log("nats"),
        )
        passwords = {user: vault.nats(user) for user in nats.USERS}
        nats.write_config(config, {"HIVE": nats.account_config(passwords)}, name="hive")
        self.kept.append(Kept("nats", lambda: nats.start(config), nats.stop_server))

    def _own_redis(self, before: int, paths: Paths, vault: Vault, path: str | None) -> None:
        """Where there is none, the stack does without."""
        try:
            binary = find_redis(path)
        except StackError as error:
            self.redis_missing = f"{error.message}; {error.remedy}"
            return
        valkey = "valkey" in binary.path.name
        self.redis_name = f"{'Valkey' if valkey else 'Redis'} {binary.shown()}"
        self.redis_port = _kept_port(before)
        config = redis.RedisConfig(
            binary, paths.redis_config, self.redis_port, log=paths.log("redis")
        )
        redis.write_config(config, vault.redis())
        self.kept.append(
            Kept("redis", lambda: redis.start(config), redis.stop_server, needed=False)
        )


async def prepare_record(servers: Servers, vault: Vault) -> list[str]:
    """Make the database, bring it up to date, set the logins' passwords. Raises StackError."""
    passwords = {service: vault.postgres(service) for service in schemas.LOGINS}
    try:
        if servers.database_url() != servers.postgres_admin_url:
            await _create_database(servers.postgres_admin_url)
        return await schemas.prepare(servers.database_url(), passwords)
    except (MigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise StackError(
            "record-unprepared",
            f"the record could not be brought up to date: {error}",
            where=masked(servers.postgres_admin_url),
            remedy="the data is as it was; check that place, and that this version is not older",
        ) from error


async def _create_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url, command_timeout=LONGEST_S)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def _kept_port(before: int) -> int:
    return before if before and is_free(before) else free_port()
