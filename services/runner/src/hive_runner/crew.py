"""The attempts of a runner: begun and stopped as the hive's orders say, reported, drained."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hive_contracts.ids import NewId
from hive_contracts.orders import Beat, Lease, Orders
from hive_contracts.plan import Outcome
from hive_runner.errors import failed
from hive_runner.options import Options
from hive_runner.outbox import Outbox
from hive_runner.reports import Declined, Report, Started, bounded
from hive_runner.slots import Key, Slots
from hive_shared.telemetry import span

log = logging.getLogger(__name__)

Perform = Callable[[Lease, str], Awaitable[Outcome]]
"""Does a lease's step, as a child of a traceparent."""


class Crew:
    def __init__(
        self,
        options: Options,
        runner_id: str,
        session_id: str,
        outbox: Outbox,
        perform: Perform,
        new_id: NewId,
        changed: Callable[[], None],
        agents: Callable[[], tuple[str, ...]],
        closed: Callable[[], str] = str,
    ) -> None:
        """`changed` is called whenever the hive should hear from this runner at once; `agents` says
        which profiles can run now, `closed` why no work is to be begun now, or nothing."""
        self._options = options
        self._runner_id = runner_id
        self._session_id = session_id
        self._outbox = outbox
        self._perform = perform
        self._new_id = new_id
        self._changed = changed
        self._closed = closed
        self._agents = agents
        self._slots = Slots()
        self._free = asyncio.Semaphore(options.slots)
        self._attempts: dict[Key, asyncio.Task[None]] = {}
        for report in outbox.pending:
            if report.ends:
                self._slots.reported((report.task_id, report.epoch))
        self._draining = False
        self.beat_seconds = options.beat_seconds

    def beat(self) -> Beat:
        return Beat(
            runner_id=self._runner_id,
            session_id=self._session_id,
            name=self._options.name,
            slots=self._options.slots,
            agents=self._agents(),
            draining=self._draining,
            holding=self._slots.holding(),
            closed=self._closed(),
        )

    def told(self, beat: Beat) -> None:
        """This beat has been sent."""
        self._slots.told(beat.holding)

    def obey(self, orders: Orders) -> None:
        """Begin what is new, stop what is not wanted any more."""
        if orders.session_id != self._session_id:
            return
        self.beat_seconds = orders.beat_seconds
        unanswered = {(r.task_id, r.epoch) for r in self._outbox.pending if r.ends}
        instructions = self._slots.obey(orders, unanswered)
        for key in instructions.stop:
            log.info("stopping %s/%d: the hive does not want it any more", *key)
            self._stop(key)
        for lease in instructions.start:
            self._begin(lease)
        for key in instructions.give_back:
            log.warning("giving back %s/%d: the hive has lost its report", *key)
            self._attempt(key, self._report(key, Declined("the hive has lost its report")))
        if instructions.start or instructions.stop:
            self._changed()

    def refused(self, report: Report) -> None:
        """The hive will never take this report: its attempt is not this runner's to go on with."""
        key = (report.task_id, report.epoch)
        if isinstance(report.report, Started):
            self._stop(key)
            self._slots.drop(key)

    async def drain(self, hurry: asyncio.Event) -> None:
        """Take no more leases, and wait for what is at work: up to the limit, or until `hurry`.

        What is not over then is stopped, kept, and reported as nobody's fault.
        """
        self._draining = True
        waiting = {key for key in self._attempts if not self._is_running(key)}
        for key in waiting:
            self._stop(key)
            await self._report(key, Declined("the runner is shutting down"))
        self._changed()
        hurrying = asyncio.ensure_future(hurry.wait())
        at_work = asyncio.ensure_future(self._all_over())
        await asyncio.wait(
            [hurrying, at_work],
            timeout=self._options.drain_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        hurrying.cancel()
        at_work.cancel()
        await self._give_up()

    def _begin(self, lease: Lease) -> None:
        key = (lease.task.task_id, lease.epoch)
        # An earlier life of this epoch may still be ending its processes.
        self._attempt(key, self._attend(lease, key, self._attempts.get(key)))

    def _attempt(self, key: Key, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing, name=f"attempt {key}")
        self._attempts[key] = task
        task.add_done_callback(lambda done: self._over(key, done))

    def _stop(self, key: Key) -> None:
        task = self._attempts.get(key)
        if task is not None:
            task.cancel()

    def _over(self, key: Key, done: asyncio.Task[None]) -> None:
        if self._attempts.get(key) is done:
            del self._attempts[key]
        if not done.cancelled() and done.exception() is not None:
            log.error("attempt %s/%d broke", *key, exc_info=done.exception())
            self._slots.drop(key)

    async def _attend(self, lease: Lease, key: Key, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self._draining:
            await self._report(key, Declined("the runner is shutting down"), lease.traceparent)
            return
        async with self._free:
            closed = self._closed()
            if closed:
                await self._report(key, Declined(closed), lease.traceparent)
                return
            self._slots.running(key)
            # Over before the work begins: what a killed runner had begun still has its parent.
            with span(
                "attempt", lease.traceparent, task_id=key[0], epoch=key[1], step=lease.step
            ) as step:
                await self._outbox.add(self._new_report(key, Started(), step.traceparent))
            outcome = bounded(await self._perform(lease, step.traceparent))
            await self._report(key, outcome, step.traceparent)

    async def _report(self, key: Key, report: Declined | Outcome, traceparent: str = "") -> None:
        await self._outbox.add(self._new_report(key, report, traceparent))
        self._slots.reported(key)
        self._changed()

    def _new_report(
        self, key: Key, report: Started | Declined | Outcome, traceparent: str
    ) -> Report:
        return Report(self._new_id(), *key, report, traceparent)

    def _is_running(self, key: Key) -> bool:
        return any(
            (held.task_id, held.epoch) == key and held.state == "running"
            for held in self._slots.holding()
        )

    async def _all_over(self) -> None:
        while self._attempts:
            await asyncio.wait(self._attempts.values())

    async def _give_up(self) -> None:
        unfinished = dict(self._attempts)
        for task in unfinished.values():
            task.cancel()
        if not unfinished:
            return
        await asyncio.wait(unfinished.values())
        stopped = failed("infrastructure", "the runner was shut down before it was done").failure
        for key in unfinished:
            if self._is_running(key):
                await self._report(key, stopped)
