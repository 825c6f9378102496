"""For whom it is worked on what a delivery is about."""

import hashlib
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import pytest

from hive_contracts.codec import encode, stream_of
from hive_contracts.envelope import Meta, Recorded
from hive_contracts.github.delivery import DeliveryReceived, FinishDelivery
from hive_contracts.github.places import places
from hive_github.api.waiting import urgency
from hive_github.webhooks.work import DeliveryWork

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
AROUND = {
    "repository": {"id": 1, "full_name": "acme/shop"},
    "installation": {"id": 5},
    "sender": {"login": "ada"},
}
PRESSED = {
    "action": "requested_action",
    "check_run": {"head_sha": "c" * 40, "external_id": "t/ok"},
    "requested_action": {"identifier": "approve"},
}
PUSH = {"ref": "refs/heads/main", "after": "c" * 40}
COMMAND = {
    "action": "created", "issue": {"number": 7}, "comment": {"body": "/hive status"},
}  # fmt: skip


class Deliveries:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.done: list[FinishDelivery] = []

    async def body(self, guid: str) -> bytes:
        return self._body

    async def finish(
        self, received: DeliveryReceived, done: FinishDelivery, cause: str, before: str
    ) -> None:
        self.done.append(done)


class World:
    """Whatever is looked at: for whom, is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def wait_for(self, position: int, seconds: float) -> None:
        pass

    async def issue(self, *where: object) -> str:
        self.asked.append(urgency())
        return ""

    async def branch(self, *where: object) -> str:
        return await self.issue()

    async def button(self, *where: object) -> str:
        return await self.issue()


@pytest.mark.parametrize(
    ("event", "told", "for_whom"),
    [
        pytest.param("push", PUSH, "work", id="a push"),
        pytest.param("check_run", PRESSED, "person", id="a button"),
        pytest.param(
            "issue_comment", COMMAND, "person", id="a comment that may be a command"
        ),
    ],
)  # fmt: skip
async def test_a_button_and_a_comment_are_somebodys(
    event: str, told: dict[str, object], for_whom: str
) -> None:
    body = msgspec.json.encode({**AROUND, **told})
    digest = hashlib.sha256(body).hexdigest()
    received = DeliveryReceived(GUID, event, digest, len(body))
    recorded = Recorded(
        1, stream_of(received), 1, "e" * 32, "DeliveryReceived", encode(received),
        Meta(GUID, "c", "github"), datetime(2026, 11, 30, tzinfo=UTC),
    )  # fmt: skip
    deliveries, world = Deliveries(body), World()
    taken: Any = deliveries
    at, anything = places("https://github.com"), cast("Any", world)
    work = DeliveryWork(taken, anything, anything, anything, anything, at, anything)
    await work.perform(recorded, "f" * 32)
    assert world.asked == [for_whom]
    assert [each.outcome for each in deliveries.done] == ["taken"]
    assert urgency() == "background"
