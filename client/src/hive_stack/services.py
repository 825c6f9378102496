"""The services of a stack: how each is started, and what it is told."""

import sys
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from hive_shared.settings import (
    ClientSettings,
    Connected,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    OrchestratorSettings,
    Process,
    RelaySettings,
    RunnerSettings,
    Sources,
    load,
    to_env,
)
from hive_shared.settings.sources import PREFIX
from hive_stack import nats, postgres, redis, schemas
from hive_stack.vault import Vault

C = TypeVar("C", bound=Connected)

DATABASE: Final = "hive"

MODULES: Final = {
    "relay": "hive_shared.relay",
    "orchestrator": "hive_orchestrator",
    "gateway": "hive_gateway",
    "github": "hive_github",
    "health": "hive_health",
    "runner": "hive_runner",
}
"""In the order of their start; they are ended the other way round."""

SETTINGS: Final = (
    RelaySettings,
    OrchestratorSettings,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    RunnerSettings,
)

RUNNER_DRAIN_S: Final = 5.0
"""`hive down` does not wait for attempts at work: they are run again after the next `hive up`."""

_PASSED: Final = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH")
"""What a service needs of its surroundings; only the runner, which starts agents, gets all."""


class Servers(msgspec.Struct, frozen=True):
    """Where the record and the bus are, before a login is put in."""

    postgres_admin_url: str
    nats_port: int
    """0 where the bus is somebody else's."""
    redis_port: int = 0
    """0 where live output is at somebody else's, or nowhere."""

    def database_url(self) -> str:
        """The hive's database as the administrator: of our own server, or the one that was set."""
        parts = urlsplit(self.postgres_admin_url)
        database = parts.path.strip("/")
        own = database in ("", postgres.ADMIN)
        return urlunsplit(parts._replace(path=f"/{DATABASE if own else database}"))

    def login_url(self, service: str, password: str) -> str:
        parts = urlsplit(self.database_url())
        host = parts.netloc.rpartition("@")[2]
        login = f"{schemas.role_name(service)}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{host}"))


def argv(service: str) -> list[str]:
    return [sys.executable, "-m", MODULES[service]]


def told(
    service: str, stack: ClientSettings, servers: Servers, vault: Vault, sources: Sources
) -> dict[str, str]:
    """The environment of a service. Raises SettingsError where a setting cannot be taken."""
    passed = sources.env if service == "runner" else _only(sources.env, _PASSED)
    kept = {key: value for key, value in passed.items() if not key.startswith(PREFIX)}
    settings = _settings(service, stack, servers, vault, sources)
    return kept | {"HOME": str(sources.home)} | to_env(settings)


def _settings(
    service: str, stack: ClientSettings, servers: Servers, vault: Vault, sources: Sources
) -> Process:
    def joined(kind: type[C]) -> C:
        own = load(kind, sources)
        bus = stack.nats_url or nats.url(servers.nats_port, service, vault.nats(service))
        return msgspec.structs.replace(
            own,
            data=stack.data,
            postgres_url=servers.login_url(service, vault.postgres(service)),
            postgres_password_file=None,
            nats_url=bus,
            nats_password_file=None,
        )

    match service:
        case "orchestrator":
            return joined(OrchestratorSettings)
        case "gateway":
            own_redis = redis.url(servers.redis_port, vault.redis()) if servers.redis_port else ""
            return msgspec.structs.replace(
                joined(GatewaySettings),
                redis_url=stack.redis_url or own_redis,
                redis_password_file=None,
                gateway_host="127.0.0.1",
                gateway_http_port=stack.port,
                gateway_grpc_port=stack.port + 1,
            )
        case "github":
            return joined(GithubSettings)
        case "health":
            return joined(HealthSettings)
        case "relay":
            return joined(RelaySettings)
        case "runner":
            own = load(RunnerSettings, sources)
            return msgspec.structs.replace(
                own,
                data=stack.data,
                gateway=f"127.0.0.1:{stack.port + 1}",
                token_file=stack.secrets / "runner.token",
                runner_drain=min(own.runner_drain, RUNNER_DRAIN_S),
            )
    raise KeyError(service)


def _only(env: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: env[name] for name in names if name in env}
