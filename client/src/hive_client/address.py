"""Where the gateway is, and the token for it: from the settings, else from the local stack."""

from pathlib import Path
from typing import Final

import msgspec

from hive_client.errors import NotAllowed, Unreachable
from hive_shared.settings import ClientSettings, load

STACK_FILE: Final = "stack.json"


class Address(msgspec.Struct, frozen=True):
    gateway: str
    """Host and port of the gRPC door; of several with commas between."""
    token: str


class _Stack(msgspec.Struct):
    """What of the local stack's file concerns a client."""

    grpc_port: int
    second_grpc_port: int = 0


def find_address(settings: ClientSettings | None = None) -> Address:
    """Raises Unreachable, NotAllowed, and SettingsError where the settings are wrong."""
    settings = settings or load(ClientSettings)
    return Address(settings.gateway or _local(settings.data), _token(settings.token_path))


def _local(data: Path) -> str:
    path = data / STACK_FILE
    try:
        stack = msgspec.json.decode(path.read_bytes(), type=_Stack)
    except FileNotFoundError:
        raise Unreachable(
            "no hive runs here",
            code="unreachable",
            where=str(data),
            remedy="start it with `hive up`, or set HIVE_GATEWAY to where one listens",
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise Unreachable(
            f"the stack's file cannot be read: {error}",
            code="unreachable",
            where=str(path),
            remedy="`hive up` writes it anew",
        ) from error
    ports = [port for port in (stack.grpc_port, stack.second_grpc_port) if port]
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def _token(path: Path) -> str:
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise NotAllowed(
            f"the token cannot be read: {error.strerror}",
            code="unauthenticated",
            where=str(path),
            remedy="set HIVE_TOKEN_FILE to the file of a token of this hive",
        ) from error
    return token
