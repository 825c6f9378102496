"""The github service's edge on the bus: a few questions, answered by FastStream."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

import msgspec
from faststream.nats import NatsBroker, NatsMessage

from hive_contracts.github.questions import (
    EXAMINE,
    OPEN_PULL_REQUEST,
    SHOW_PULL_REQUEST,
    Examination,
    Examine,
    OpenPullRequest,
    PullRequestStatus,
    ShowPullRequest,
)
from hive_contracts.health import GITHUB_STATUS
from hive_contracts.submit import Refused
from hive_github.status import github_status
from hive_shared.eventstore.errors import StoreError
from hive_shared.settings import GithubSettings

Q = TypeVar("Q", bound=msgspec.Struct)

ANSWER_SECONDS: Final = 25.0
"""To examine asks GitHub several things."""

_log = logging.getLogger("hive.github")


class Answers(Protocol):
    """Each method raises StoreError."""

    async def open(self, asked: OpenPullRequest) -> PullRequestStatus | Refused: ...

    async def show(self, asked: ShowPullRequest) -> PullRequestStatus: ...

    async def examine(self, asked: Examine) -> Examination: ...


def broker_for(url: str, settings: GithubSettings, desk: Answers | None = None) -> NatsBroker:
    """Without a desk nothing is configured, and that is what every question is answered."""
    broker = NatsBroker(
        url,
        name="github",
        logger=_log,
        log_level=logging.DEBUG,
        apply_types=False,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
    )

    @broker.subscriber(
        GITHUB_STATUS, queue="github", decoder=_body, title="GithubStatus",
        description="Whether GitHub is configured: a GithubStatusQuery, answered by GithubStatus.",
    )  # fmt: skip
    async def on_status(_: bytes) -> bytes:
        # Read anew for each question: a token that is put there later counts at once.
        return msgspec.json.encode(await asyncio.to_thread(github_status, settings))

    async def answered(kind: type[Q], body: bytes, ask: Callable[[Q], Awaitable[Any]]) -> bytes:
        return msgspec.json.encode(await _answer(kind, body, ask))

    @broker.subscriber(
        OPEN_PULL_REQUEST, queue="github", decoder=_body, max_workers=8, title="OpenPullRequest",
        description="A pull request for a mission: OpenPullRequest, answered by PullRequestStatus.",
    )  # fmt: skip
    async def on_open(body: bytes) -> bytes:
        if desk is None:
            return await _unconfigured(settings)
        return await answered(OpenPullRequest, body, desk.open)

    @broker.subscriber(
        SHOW_PULL_REQUEST, queue="github", decoder=_body, max_workers=8, title="ShowPullRequest",
        description="What became of it: ShowPullRequest, answered by PullRequestStatus.",
    )  # fmt: skip
    async def on_show(body: bytes) -> bytes:
        if desk is None:
            return await _unconfigured(settings)
        return await answered(ShowPullRequest, body, desk.show)

    @broker.subscriber(
        EXAMINE, queue="github", decoder=_body, max_workers=2, title="Examine",
        description="What is missing towards GitHub: Examine, answered by Examination.",
    )  # fmt: skip
    async def on_examine(body: bytes) -> bytes:
        if desk is None:
            return await _unconfigured(settings)
        return await answered(Examine, body, desk.examine)

    return broker


async def _answer(kind: type[Q], body: bytes, ask: Callable[[Q], Awaitable[Any]]) -> Any:
    try:
        asked = msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        return Refused("invalid", str(error))
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await ask(asked)
    except (StoreError, TimeoutError) as error:
        _log.warning("a question could not be answered: %r", error)
        return Refused("unavailable", "it could not be answered now", remedy="ask again")


async def _unconfigured(settings: GithubSettings) -> bytes:
    status = await asyncio.to_thread(github_status, settings)
    reason = status.reason or "GitHub was configured just now"
    refused = Refused("conflict", f"GitHub is not configured: {reason}", "github")
    return msgspec.json.encode(refused)


@asynccontextmanager
async def serving(broker: NatsBroker) -> AsyncIterator[None]:
    """Answer as soon as the bus is there."""
    starting = asyncio.create_task(broker.start())
    try:
        yield
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await broker.stop()


async def _body(message: NatsMessage) -> bytes:
    return bytes(message.body)
