"""Somebody who takes webhooks, and answers as a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec


class Taken(msgspec.Struct, frozen=True):
    headers: dict[str, str]
    body: bytes


class Taker:
    def __init__(self) -> None:
        self.url = ""
        self.taken: list[Taken] = []
        self.answers: list[bytes] = []
        """Status lines and headers of the coming answers; afterwards each is a 204."""
        self.news = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.taken.append(Taken(headers, body))
        self.news.set()
        said = self.answers.pop(0) if self.answers else b"204 No Content"
        if said:
            writer.write(b"HTTP/1.1 " + said + b"\r\nConnection: close\r\n\r\n")
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def taking() -> AsyncIterator[Taker]:
    taker = Taker()
    server = await asyncio.start_server(taker.answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        taker.url = f"http://127.0.0.1:{port}/hook?room=hive"
        yield taker
