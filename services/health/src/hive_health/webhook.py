"""Webhooks out: a signed POST of JSON. Adapter.

    Hive-Effect          the same for every try of one notice: take a second one for the first
    Hive-Signature-256   sha256=<HMAC-SHA-256 of the body under secrets/notify.key, in hex>

It goes to the URL as it is written and nowhere else: a redirect is a failure.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

SECONDS: Final = 10.0
"""For each step of a try: to connect, to send, to hear something."""


class WebhookFailed(Exception):
    """Nobody took it; the text says why, and names no more of the URL than its host."""


class Webhooks:
    def __init__(self, client: httpx.AsyncClient, key: bytes) -> None:
        self._client = client
        self._key = key

    async def post(self, url: str, body: bytes, effect_id: str) -> None:
        """Raises WebhookFailed unless the answer is a 2xx."""
        headers = {
            "Content-Type": "application/json",
            "Hive-Effect": effect_id,
            "Hive-Signature-256": "sha256=" + signature(self._key, body),
        }
        try:
            # What it answers besides its status is not read: it may be without end.
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                if not answer.is_success:
                    raise WebhookFailed(f"{host_of(url)} answers {answer.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WebhookFailed(
                f"{host_of(url)} does not answer: {type(error).__name__}"
            ) from error


def signature(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


@asynccontextmanager
async def webhooks(key: bytes) -> AsyncIterator[Webhooks]:
    async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
        yield Webhooks(client, key)


def host_of(url: str) -> str:
    """No more of a URL than may stand in a log."""
    try:
        return httpx.URL(url).host or "the webhook"
    except httpx.InvalidURL:
        return "the webhook"
