"""A NATS server of one test, which may stop it and start it again."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from hive_stack import binaries, nats
from hive_stack.ports import free_port
from hive_stack.processes import ProcessId
from tests.conftest import NatsAccount
from tests.run import NatsServer


class OwnNats:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "nats"
        self._config = nats.NatsConfig(
            binary=binaries.find_nats(),
            store=self.store,
            config=folder / "nats.conf",
            port=free_port(),
            log=folder / "nats.log",
        )
        password = secrets.token_hex(16)
        users = dict.fromkeys((nats.ADMIN, *nats.SERVICES, nats.OBSERVER), password)
        account = nats.account_config(users, suffix="-0")
        nats.write_config(self._config, {"T0": account}, name="own")
        self._process: ProcessId | None = None
        self.account = NatsAccount(NatsServer("127.0.0.1", self._config.port, password), 0)

    def start(self) -> None:
        self._process = nats.start(self._config)

    def stop(self) -> None:
        """Its streams stay on disk."""
        if self._process is not None:
            nats.stop_server(self._process)
            self._process = None


@contextlib.contextmanager
def own_nats(folder: Path) -> Iterator[OwnNats]:
    server = OwnNats(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
