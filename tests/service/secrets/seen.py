"""All that anybody can see of a hive from beside it, and what of it must not be there."""

import asyncio
import contextlib
import re
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
from nats.aio.msg import Msg

from hive_shared.bus.connection import connected
from tests.system.hive import RealHive

TOKEN: Final = re.compile(rb"gh[ps]_[A-Za-z0-9]{16,}|github_pat_\w{16,}")
"""GitHub's tokens, whoever issued them."""
COMMAND_LINE: Final = "a command line"
DATABASES: Final = "select datname from pg_database where datallowconn"
TABLES: Final = """
select format('%I.%I', schemaname, tablename) from pg_tables
where schemaname not in ('pg_catalog', 'information_schema')
"""


class Seen:
    """Pieces of what was seen, by where."""

    def __init__(self, github: str) -> None:
        """`github` is the address of the one that this hive speaks to."""
        self._github = github.partition("//")[2].encode()
        self.pieces: dict[str, set[bytes]] = {}

    def add(self, where: str, *pieces: bytes) -> None:
        self.pieces.setdefault(where, set()).update(pieces)

    def has(self, where: str, word: bytes) -> bool:
        """Whether a word was seen there, or in a place whose name begins so."""
        told = [p for place, some in self.pieces.items() if place.startswith(where) for p in some]
        return any(word in piece for piece in told)

    def found(self, planted: dict[str, bytes]) -> list[str]:
        """Each secret that can be seen, and where."""
        found = [
            f"{name} in {where}: …{_around(piece, secret)}…"
            for where, pieces in self.pieces.items()
            for piece in pieces
            for name, secret in planted.items()
            if secret in piece and self._is_ours(where, piece, secret)
        ]
        found += [
            f"a token of GitHub in {where}: …{_around(piece, token)}…"
            for where, pieces in self.pieces.items()
            for piece in pieces
            for token in TOKEN.findall(piece)
            if self._is_ours(where, piece, token)
        ]
        return sorted(set(found))

    def _is_ours(self, where: str, piece: bytes, secret: bytes) -> bool:
        """Command lines are those of the whole machine: others may test with a GitHub, too, and
        each test GitHub issues the same tokens."""
        if where != COMMAND_LINE or not TOKEN.fullmatch(secret):
            return True
        return self._github in piece


def _around(piece: bytes, secret: bytes) -> str:
    at = piece.index(secret)
    around = piece[max(0, at - 120) : at] + b"***" + piece[at + len(secret) :][:60]
    return around.decode(errors="replace")


@contextlib.contextmanager
def processes(seen: Seen, every: float = 0.02) -> Iterator[None]:
    """The command lines of all processes, again and again."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(every):
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(COMMAND_LINE, line.read_bytes())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()


@contextlib.asynccontextmanager
async def bus(hive: RealHive, seen: Seen) -> AsyncIterator[None]:
    """Each message that anybody publishes: events, commands and their answers, beats."""

    async def hear(message: Msg) -> None:
        seen.add(f"a message to {message.subject.partition('.')[0]}", message.data)
        seen.add("headers of a message", repr(message.headers).encode())

    async with connected(hive.nats_url("admin"), "observer") as client:
        await client.subscribe(">", cb=hear)
        yield


async def look_at(hive: RealHive, seen: Seen) -> None:
    """What is there at the end."""
    for folder in ("logs", "artifacts", "runner", "github"):
        files = [path for path in (hive.data / folder).rglob("*") if path.is_file()]
        seen.add(f"the folder {folder}", *map(_read, files))
    await _tables(hive, seen)
    token = hive.vault.admin_token()
    for page in ("metrics", "metrics/hive", "health", "health/ready"):
        for accept in ("text/plain", "application/openmetrics-text"):
            seen.add(f"/{page}", await asyncio.to_thread(_page, hive, page, token, accept))


async def _tables(hive: RealHive, seen: Seen) -> None:
    """All rows of all tables: the record and what is made of it."""
    admin = f"postgresql://postgres:{hive.vault.postgres('admin')}@127.0.0.1"
    for database in await _fetch(
        f"{admin}:{hive.state.postgres_port}/postgres",
        "select datname from pg_database where datallowconn",
    ):
        url = f"{admin}:{hive.state.postgres_port}/{database}"
        for table in await _fetch(url, TABLES):
            rows = await _fetch(url, f"select to_jsonb(t)::text from {table} t")
            seen.add(f"the table {table}", *(row.encode() for row in rows))


async def _fetch(url: str, query: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


def _page(hive: RealHive, page: str, token: str, accept: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    url = f"http://127.0.0.1:{hive.state.http_port}/{page}"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return bytes(answer.read())


def _read(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def secrets_of(hive: RealHive) -> dict[str, bytes]:
    """What `hive up` made: each value of the folder of secrets that is one line."""
    found = {}
    for path in hive.stack.paths.secrets.iterdir():
        if path.suffix in (".token", ".password", ".key", ".secret") and path.is_file():
            found[path.name] = path.read_bytes().strip()
    return found


def lines_of(pem: str) -> Iterable[bytes]:
    return [line.encode() for line in pem.splitlines() if len(line) > 40 and "-----" not in line]
