"""The services of a stack: how each is started, and what it is told."""

import sys
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from hive_shared.settings import (
    GITHUB_WEBHOOK_PORT,
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

REPLICATED: Final = ("relay", "orchestrator", "gateway", "github", "health")
"""Of which a stack may run two; how many runners there are is another setting."""


def replicas_of(service: str, stack: ClientSettings) -> int:
    return stack.replicas if service in REPLICATED else 1


def gateway_ports(stack: ClientSettings, number: int = 1) -> tuple[int, int]:
    """HTTP and API of a gateway; github's webhooks are between those of the two."""
    first = stack.port if number == 1 else stack.port + 3
    return first, first + 1


def gateways(stack: ClientSettings) -> str:
    """Their addresses, with commas between."""
    ports = [gateway_ports(stack, number)[1] for number in range(1, stack.replicas + 1)]
    return ",".join(f"127.0.0.1:{port}" for port in ports)


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


def runner_name(number: int, sources: Sources) -> str:
    """Under which the hive hears a runner of the stack. Raises SettingsError."""
    own = load(RunnerSettings, sources).runner_name
    return own if number == 1 else f"{own}-{number}"


def argv(service: str) -> list[str]:
    return [sys.executable, "-m", MODULES[service]]


def told(
    service: str,
    stack: ClientSettings,
    servers: Servers,
    vault: Vault,
    sources: Sources,
    number: int = 1,
) -> dict[str, str]:
    """The environment of a service. Raises SettingsError where a setting cannot be taken.

    `number`: which of them it is, where the stack has several.
    """
    passed = sources.env if service == "runner" else _only(sources.env, _PASSED)
    kept = {key: value for key, value in passed.items() if not key.startswith(PREFIX)}
    if service == "runner":
        settings: Process = _runner(stack, sources, number)
    else:
        settings = _settings(service, stack, servers, vault, sources, number)
    return kept | {"HOME": str(sources.home)} | to_env(settings)


def _settings(
    service: str,
    stack: ClientSettings,
    servers: Servers,
    vault: Vault,
    sources: Sources,
    number: int,
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

    def own_redis(user: str) -> str:
        if stack.redis_url or not servers.redis_port:
            return stack.redis_url
        return redis.url(servers.redis_port, user, vault.redis()[user])

    match service:
        case "orchestrator":
            return joined(OrchestratorSettings)
        case "gateway":
            http_port, grpc_port = gateway_ports(stack, number)
            return msgspec.structs.replace(
                joined(GatewaySettings),
                redis_url=own_redis(service),
                redis_password_file=None,
                gateway_host="127.0.0.1",
                gateway_http_port=http_port,
                gateway_grpc_port=grpc_port,
            )
        case "github":
            github = joined(GithubSettings)
            moved = github.github_webhook_port == GITHUB_WEBHOOK_PORT
            return msgspec.structs.replace(
                github,
                redis_url=own_redis(service),
                redis_password_file=None,
                github_webhook_port=stack.port + 2 if moved else github.github_webhook_port,
            )
        case "health":
            return joined(HealthSettings)
        case "relay":
            return joined(RelaySettings)
    raise KeyError(service)


def _runner(stack: ClientSettings, sources: Sources, number: int) -> RunnerSettings:
    own = load(RunnerSettings, sources)
    return msgspec.structs.replace(
        own,
        data=stack.data,
        gateway=gateways(stack),
        token_file=stack.secrets / "runner.token",
        runner_drain=min(own.runner_drain, RUNNER_DRAIN_S),
        runner_name=runner_name(number, sources),
        runner_folder=own.runner_folder if number == 1 else f"{own.runner_folder}-{number}",
        runner_ports=_ports_of(own, number, stack.runner_bounds[1]),
    )


def _ports_of(own: RunnerSettings, number: int, most: int) -> str:
    """Its part of the range: two runners of a machine must not give out the same ports."""
    first, last = own.ports
    each = (last - first + 1) // most
    begin = first + (number - 1) * each
    return f"{begin}-{begin + each - 1}"


def _only(env: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: env[name] for name in names if name in env}
