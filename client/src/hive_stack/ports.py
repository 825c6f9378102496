"""TCP ports on the loopback interface."""

import secrets
import socket
from typing import Final

from hive_stack.errors import StackError

LOOPBACK: Final = "127.0.0.1"


_BELOW_EPHEMERAL: Final = range(16_000, 32_000)
"""No system takes the near end of an outgoing connection from here."""


def free_port() -> int:
    """A port that nobody listens on now; somebody may before it is used, so callers try again.

    Not one that the system picks: it picks the same ones for outgoing connections, of which one
    may have it a moment later.
    """
    for _ in range(100):
        port = secrets.choice(_BELOW_EPHEMERAL)
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        picked: int = probe.getsockname()[1]
        return picked


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_free(port: int) -> None:
    """Raises StackError when somebody listens on the port."""
    if not is_free(port):
        raise StackError(
            "port-in-use",
            f"port {port} is in use",
            where=f"{LOOPBACK}:{port}",
            remedy=f"stop the program that listens there, or `hive up --port {port + 100}`",
        )
