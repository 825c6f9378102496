"""The compose file and what it mounts agree with the code."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, Final

import pytest

from hive_shared.settings import (
    ClientSettings,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    OrchestratorSettings,
    Process,
    RelaySettings,
    RunnerSettings,
    Sources,
    load,
)
from hive_stack import binaries, nats, schemas, services
from hive_stack.compose import write_folder
from hive_stack.ports import free_port
from hive_stack.vault import Vault

ROOT = Path(__file__).parents[3]

SETTINGS: dict[str, type[Process]] = {
    "gateway": GatewaySettings,
    "github": GithubSettings,
    "health": HealthSettings,
    "orchestrator": OrchestratorSettings,
    "relay": RelaySettings,
    "runner": RunnerSettings,
}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `docker compose config` makes of the file."""
    folder = tmp_path_factory.mktemp("compose")
    write_folder(folder)
    said = subprocess.run(
        [
            Path(sysconfig.get_path("scripts")) / "docker-compose",
            *("--env-file", folder / "compose.env", "-f", ROOT / "docker-compose.yml"),
            *("config", "--format", "json"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(said.stdout)
    return document


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_is_told_only_what_it_knows(
    composed: dict[str, Any], service: str, tmp_path: Path
) -> None:
    told = composed["services"][service]["environment"]
    load(SETTINGS[service], Sources(env=told, home=tmp_path, cwd=tmp_path))
    mounted = {secret["target"] for secret in composed["services"][service]["secrets"]}
    assert {value for value in told.values() if value.startswith("/run/secrets/")} == mounted


OF_THE_PLACE: Final = frozenset(
    {"data", "nats_url", "postgres_url", "redis_url", "gateway", "runner_drain"}
)
"""Where things are, and how long an end may take: that differs between a machine and containers. So
do secrets, whose files compose names, and what else stands in its environment."""

WRITTEN: Final = """
github_comment_seconds = 12
github_settle_seconds = 7
github_keep_days = 3
github_page_url = "https://hive.example.org"
runner_slots = 9

[profiles.mine]
command = ["mine", "--yes"]

[profiles.qa-test-guardian]
use = "mine"
"""


@pytest.mark.parametrize("service", SETTINGS)
def test_what_is_written_in_hive_toml_counts_as_with_hive_up(
    composed: dict[str, Any], service: str, tmp_path: Path
) -> None:
    mounts = composed["services"][service]["volumes"]
    [config] = [each for each in mounts if each["target"] == "/data/.config/agent-hive"]
    assert config["read_only"]
    assert Path(config["source"]).is_dir()

    home = tmp_path / "home"
    folder = home / ".config/agent-hive"
    folder.mkdir(parents=True)
    (folder / "hive.toml").write_text(WRITTEN)
    env = composed["services"][service]["environment"]
    kind = SETTINGS[service]
    in_compose = load(kind, Sources(env=env, home=home, cwd=home))

    sources = Sources(env={}, home=home, cwd=tmp_path)
    vault = Vault(tmp_path / "secrets")
    vault.fill()
    servers = services.Servers("postgresql://postgres@127.0.0.1:5432/postgres", 4222, 6379)
    stack = load(ClientSettings, sources)
    told = services.told(service, stack, servers, vault, sources)
    in_stack = load(kind, Sources(env=told, home=tmp_path, cwd=tmp_path))

    differ = {
        name
        for name in kind.__struct_fields__
        if getattr(in_compose, name) != getattr(in_stack, name)
    }
    assert differ <= OF_THE_PLACE | {key.removeprefix("HIVE_").lower() for key in env}


def test_every_login_of_record_and_bus_gets_its_own_password(composed: dict[str, Any]) -> None:
    for service in schemas.LOGINS:
        secrets = {secret["source"] for secret in composed["services"][service]["secrets"]}
        assert {f"postgres-{service}.password", f"nats-{service}.password"} <= secrets
    runner = {secret["source"] for secret in composed["services"]["runner"]["secrets"]}
    assert runner == {"runner.token"}


def test_live_output_is_the_gateways_and_nothing_waits_for_it(
    composed: dict[str, Any], tmp_path: Path
) -> None:
    gateway = composed["services"]["gateway"]
    assert "redis-gateway.password" in {secret["source"] for secret in gateway["secrets"]}
    for service in composed["services"].values():
        assert "redis" not in service.get("depends_on", {})
    redis = composed["services"]["redis"]
    assert redis["command"] == ["redis-server", "/run/secrets/redis.conf"]
    assert "ports" not in redis
    # The server takes its configuration: it would say on its standard output what is wrong.
    write_folder(tmp_path)
    server = subprocess.Popen(
        [binaries.find_redis().path, tmp_path / "redis.conf", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        assert any("Ready to accept connections" in line for line in server.stdout)
    finally:
        server.terminate()
        server.communicate(timeout=10)


def test_only_loopback_ports_are_published(composed: dict[str, Any]) -> None:
    ports = [port for service in composed["services"].values() for port in service.get("ports", ())]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}


def test_secrets_are_made_once_and_for_their_owner(tmp_path: Path) -> None:
    write_folder(tmp_path)
    of_a_person = tmp_path / "github"
    (of_a_person / "github-app.id").write_text("42")

    def files() -> dict[Path, str]:
        return {path: path.read_text() for path in tmp_path.iterdir() if path.is_file()}

    before = files()
    write_folder(tmp_path)
    assert before == files()
    assert {path.stat().st_mode & 0o777 for path in before} == {0o600}
    assert of_a_person.stat().st_mode & 0o777 == 0o700
    assert (of_a_person / "github-app.id").read_text() == "42"


def test_the_configuration_of_nats_is_the_codes_and_the_server_takes_it(tmp_path: Path) -> None:
    checked_in = ROOT / "infra/nats/nats.conf"
    assert checked_in.read_text() == nats.with_variables(), "run: make nats-conf"
    write_folder(tmp_path)
    passwords = dict(
        line.split("=", 1) for line in (tmp_path / "nats.env").read_text().splitlines()
    )
    said = subprocess.run(
        [binaries.find_nats().path, "-c", checked_in, "-t"],
        env=passwords,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_every_service_has_an_image() -> None:
    for service in (*SETTINGS, "stack"):
        said = subprocess.run(
            [ROOT / "infra/members", service], capture_output=True, text=True, check=True
        )
        folders = [ROOT / member.split("[")[0] for member in said.stdout.split()]
        assert all((folder / "pyproject.toml").exists() for folder in folders)
