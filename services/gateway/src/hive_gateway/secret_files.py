"""The gateway's secrets, from their files."""

import os
from pathlib import Path
from typing import Final

from hive_gateway.people import People
from hive_gateway.tokens import Tokens, read_token
from hive_shared.settings import GatewaySettings, SettingsError

_KEY_BYTES: Final = 32


def tokens_of(settings: GatewaySettings, people: People) -> Tokens:
    """Raises SettingsError."""
    return Tokens(
        {"admin": _token(settings.admin_token_path), "runner": _token(settings.runner_token_path)},
        people.now,
        lambda: bool(people.problem),
    )


def resume_key(settings: GatewaySettings) -> bytes:
    """The key of resume tokens; made where there is none yet. Raises SettingsError."""
    path = settings.resume_key_path
    try:
        _make(path)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _token(path: Path) -> str:
    try:
        return read_token(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _make(path: Path) -> None:
    """Of several gateways that begin at once, one makes it; all read the same."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(_KEY_BYTES))
    try:
        # Unlike a rename, a link never takes the place of what another one has made.
        path.hardlink_to(part)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _unreadable(path: Path, error: Exception) -> SettingsError:
    return SettingsError(
        f"it cannot be used: {error}",
        where=str(path),
        remedy="`hive up` makes the secrets; or name the file in hive.toml",
    )
