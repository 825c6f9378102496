"""The endpoint that Alertmanager delivers to: `POST /alerts`. Adapter.

    right token? ──no──▶ 401       stored? ──yes──▶ 200; it is grouped at the next look
    > 16 MB ───────────▶ 413                 no───▶ 503: Alertmanager sends it again
    no version 4 ──────▶ 400

A port of its own, closed unless somebody sets it. The token is looked at before the body is read.
"""

import hmac
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from hive_health.incidents.alert import Coming, NoMessage, of_alertmanager
from hive_shared.clock import Clock
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes; ten thousand alerts have six million."""
PATH: Final = "/alerts"
REFUSED: Final = 400
"""Answers from this one on say that a message was not taken."""
_SCHEME: Final = "bearer "

_log = logging.getLogger("hive.health.alerts")


class Taking(Protocol):
    async def take(self, coming: Sequence[Coming]) -> None:
        """Raises StoreError."""
        ...


class _TooLarge(Exception):
    """More than MAX_BODY."""


class AlertDoor:
    def __init__(self, inbox: Taking, token: bytes, clock: Clock) -> None:
        self._inbox = inbox
        self._token = token
        self._clock = clock
        self.handling = Handling("alerts", clock.monotonic, "call")

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(PATH, self._receive, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    async def _health(self, request: Request) -> Response:
        return _json(200, {"status": "healthy", "service": "health"})

    async def _receive(self, request: Request) -> Response:
        with self.handling.one():
            answer = await self._answer(request)
            if answer.status_code >= REFUSED:
                self.handling.failed += 1
        return answer

    async def _answer(self, request: Request) -> Response:
        if not self._may_tell(request):
            _log.warning("alerts without the right token were refused")
            return _error(401, "unauthenticated", "`Authorization: Bearer TOKEN` is needed")
        try:
            body = await _body(request)
            coming = of_alertmanager(body, self._clock.now_ms())
        except _TooLarge:
            return _error(413, "too-large", f"a message has at most {MAX_BODY} bytes")
        except ClientDisconnect:
            return _error(400, "cut-off", "the body did not arrive whole")
        except NoMessage as error:
            return _error(400, "invalid", str(error))
        try:
            await self._inbox.take(coming)
        except StoreError as error:
            _log.warning("%d alerts could not be stored: %s", len(coming), error)
            return _error(503, "unavailable", "they could not be stored; send them again")
        return _json(200, {"taken": len(coming)})

    def _may_tell(self, request: Request) -> bool:
        """Compared in constant time."""
        shown = request.headers.getlist("authorization")
        if len(shown) != 1 or shown[0][: len(_SCHEME)].lower() != _SCHEME:
            return False
        offered = shown[0][len(_SCHEME) :].strip().encode("latin-1", "replace")
        return bool(self._token) and hmac.compare_digest(offered, self._token)


async def _body(request: Request) -> bytes:
    """Raises _TooLarge as soon as there is more, whatever the headers said; ClientDisconnect."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise _TooLarge
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY:
            raise _TooLarge
        pieces.append(piece)
    return b"".join(pieces)


def _error(status: int, code: str, message: str) -> Response:
    return _json(status, {"error": {"code": code, "message": message}})


def _json(status: int, body: object) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
