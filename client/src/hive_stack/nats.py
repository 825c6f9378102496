"""A NATS server of our own: loopback only, JetStream, a user with subject rights per service.

What each service may publish and hear is written here once; the local stack, compose and the tests
render their server's configuration from it. One hive is one NATS account: whoever may read the bus
reads the whole tenant, so the rights below guard what may be *said*.
"""

import json
import re
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from hive_contracts import subjects
from hive_stack.binaries import Binary
from hive_stack.errors import StackError
from hive_stack.ports import LOOPBACK
from hive_stack.private import write_private
from hive_stack.processes import ProcessId, deadline, identity, spawn, stop, tail, wait_tick

ADMIN: Final = "admin"
OBSERVER: Final = "observer"
SERVICES: Final = ("orchestrator", "gateway", "github", "health", "relay")
USERS: Final = (ADMIN, *SERVICES, OBSERVER)
START_S: Final = 15.0
STOP_S: Final = 10.0

_READ_STREAMS: Final = (
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.MSG.GET.*",
    "$JS.API.DIRECT.GET.>",
    "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.INFO.>",
    "$JS.API.CONSUMER.DELETE.>",
    "$JS.API.CONSUMER.MSG.NEXT.>",
    "$JS.ACK.>",
    "$JS.FC.>",
)
"""Reading with a consumer of one's own needs these requests; none changes a stream."""

_WRITE_STREAMS: Final = (
    "$JS.API.STREAM.CREATE.*",
    "$JS.API.STREAM.DELETE.*",
    "$JS.API.STREAM.PURGE.*",
)
"""Making the event stream anew. Never UPDATE: a higher `first_seq` empties it at a restart."""


class Rights(msgspec.Struct, frozen=True):
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    answers: bool = False
    """May it answer requests that it hears, on whatever subject they ask to be answered?"""


def rights(user: str) -> Rights:
    """What a service (or the observer) may say and hear on the bus. Raises KeyError."""
    inbox = "_INBOX.>"
    beat = subjects.heartbeat_subject(user, "*")
    hints = "hive.hints.>"
    match user:
        case "orchestrator":
            return Rights(
                publish=(beat, hints),
                subscribe=(inbox, subjects.command_subject(user, ">"), hints),
                answers=True,
            )
        case "gateway":
            return Rights(
                publish=(beat, hints, "hive.commands.>", *_READ_STREAMS),
                subscribe=(inbox, hints, subjects.EVENTS, subjects.HEARTBEATS),
            )
        case "relay":
            return Rights(
                publish=(beat, hints, subjects.EVENTS, *_READ_STREAMS, *_WRITE_STREAMS),
                subscribe=(inbox, hints, subjects.command_subject(user, ">")),
                answers=True,
            )
        case "github" | "health":
            # What people ask for on GitHub is asked of the orchestrator; all that health may ask
            # for is a mission that waits for a person.
            asks = subjects.SUBMIT if user == "github" else subjects.RUNBOOK
            return Rights(
                publish=(beat, hints, asks, *_READ_STREAMS),
                subscribe=(
                    *(inbox, hints, subjects.EVENTS, subjects.HEARTBEATS),
                    subjects.command_subject(user, ">"),
                ),
                answers=True,
            )
        case "observer":
            return Rights(publish=_READ_STREAMS, subscribe=(inbox, "hive.>"))
    raise KeyError(user)


def account_config(passwords: Mapping[str, str], *, suffix: str = "") -> dict[str, object]:
    """One account: JetStream, and its users. `passwords` names them; `admin` may do all.

    User names are unique in a server, so a server with several accounts gives each a `suffix`.
    """
    users = [
        {"user": user + suffix, "password": password} | _permissions(user)
        for user, password in passwords.items()
    ]
    return {"jetstream": "enabled", "users": users}


def _permissions(user: str) -> dict[str, object]:
    if user == ADMIN:
        return {}
    allowed = rights(user)
    permissions: dict[str, object] = {
        "publish": {"allow": list(allowed.publish)},
        "subscribe": {"allow": list(allowed.subscribe)},
    }
    if allowed.answers:
        permissions["allow_responses"] = {"max": 1, "expires": "2m"}
    return {"permissions": permissions}


class NatsConfig(msgspec.Struct, frozen=True):
    binary: Binary
    store: Path
    config: Path
    port: int
    log: Path
    max_file_store: int = 0
    """Bytes that all streams together may reserve; 0: NATS takes three quarters of what is free."""


def write_config(
    config: NatsConfig, accounts: Mapping[str, Mapping[str, object]], *, name: str
) -> None:
    """Write the server's configuration, 0600: it holds the passwords."""
    listen = f"{LOOPBACK}:{config.port}"
    text = rendered(
        accounts,
        name=name,
        listen=listen,
        store=str(config.store),
        max_file_store=config.max_file_store,
    )
    write_private(config.config, text)


def rendered(
    accounts: Mapping[str, Mapping[str, object]],
    *,
    name: str,
    listen: str,
    store: str,
    max_file_store: int = 0,
) -> str:
    """A server's configuration, as JSON, which is valid there."""
    bound = {"max_file_store": max_file_store} if max_file_store else {}
    document = {
        "server_name": name,
        "listen": listen,
        "max_payload": 2 * 1024 * 1024,
        "jetstream": {"store_dir": store, **bound},
        "accounts": accounts,
    }
    return json.dumps(document, indent=2) + "\n"


def with_variables() -> str:
    """The configuration of infra/nats/nats.conf: passwords come from the environment."""
    passwords = {user: f"${password_variable(user)}" for user in USERS}
    text = rendered(
        {"HIVE": account_config(passwords)}, name="hive", listen="0.0.0.0:4222", store="/data"
    )
    # NATS takes a variable only where it is not in quotes.
    return re.sub(r'"(\$\w+)"', r"\1", text)


def password_variable(user: str) -> str:
    return f"NATS_{user.upper()}_PASSWORD"


def start(config: NatsConfig) -> ProcessId:
    """Start the server and wait until it greets. Raises StackError."""
    server = spawn([str(config.binary.path), "-c", str(config.config)], log=config.log)
    process = identity(server.pid)
    until = deadline(START_S)
    while not greets(config.port):
        if server.poll() is not None or not wait_tick(until):
            stop_server(process)
            raise StackError(
                "nats-failed",
                f"NATS did not start: {tail(config.log)}",
                where=str(config.log),
                remedy="read that log; `hive up` again once its cause is gone",
            )
    return process


def stop_server(process: ProcessId) -> None:
    stop(process, first=signal.SIGTERM, grace_s=STOP_S)


def greets(port: int) -> bool:
    """Does a NATS server listen there? It says INFO before anything is asked."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


def url(port: int, user: str, password: str) -> str:
    return f"nats://{user}:{password}@{LOOPBACK}:{port}"
