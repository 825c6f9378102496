"""The settings of every process: the only module that reads the environment or hive.toml."""

from hive_shared.profiles import Profile
from hive_shared.settings.sources import (
    Explained,
    SettingsError,
    Sources,
    explain,
    known_names,
    load,
    masked,
    to_env,
    variable,
)
from hive_shared.settings.urls import nats_url, postgres_url, redis_url
from hive_shared.settings.values import (
    GATEWAY_GRPC_PORT,
    GATEWAY_HTTP_PORT,
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
    bytes_of,
)

__all__ = [
    "GATEWAY_GRPC_PORT",
    "GATEWAY_HTTP_PORT",
    "GITHUB_WEBHOOK_PORT",
    "ClientSettings",
    "Connected",
    "Explained",
    "GatewaySettings",
    "GithubSettings",
    "HealthSettings",
    "OrchestratorSettings",
    "Process",
    "Profile",
    "RelaySettings",
    "RunnerSettings",
    "SettingsError",
    "Sources",
    "bytes_of",
    "explain",
    "known_names",
    "load",
    "masked",
    "nats_url",
    "postgres_url",
    "redis_url",
    "to_env",
    "variable",
]
