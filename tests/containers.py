"""The run's servers in containers, where HIVE_TEST_BACKEND=containers asks for them.

Images come from HIVE_TEST_POSTGRES_IMAGE and HIVE_TEST_NATS_IMAGE, as no registry is reachable
from everywhere; the defaults are the official ones.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import ExecWaitStrategy, LogMessageWaitStrategy

from hive_stack import nats

# The end of the run removes the containers itself, so no helper container is needed for it.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


def engine_answers() -> bool:
    try:
        return bool(docker.from_env().ping())
    except DockerException:
        return False


def start_postgres() -> tuple[str, str]:
    """The superuser's URL, and the container's id."""
    password = secrets.token_hex(16)
    image = os.environ.get("HIVE_TEST_POSTGRES_IMAGE", "postgres:18")
    container = (
        DockerContainer(image)
        .with_env("POSTGRES_PASSWORD", password)
        .with_env("POSTGRES_INITDB_ARGS", "--auth=scram-sha-256 --no-locale --encoding=UTF8")
        .with_command("postgres -c fsync=off -c max_connections=300")
        .with_exposed_ports(5432)
        # Over TCP: the server that runs the image's set-up listens on a socket alone.
        .waiting_for(ExecWaitStrategy(["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]))
    )
    container.start()
    place = f"{container.get_container_host_ip()}:{container.get_exposed_port(5432)}"
    return f"postgresql://postgres:{password}@{place}/postgres", _id(container)


def start_nats(
    directory: Path, accounts: Mapping[str, Mapping[str, object]]
) -> tuple[str, int, str]:
    """Host, port and the container's id."""
    config = nats.rendered(
        accounts, name="hive-tests", listen="0.0.0.0:4222", store="/data", max_file_store=1 << 50
    )
    (directory / "nats.conf").write_text(config)
    image = os.environ.get("HIVE_TEST_NATS_IMAGE", "nats:2.14")
    container = (
        DockerContainer(image)
        .with_volume_mapping(str(directory / "nats.conf"), "/hive/nats.conf")
        .with_command("-c /hive/nats.conf")
        .with_exposed_ports(4222)
        .waiting_for(LogMessageWaitStrategy("Server is ready"))
    )
    container.start()
    return (
        container.get_container_host_ip(),
        int(container.get_exposed_port(4222)),
        _id(container),
    )


def remove(container: str) -> None:
    docker.from_env().containers.get(container).remove(force=True, v=True)


def _id(container: DockerContainer) -> str:
    return str(container.get_wrapped_container().id)
