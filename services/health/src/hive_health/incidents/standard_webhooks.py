"""Signed webhooks as Standard Webhooks has them. Adapter. https://www.standardwebhooks.com

webhook-id          the same for every try of one message: take a second one for the first
webhook-timestamp   seconds since 1970, of this try
webhook-signature   v1,<HMAC-SHA-256 of "id.timestamp.body", in base64>
"""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path
from typing import Final

import httpx

from hive_health.webhook import WebhookFailed, host_of

PREFIX: Final = "whsec_"
SHORTEST: Final = 16
_PASSING: Final = frozenset({408, 425, 429})


class Secretless(ValueError):
    """A secret cannot be used; the text names the file and says what to do."""


class NotNow(WebhookFailed):
    """Nobody answers, or somebody asks to come again: it may pass by itself."""


class StandardWebhooks:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(self, url: str, body: bytes, message_id: str, secret: bytes, at_s: int) -> None:
        """Raises WebhookFailed unless the answer is a 2xx (NotNow for what may pass by itself).

        Without a secret it is not signed.
        """
        headers = {"Content-Type": "application/json", "webhook-id": message_id}
        headers["webhook-timestamp"] = str(at_s)
        if secret:
            headers["webhook-signature"] = signature(secret, message_id, at_s, body)
        try:
            # What it answers besides its status is not read: it may be without end.
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                if not answer.is_success:
                    passes = answer.status_code in _PASSING or answer.is_server_error
                    kind = NotNow if passes else WebhookFailed
                    raise kind(f"{host_of(url)} answers {answer.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = f"{host_of(url)} does not answer: {type(error).__name__}"
            raise NotNow(failure) from error


def signature(secret: bytes, message_id: str, at_s: int, body: bytes) -> str:
    signed = b".".join([message_id.encode(), str(at_s).encode(), body])
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def read_secret(path: Path) -> bytes:
    """The key in a file: `whsec_` and base64, or any text. Raises Secretless."""
    try:
        if path.stat().st_mode & 0o077:
            raise Secretless(f"{path} can be read by others: run chmod 600 {path}")
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Secretless(f"{path} cannot be read: {error}") from error
    if len(text) < SHORTEST:
        raise Secretless(f"{path} holds no secret of at least {SHORTEST} characters")
    if not text.startswith(PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise Secretless(f"{path}: what follows {PREFIX} is no base64") from error
