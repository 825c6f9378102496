"""The test GitHub as a process of its own, and what it has heard.

It tells of each request on its output, in the order in which it answered them: `mark` asks for
something and waits until that is told, so that all before it has been told, too.
"""

import asyncio
import secrets
import sys
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_bench.result import BenchRefused

START_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0
REFUSED: Final = (403, 429)
_LINE_BYTES: Final = 1024 * 1024


class App(msgspec.Struct, frozen=True):
    id: int
    webhook_secret: str


class There(msgspec.Struct, frozen=True):
    """What the test GitHub holds when it begins."""

    url: str
    rest: str
    token: str
    """Of a person who may write to all of it."""
    repositories: dict[str, str]
    """Clone URL by name."""
    installations: dict[str, int]
    """By owner."""
    app: App


class Heard(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    path: str
    status: int
    caller: str


class _Line(msgspec.Struct):
    """One line of its output; others are of no interest here."""

    github: There | None = None
    request: Heard | None = None


class TestGithub:
    def __init__(self, process: asyncio.subprocess.Process, there: There, key: Path) -> None:
        self.there = there
        self.key = key
        """The App's."""
        self.heard: list[Heard] = []
        self._asked = 0
        self._process = process
        self._more = asyncio.Condition()

    async def listen(self) -> None:
        """Until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = msgspec.json.decode(line, type=_Line)
            if told.request is not None:
                async with self._more:
                    self.heard.append(told.request)
                    self._more.notify_all()

    async def mark(self) -> int:
        """How many requests were heard by now. Raises TimeoutError."""
        await self.ask("GET", "/rate_limit")
        async with asyncio.timeout(ANSWER_SECONDS), self._more:
            # Nobody else asks in that person's name.
            await self._more.wait_for(
                lambda: sum(each.caller.startswith("user") for each in self.heard) == self._asked
            )
        return len(self.heard)

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """What REST answers the person. Raises BenchRefused."""
        self._asked += 1
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.there.token}"}
        data = None if body is None else msgspec.json.encode(body)
        url = self.there.rest + path
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  # its own
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310  # as above
                return msgspec.json.decode(answer.read() or b"null")
        except OSError as error:
            raise BenchRefused(f"the test GitHub refuses {method} {path}: {error}") from error


@asynccontextmanager
async def test_github(
    folder: Path, webhooks: str, repositories: Sequence[str], *limits: str
) -> AsyncIterator[TestGithub]:
    """`limits` as its option `--limit` takes them. Raises BenchRefused."""
    key = folder / f"{secrets.token_hex(4)}.pem"
    options = ["--json", "--key", str(key), "--webhooks", webhooks]
    for name in repositories:
        options += ["--repository", name]
    for limit in limits:
        options += ["--limit", limit]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hive_github.testing", *options),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
    )  # fmt: skip
    listening: asyncio.Task[None] | None = None
    try:
        server = TestGithub(process, await _begun(process), key)
        listening = asyncio.create_task(server.listen())
        yield server
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        if listening is not None:
            await asyncio.gather(listening, return_exceptions=True)
        await process.communicate()


async def _begun(process: asyncio.subprocess.Process) -> There:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(START_SECONDS):
        line = await process.stdout.readline()
        if line and (there := msgspec.json.decode(line, type=_Line).github):
            return there
        said = (await process.stderr.read()).decode(errors="replace").strip()
    raise BenchRefused(
        f"the test GitHub does not start: {said.splitlines()[-1] if said else 'it says nothing'}",
        "python -m hive_github.testing",
        "install its extra: hive-github[testing]",
    )
