"""Another runner, on the far side of a line that can be cut."""

import asyncio
import contextlib
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from hive_contracts.envelope import Recorded
from hive_contracts.runner import SessionClosed, SessionOpened
from hive_contracts.task import TaskLeased
from tests.service.runner.process import RunnerProcess
from tests.system.hive import RealHive, of_type


class CutOffRunner:
    """Runs until the block ends."""

    def __init__(self, hive: RealHive, name: str, folder: Path, slots: int) -> None:
        self._hive = hive
        self._name = name
        self._line = Line(int(hive.state.gateway.rpartition(":")[2]))
        self._folder = folder
        self._slots = slots

    async def __aenter__(self) -> Self:
        port = await self._line.open()
        secrets = self._folder / "secrets"
        secrets.mkdir(parents=True)
        token = self._hive.stack.paths.secrets / "runner.token"
        (secrets / "runner.token").write_text(token.read_text())
        self._process = RunnerProcess(self._folder, port)
        await self._process.start(
            HIVE_RUNNER_NAME=self._name, HIVE_RUNNER_SLOTS=str(self._slots), HIVE_BEAT="0.3"
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._process.kill()
        await self._line.close()
        if kind is None:  # the hive gives nothing more to who has gone
            await self._hive.until(lambda log: len(self.closed(log)) == len(self.sessions(log)))

    async def seen(self) -> None:
        await self._hive.until(self.sessions)

    def cut(self) -> None:
        self._line.cut()

    def mend(self) -> None:
        self._line.mend()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the runner alone, not to what it runs."""
        self._process.tell(number)

    def sessions(self, log: list[Recorded]) -> list[SessionOpened]:
        opened = of_type(log, "SessionOpened")
        return [e for e in opened if isinstance(e, SessionOpened) and e.name == self._name]

    def leases(self, log: list[Recorded]) -> list[TaskLeased]:
        mine = {event.session_id for event in self.sessions(log)}
        leased = of_type(log, "TaskLeased")
        return [e for e in leased if isinstance(e, TaskLeased) and e.session_id in mine]

    def closed(self, log: list[Recorded]) -> list[SessionClosed]:
        mine = {event.session_id for event in self.sessions(log)}
        closed = of_type(log, "SessionClosed")
        return [e for e in closed if isinstance(e, SessionClosed) and e.session_id in mine]


class Line:
    """Carries bytes to a port, until it is cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = True
        self._carrying: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._called, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        self._whole = False
        for task in self._carrying:
            task.cancel()

    def mend(self) -> None:
        self._whole = True

    async def close(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            # Cancelled where the line is cut, which is no error of the server.
            with contextlib.suppress(asyncio.CancelledError, OSError):
                if self._whole:
                    await self._carry(reader, writer)
        finally:
            self._carrying.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        target.write(piece)
        await target.drain()
    target.write_eof()
