"""Reports on their way to the hive: on disk first, then their artifacts, then they themselves."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec
from grpc import aio

from hive_contracts.outcome import Asked, Failure, GatesRun, HandedOver, MergeDone, WorkDone
from hive_contracts.plan import ArtifactRef, Link
from hive_runner.link.depot import Depot
from hive_runner.link.reports import Report
from hive_runner.link.spool import Spool

log = logging.getLogger(__name__)

_UPLOADS: Final = 4
"""At a time, so that one large result does not hold up all others."""
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class ArtifactSink(Protocol):
    """Where artifacts go."""

    async def put(self, path: Path, ref: ArtifactRef) -> None:
        """Raises AioRpcError, OSError."""
        ...


class Outbox:
    def __init__(
        self, spool: Spool, depot: Depot, sink: ArtifactSink, changed: Callable[[], None]
    ) -> None:
        """`changed` is called whenever there may be more to send."""
        self._spool = spool
        self._depot = depot
        self._sink = sink
        self._changed = changed
        self._uploaded: set[str] = set()
        """Command ids of reports whose artifacts the hive has."""
        self._queue: asyncio.Queue[Report] = asyncio.Queue()
        depot.discard_all_but(
            {ref.digest for report in spool.pending for ref in self._artifacts(report)}
        )
        for report in spool.pending:
            self._enqueue(report)

    @property
    def pending(self) -> tuple[Report, ...]:
        """Reports that the hive has not answered yet."""
        return self._spool.pending

    async def add(self, report: Report) -> None:
        """Keep a report on disk and send it when it can be; waits as long as the disk is full."""
        while True:
            try:
                await self._spool.add(report)
                break
            except OSError as error:
                log.error("a report cannot be kept, trying again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS[-1])
        self._enqueue(report)
        self._changed()

    def sendable(self) -> list[Report]:
        """Reports that may be sent now, in order; none overtakes another of its attempt."""
        held_up: set[tuple[str, int]] = set()
        found: list[Report] = []
        for report in self._spool.pending:
            attempt = (report.task_id, report.epoch)
            if report.command_id not in self._uploaded:
                held_up.add(attempt)
            elif attempt not in held_up:
                found.append(report)
        return found

    async def answered(self, command_ids: Iterable[str]) -> list[Report]:
        """The hive has answered these; returns those that were waiting for it."""
        gone = await self._spool.answered(command_ids)
        needed = {ref.digest for report in self._spool.pending for ref in self._artifacts(report)}
        for report in gone:
            self._uploaded.discard(report.command_id)
            for ref in self._artifacts(report):
                if ref.digest not in needed:
                    self._depot.discard(ref.digest)
        return gone

    async def run(self) -> None:
        """Upload what reports need, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_UPLOADS):
                group.create_task(self._upload_each())

    def _enqueue(self, report: Report) -> None:
        if self._artifacts(report):
            self._queue.put_nowait(report)
        else:
            self._uploaded.add(report.command_id)

    async def _upload_each(self) -> None:
        while True:
            report = await self._queue.get()
            await self._upload(report)
            if report.command_id in self._spool:
                self._uploaded.add(report.command_id)
                self._changed()

    async def _upload(self, report: Report) -> None:
        tries = 0
        for ref in self._artifacts(report):
            while (path := self._depot.waiting(ref.digest)) is not None:
                try:
                    await self._sink.put(path, ref)
                    break
                except (aio.AioRpcError, OSError) as error:
                    delay = _RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)]
                    log.log(
                        logging.WARNING if tries == 0 else logging.DEBUG,
                        "artifact %s cannot be handed in yet: %s", ref.digest, error,
                    )  # fmt: skip
                    tries += 1
                    await asyncio.sleep(delay)

    def _artifacts(self, report: Report) -> list[ArtifactRef]:
        """What the hive must have before it hears of a report."""
        match report.report:
            case Asked(work=made) | (WorkDone() as made):
                prompt = made.agent.prompt if made.agent else None
                refs = [made.bundle, made.output, prompt, made.setup]
                refs += [made.made.file] if made.made else []
            case HandedOver(bundle=bundle, output=output, agent=agent, setup=setup):
                refs = [bundle, output, agent.prompt if agent else None, setup]
            case GatesRun(results=results, setup=setup):
                refs = [*(result.output for result in results), setup]
                refs += [result.baseline.tests for result in results if result.baseline]
            case Failure(output=output, agent=agent, setup=setup):
                refs = [output, agent.prompt if agent else None, setup]
            case MergeDone(new=tip):
                return self._chained(tip.chain)
            case _:
                return []
        return [ref for ref in refs if ref is not None]

    def _chained(self, digest: str) -> list[ArtifactRef]:
        """A merge's bundle and manifest; nothing where the hive has them already."""
        manifest = self._depot.waiting(digest) if digest else None
        if manifest is None:
            return []
        content = manifest.read_bytes()
        link = msgspec.json.decode(content, type=Link)
        return [link.bundle, ArtifactRef(digest, len(content))]
