"""The endpoint that GitHub delivers to: `POST /webhooks`. Adapter.

    signed? ──no──▶ 401        stored and recorded? ──yes──▶ 202, at once; it is worked later
    > 25 MB ──────▶ 413                              no───▶ 503: GitHub marks it as failed, and the
    no delivery ──▶ 400                                     sweeper asks for it again
    seen before ──▶ 200

The signature is checked over the raw bytes, before anything in them is looked at. A port of its
own, as it is the one door of the hive that the outside must reach: nothing else answers here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from hive_contracts.github.delivery import ReceiveDelivery
from hive_github.webhooks.facts import NoDelivery, facts_of
from hive_github.webhooks.signature import HEADER, is_signed
from hive_shared.eventstore.errors import StoreError
from hive_shared.handling import Handling

MAX_BODY: Final = 25 * 1024 * 1024
"""Bytes: GitHub sends nothing larger."""
PATH: Final = "/webhooks"
HINT_SECONDS: Final = 0.1
"""Between two times that others are told to work on what came: the door comes first."""
REFUSED: Final = 400
"""Answers from this one on say that a delivery was not taken."""

_log = logging.getLogger("hive.github.webhooks")


class Taking(Protocol):
    async def take(self, coming: ReceiveDelivery, body: bytes) -> bool:
        """False where it had been taken before. Raises StoreError."""
        ...


class _TooLarge(Exception):
    """More than MAX_BODY."""


class WebhookDoor:
    def __init__(
        self,
        deliveries: Taking,
        secret: bytes,
        taken: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        """`taken` is called once deliveries were recorded, for all of a moment together."""
        self._monotonic = monotonic
        self._hinted = float("-inf")
        self._later: asyncio.TimerHandle | None = None
        self.handling = Handling("webhook", monotonic, "call")
        self._deliveries = deliveries
        self._secret = secret
        self._taken = taken

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(PATH, self._receive, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    async def _health(self, request: Request) -> Response:
        return _json(200, {"status": "healthy", "service": "github"})

    async def _receive(self, request: Request) -> Response:
        with self.handling.one():
            answer = await self._answer(request)
            if answer.status_code >= REFUSED:
                self.handling.failed += 1
        return answer

    async def _answer(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except _TooLarge:
            return _error(413, "too-large", f"a delivery has at most {MAX_BODY} bytes")
        except ClientDisconnect:
            return _error(400, "cut-off", "the body did not arrive whole")
        signatures = request.headers.getlist(HEADER)
        if len(signatures) != 1 or not is_signed(self._secret, body, signatures[0]):
            _log.warning("a delivery without a right signature was refused")
            return _error(401, "unsigned", "X-Hub-Signature-256 is missing or wrong")
        try:
            coming = facts_of(
                request.headers.get("x-github-delivery", ""),
                request.headers.get("x-github-event", ""),
                _json_of(request, body),
            )
        except NoDelivery as error:
            return _error(400, "invalid", str(error))
        try:
            is_new = await self._deliveries.take(coming, body)
        except StoreError as error:
            _log.warning("delivery %s could not be stored: %s", coming.delivery_id, error)
            return _error(503, "unavailable", "it could not be stored; deliver it again")
        if is_new:
            self._hint()
        # Without a body the answer is one piece for the socket, and the status says it all.
        return Response(status_code=202 if is_new else 200)

    def _hint(self) -> None:
        """At once after a silence; of many that follow each other for those that came meanwhile."""
        now = self._monotonic()
        if now < self._hinted + HINT_SECONDS:
            if self._later is None:
                in_time = self._hinted + HINT_SECONDS - now
                self._later = asyncio.get_running_loop().call_later(in_time, self._tell)
            return
        self._tell()

    def _tell(self) -> None:
        self._later, self._hinted = None, self._monotonic()
        self._taken()


def _json_of(request: Request, body: bytes) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        return body
    raise NoDelivery("the webhook's content type is not application/json: set it so on GitHub")


async def _body(request: Request) -> bytes:
    """Raises _TooLarge as soon as there is more, whatever the headers said; ClientDisconnect."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
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
