"""Deliveries of webhooks, taken by a hive's door: signed, stored and recorded before the answer.

They are what a busy repository sends and nothing follows from: pushes, checks and pull requests of
others, of the size that GitHub's have.

First as many a second as a busy organisation has, each from the moment at which it was to be sent;
then by callers who send the next one as soon as they are answered. The limit of those is the same
door asked for its health, by as many callers.
"""

import asyncio
import hmac
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import msgspec

from hive_bench.result import BenchRefused, CaseResult, result

CALLERS: Final = 8
STEADY: Final = 100
"""Deliveries a second."""
BYTES: Final = 12 * 1024
"""Of a body: GitHub's have 8 to 25 KiB."""

Send = Callable[[], Awaitable[None]]


async def run(door: str, secret: str, repository: str, seconds: float) -> list[CaseResult]:
    """`door`: the URL of deliveries. Raises BenchRefused where one is not taken."""
    async with _connections(door) as connections:
        health = [_health(each) for each in connections]
        limit = len(await _repeated(health, seconds / 4)) / (seconds / 4)
        numbers = itertools.count(1)
        deliveries = [_delivery(each, secret, repository, numbers) for each in connections]
        await _steadily(deliveries, STEADY, seconds / 5)
        steady = await _steadily(deliveries, STEADY, seconds)
        began = time.perf_counter()
        durations = await _repeated(deliveries, seconds)
        rate = len(durations) / (time.perf_counter() - began)
    offered = f"webhook deliveries, {STEADY} a second"
    case = f"webhook deliveries, {CALLERS} callers"
    return [
        result("github", offered, len(steady) / seconds, "deliveries/s", steady, STEADY),
        result("github", case, rate, "deliveries/s", durations, limit),
    ]


class _Connection:
    """Kept open, one request after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.path = path

    async def ask(self, method: str, path: str, headers: str, body: bytes = b"") -> int:
        """The status."""
        head = f"{method} {path} HTTP/1.1\r\nHost: hive\r\nContent-Length: {len(body)}\r\n{headers}"
        self._writer.write(f"{head}\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        await self._reader.readexactly(length)
        return int(answer.split(b" ", 2)[1])

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def _connections(door: str) -> AsyncIterator[list[_Connection]]:
    at = urlsplit(door)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(CALLERS):
            connection = _Connection(*await asyncio.open_connection(at.hostname, at.port), at.path)
            stack.push_async_callback(connection.close)
            made.append(connection)
        yield made


def _health(connection: _Connection) -> Send:
    async def send() -> None:
        _expect(await connection.ask("GET", "/health", ""), 200)

    return send


def _delivery(
    connection: _Connection, secret: str, repository: str, numbers: "itertools.count[int]"
) -> Send:
    async def send() -> None:
        event, body = _said(next(numbers), repository)
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers = (
            f"Content-Type: application/json\r\nX-GitHub-Event: {event}\r\n"
            f"X-GitHub-Delivery: {secrets.token_hex(16)}\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\n"
        )
        _expect(await connection.ask("POST", connection.path, headers, body), 202)

    return send


def _said(number: int, repository: str) -> tuple[str, bytes]:
    """The n-th delivery: its event and its body."""
    commit = f"{number:040x}"
    told: dict[str, dict[str, object]] = {
        "push": {"ref": f"refs/heads/topic-{number}", "after": commit},
        "check_run": {"action": "completed", "check_run": {"id": number, "head_sha": commit}},
        "pull_request": {
            "action": "synchronize", "number": number, "pull_request": {"number": number},
        },
        "status": {"sha": commit, "state": "success", "context": "ci"},
    }  # fmt: skip
    event = list(told)[number % len(told)]
    around = {
        "repository": {"id": 1_000_000, "full_name": repository, "description": "…" * (BYTES // 3)},
        "installation": {"id": 1},
        "sender": {"login": "octocat", "type": "User"},
    }
    return event, msgspec.json.encode(told[event] | around)


def _expect(status: int, wanted: int) -> None:
    if status != wanted:
        raise BenchRefused(f"the door answers {status} in place of {wanted}")


async def _repeated(sends: list[Send], seconds: float) -> list[float]:
    """How long each took, in seconds, of those that ended within the time."""
    durations: list[float] = []
    until = time.perf_counter() + seconds

    async def repeat(send: Send) -> None:
        while (began := time.perf_counter()) < until:
            await send()
            ended = time.perf_counter()
            if ended <= until:
                durations.append(ended - began)

    await asyncio.gather(*map(repeat, sends))
    return durations


async def _steadily(sends: list[Send], rate: float, seconds: float) -> list[float]:
    """How long each took, in seconds, from when it was due: one that others hold up is late."""
    durations: list[float] = []
    began, many = time.perf_counter(), round(rate * seconds)

    async def send(first: int) -> None:
        for number in range(first, many, len(sends)):
            due = began + number / rate
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            await sends[first]()
            durations.append(time.perf_counter() - due)

    await asyncio.gather(*map(send, range(len(sends))))
    return durations
