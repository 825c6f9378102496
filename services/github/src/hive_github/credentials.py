"""By what the hive is known to GitHub: an App, or a person's token. Read from files.

an App      its number and private key: tokens of an hour for each installation (`identity`)
a token     fine-grained, of one person: the simple way; everything is done in that name
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from hive_shared.settings import GithubSettings, variable

MAX_SECRET: Final = 64 * 1024
"""Bytes of a file with a secret; a larger one is the wrong file."""


class NotConfigured(Exception):
    """Nothing says who the hive is on GitHub; the text says what to do."""


class AppCredentials(msgspec.Struct, frozen=True):
    app_id: int
    private_key: str
    """PEM."""

    def __repr__(self) -> str:
        return f"AppCredentials({self.app_id})"


class TokenCredentials(msgspec.Struct, frozen=True):
    token: str

    def __repr__(self) -> str:
        return "TokenCredentials(…)"


Credentials = AppCredentials | TokenCredentials


class Configured(msgspec.Struct, frozen=True):
    credentials: Credentials
    webhook_secret: bytes
    """Empty: no webhook is taken."""

    def __repr__(self) -> str:
        return f"Configured({self.credentials!r})"

    @property
    def fingerprint(self) -> bytes:
        """Another one where anything is configured otherwise."""
        return hashlib.sha256(msgspec.msgpack.encode(self)).digest()


def configured(settings: GithubSettings) -> Configured:
    """Raises NotConfigured."""
    app_id = settings.github_app_id or _number(settings.github_app_id_path)
    if app_id:
        key = _secret(settings.github_app_key_path, "github_app_key_file")
        if "PRIVATE KEY-----" not in key:
            raise NotConfigured(
                f"{settings.github_app_key_path} holds no private key: put the .pem there that "
                "GitHub gave for the App"
            )
        credentials: Credentials = AppCredentials(app_id, key)
    elif settings.github_token_file is not None or settings.github_token_path.exists():
        credentials = TokenCredentials(_secret(settings.github_token_path, "github_token_file"))
    else:
        raise NotConfigured(
            "no App and no token: `hive github connect` makes an App, or set "
            f"{variable('github_token_file')} to a file that holds a fine-grained token"
        )
    return Configured(credentials, _webhook_secret(settings))


def _webhook_secret(settings: GithubSettings) -> bytes:
    path = settings.github_webhook_secret_path
    if settings.github_webhook_secret_file is None and not path.exists():
        return b""
    return _secret(path, "github_webhook_secret_file").encode()


def _number(path: Path) -> int:
    if not path.exists():
        return 0
    text = _secret(path, "github_app_id")
    if not text.isdecimal():
        raise NotConfigured(f"{path} holds no App's number; see {variable('github_app_id')}")
    return int(text)


def _secret(path: Path, setting: str) -> str:
    try:
        if path.stat().st_size > MAX_SECRET:
            raise NotConfigured(f"{path} is too large for a secret; see {variable(setting)}")
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotConfigured(f"{path} cannot be read: {error}; see {variable(setting)}") from error
    if not text:
        raise NotConfigured(f"{path} is empty; see {variable(setting)}")
    return text
