"""Webhooks: who is told, the log of deliveries, and what a script does to them on their way.

Deliveries leave one after the other, in the order in which things changed, so that a test knows
what it gets; a script loses, repeats, holds or mixes them.
"""

import asyncio
import hashlib
import hmac
import ssl
import threading
import time
import uuid
from collections import deque
from typing import Any, Final, Literal

import httpx
import msgspec

from hive_github.testing.model import App, Hook, Installation, Repository
from hive_github.testing.published import Published
from hive_github.testing.world import World, node_id

_SPACE: Final = uuid.UUID("5a0c7f0e-0000-4000-8000-000000000000")
_ALWAYS: Final = ("installation", "installation_repositories", "ping", "meta")
"""Told to an App whether it has subscribed or not."""
ANSWER_SECONDS: Final = 10.0
EVENTS: Final = (
    "check_run", "check_suite", "create", "delete", "installation", "installation_repositories",
    "issue_comment", "issues", "label", "member", "merge_group", "ping", "pull_request",
    "pull_request_review", "pull_request_review_comment", "pull_request_review_thread", "push",
    "repository", "status", "workflow_job", "workflow_run",
)  # fmt: skip
"""What the test GitHub sends."""


class Delivery(msgspec.Struct, kw_only=True, eq=False):
    """One attempt to tell one hook of one event."""

    id: int
    guid: str
    event: str
    action: str | None
    hook: Hook
    body: bytes
    headers: dict[str, str]
    delivered_at: str
    redelivery: bool = False
    installation_id: int | None = None
    repository_id: int | None = None
    status_code: int = 0
    """0 until there is an answer, and for ever when there is none."""
    status: str = "pending"
    duration: float = 0.0
    answer_headers: dict[str, str] = {}
    answer_body: str = ""

    @property
    def payload(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def ok(self) -> bool:
        return 200 <= self.status_code < 300


class Mishap(msgspec.Struct, kw_only=True):
    """What happens to deliveries of an event (and action) as often as `times` says.

    `lost` is never sent, and the log says so as GitHub's does: a failed delivery.
    `unlogged` is never sent and not in the log either: only reading the state finds it.
    `duplicated` is sent twice under the same GUID, `held` waits for `release`.
    """

    kind: Literal["lost", "unlogged", "duplicated", "held"]
    event: str = ""
    action: str = ""
    times: int = 1
    struck: int = 0

    def strikes(self, delivery: Delivery) -> bool:
        return (
            self.times > 0
            and self.event in ("", delivery.event)
            and self.action in ("", delivery.action or "")
        )


class Courier:
    """Carries deliveries; the server's loop runs `carry`, anybody calls the rest."""

    def __init__(self, world: World, published: Published) -> None:
        self.log: list[Delivery] = []
        self.mishaps: list[Mishap] = []
        self.held: list[Delivery] = []
        self._world = world
        self._published = published
        self._waiting: deque[Delivery] = deque()
        self._moved = threading.Condition()
        self._busy = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        world.tell = self.tell

    def tell(
        self,
        event: str,
        payload: dict[str, Any],
        repository: Repository | None = None,
        only: App | None = None,
        installation: Installation | None = None,
    ) -> None:
        """Under the world's lock."""
        for app in self._world.apps.values():
            if app.hook is None or (only is not None and app is not only):
                continue
            at = installation or self._installation(app, repository)
            if at is None or at.app is not app:
                continue
            if event not in _ALWAYS and event not in at.events:
                continue
            if at.suspended_at is not None and event not in _ALWAYS:
                continue
            said = payload
            if event not in ("installation", "installation_repositories"):
                lite = {"id": at.id, "node_id": node_id("IN", at.id)}
                said = {**payload, "installation": lite}
            self._send(app.hook, event, said, repository, at)
        for hook in repository.hooks if repository is not None and only is None else ():
            if event == "ping" or event in hook.events or "*" in hook.events:
                self._send(hook, event, payload, repository, None)

    def send(self, hook: Hook, event: str, payload: dict[str, Any]) -> None:
        """To one hook alone: pings."""
        self._send(hook, event, payload, hook.repository, None)

    def redeliver(self, earlier: Delivery) -> Delivery:
        """Another attempt, under the same GUID."""
        again = msgspec.structs.replace(
            earlier, id=self._world.next_id("delivery"), redelivery=True, status_code=0,
            status="pending", delivered_at=self._world.now(), answer_headers={}, answer_body="",
        )  # fmt: skip
        self.log.append(again)
        self._queue(again)
        return again

    def release(self, *, reverse: bool = False) -> None:
        """Send what was held, late, in its order or in the opposite one."""
        held, self.held[:] = list(self.held), []
        for delivery in reversed(held) if reverse else held:
            self._queue(delivery)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until all deliveries are answered. Raises TimeoutError."""
        with self._moved:
            if not self._moved.wait_for(lambda: not self._waiting and not self._busy, seconds):
                raise TimeoutError(f"{len(self._waiting)} deliveries are still waiting")

    async def carry(self) -> None:
        """Send what waits, until cancelled."""
        self._loop = asyncio.get_running_loop()
        # Deliveries stay on this machine, whatever proxy the environment names. To read the
        # certificates of all the world's authorities would take longer than most tests do.
        async with httpx.AsyncClient(
            timeout=ANSWER_SECONDS, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ) as client:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    with self._moved:
                        delivery = self._waiting.popleft()
                        self._busy += 1
                    try:
                        await _deliver(client, delivery)
                    finally:
                        with self._moved:
                            self._busy -= 1
                            self._moved.notify_all()

    def _installation(self, app: App, repository: Repository | None) -> Installation | None:
        if repository is None:
            return None
        covering = self._world.installations_on(repository)
        return next((one for one in covering if one.app is app), None)

    def _send(
        self,
        hook: Hook,
        event: str,
        payload: dict[str, Any],
        repository: Repository | None,
        installation: Installation | None,
    ) -> None:
        if not hook.active:
            return
        self._published.check_webhook(event, payload)
        number = self._world.next_id("delivery")
        body = msgspec.json.encode(payload)
        guid = str(uuid.uuid5(_SPACE, str(number)))
        delivery = Delivery(
            id=number, guid=guid, event=event, action=payload.get("action"), hook=hook,
            body=body, headers=_headers(hook, event, guid, body), delivered_at=self._world.now(),
            installation_id=installation.id if installation else None,
            repository_id=repository.id if repository else None,
        )  # fmt: skip
        mishap = next((one for one in self.mishaps if one.strikes(delivery)), None)
        if mishap is not None:
            mishap.times -= 1
            mishap.struck += 1
        if mishap is not None and mishap.kind == "unlogged":
            return
        self.log.append(delivery)
        match mishap.kind if mishap else None:
            case "lost":
                delivery.status, delivery.status_code = "timed out", 0
            case "held":
                self.held.append(delivery)
            case "duplicated":
                self._queue(delivery)
                self._queue(msgspec.structs.replace(delivery))
            case _:
                self._queue(delivery)

    def _queue(self, delivery: Delivery) -> None:
        with self._moved:
            self._waiting.append(delivery)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)


async def _deliver(client: httpx.AsyncClient, delivery: Delivery) -> None:
    begun = time.monotonic()
    try:
        answer = await client.post(
            delivery.hook.url, content=delivery.body, headers=delivery.headers
        )
    except httpx.TimeoutException:
        delivery.status = "timed out"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        delivery.status = f"failed to connect to host: {error}"
    else:
        delivery.status_code = answer.status_code
        delivery.status = "OK" if answer.is_success else answer.reason_phrase or "error"
        delivery.answer_headers = dict(answer.headers)
        delivery.answer_body = answer.text
    delivery.duration = round(time.monotonic() - begun, 3)


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _headers(hook: Hook, event: str, guid: str, body: bytes) -> dict[str, str]:
    of_app = hook.app is not None
    target = hook.app or hook.repository
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/testing",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target.id if target else 0),
        "X-GitHub-Hook-Installation-Target-Type": "integration" if of_app else "repository",
    }
    if hook.secret:
        old = hmac.new(hook.secret.encode(), body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature"] = f"sha1={old}"
        headers["X-Hub-Signature-256"] = signature(hook.secret, body)
    return headers
