"""The attempts of a runner: begun and stopped as the hive's orders say, reported, drained."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from hive_contracts.ids import NewId
from hive_contracts.orders import Beat, Holding, Lease, Orders
from hive_contracts.outcome import Failure, GatesRun, Outcome, Usage
from hive_runner.agents.ledger import Ledger
from hive_runner.agents.questions import Questions
from hive_runner.errors import failed
from hive_runner.link.outbox import Outbox
from hive_runner.link.reports import Asks, Declined, Report, Started, UsageTold, bounded
from hive_runner.link.slots import Key, Slots
from hive_runner.options import Options
from hive_runner.processes.vigil import Vigil
from hive_runner.steps.handover import Handover
from hive_runner.unhurried import unhurried
from hive_shared.telemetry import span

log = logging.getLogger(__name__)

Perform = Callable[[Lease, str, Handover], Awaitable[Outcome]]
"""Does a lease's step, as a child of a traceparent; it is handed over where that is asked for."""


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
        closed: Callable[[], str],
        ledger: Ledger,
        vigil: Vigil,
        questions: Questions | None = None,
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
        self._questions = questions or Questions()
        self._questions.on_asked = self._ask
        self._asking: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(options.slots)
        self._attempts: dict[Key, asyncio.Task[None]] = {}
        self._handovers: dict[Key, Handover] = {}
        """Of attempts that have begun."""
        for report in outbox.pending:
            if report.ends:
                self._slots.reported((report.task_id, report.epoch))
        self._ledger = ledger
        self._vigil = vigil
        self._leases: dict[Key, Lease] = {}
        """Of attempts that have not reported their end."""
        self._telling: set[asyncio.Task[None]] = set()
        self._beats = 0
        self._draining = False
        self.beat_seconds = options.beat_seconds

    def beat(self) -> Beat:
        self._beats += 1
        return Beat(
            runner_id=self._runner_id,
            session_id=self._session_id,
            name=self._options.name,
            slots=self._options.slots,
            agents=self._agents(),
            draining=self._draining,
            holding=tuple(self._with_question(held) for held in self._slots.holding()),
            closed=self._closed(),
            number=self._beats,
        )

    def _with_question(self, held: Holding) -> Holding:
        asks = self._questions.waits((held.task_id, held.epoch))
        return msgspec.structs.replace(held, asks=asks) if asks else held

    def _ask(self, key: Key, asks: Asks) -> None:
        """Report what an attempt waits for at work."""
        report = Report(self._new_id(), *key, asks)
        adding = asyncio.create_task(self._outbox.add(report), name=f"question {key}")
        self._asking.add(adding)
        adding.add_done_callback(self._asking.discard)

    def sending(self, beat: Beat) -> None:
        """This beat is about to be sent."""
        self._vigil.sending(beat.number)

    def told(self, beat: Beat) -> None:
        """This beat has been sent."""
        self._slots.told(beat.holding)

    def obey(self, orders: Orders) -> None:
        """Begin what is new, stop what is not wanted any more."""
        if orders.session_id != self._session_id:
            return
        self.beat_seconds = orders.beat_seconds
        self._vigil.heard(orders)
        unanswered = {(r.task_id, r.epoch) for r in self._outbox.pending if r.ends}
        instructions = self._slots.obey(orders, unanswered)
        for key in instructions.stop:
            log.info("stopping %s/%d: the hive does not want it any more", *key)
            self._stop(key)
        for lease in instructions.start:
            self._begin(lease)
        for key in instructions.give_back:
            log.warning("giving back %s/%d: the hive has lost its report", *key)
            lost = Declined("the hive has lost its report", begun=True)
            self._attempt(key, self._report(key, lost))
        for key in instructions.hand_over:
            self._hand_over(key)
        for key in instructions.decline:
            self._attempt(key, self._report(key, Declined("nothing of it was at work")))
        for reply in orders.replies:
            self._questions.reply(reply)
        if instructions.start or instructions.stop:
            self._changed()

    def refused(self, report: Report) -> None:
        """The hive will never take this report: its attempt is not this runner's to go on with."""
        key = (report.task_id, report.epoch)
        if isinstance(report.report, Asks):
            self._questions.refused(key, report.report.id)
        if isinstance(report.report, Started):
            self._stop(key)
            self._slots.drop(key)

    async def drain(self, hurry: asyncio.Event) -> None:
        """Take no more leases, and wait for what is at work: up to the limit, or until `hurry`.

        What is not over then is stopped, kept, and reported as nobody's fault.
        """
        await self._close()
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

    async def retire(self) -> None:
        """Take no more leases, and wait for what is at work, however long it takes."""
        await self._close()
        await self._all_over()

    async def _close(self) -> None:
        """What has not begun goes back: another runner begins it sooner."""
        self._draining = True
        waiting = {key for key in self._attempts if not self._is_running(key)}
        for key in waiting:
            self._stop(key)
            await self._report(key, Declined("the runner is shutting down"))
        self._changed()

    def _begin(self, lease: Lease) -> None:
        key = (lease.task.task_id, lease.epoch)
        self._leases[key] = lease
        # An earlier life of this epoch may still be ending its processes.
        self._attempt(key, self._attend(lease, key, self._attempts.get(key)))

    def _hand_over(self, key: Key) -> None:
        """End an attempt that a person has taken over; said again and again, done once."""
        handover = self._handovers.get(key)
        if handover is None:
            before = self._attempts.get(key)
            self._stop(key)
            self._slots.reported(key)
            self._attempt(key, self._leave(key, before))
        elif not handover.asked.is_set():
            log.info("handing over %s/%d: a person has taken it", *key)
            handover.asked.set()

    async def _leave(self, key: Key, before: asyncio.Task[None] | None) -> None:
        """Nothing of it had begun."""
        if before is not None:
            await asyncio.wait([before])
        await self._report(key, Declined("it had not begun"))

    def _attempt(self, key: Key, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing, name=f"attempt {key}")
        self._attempts[key] = task
        task.add_done_callback(lambda done: self._over(key, done))

    def _stop(self, key: Key) -> None:
        task = self._attempts.get(key)
        if task is not None:
            task.cancel()
            telling = asyncio.create_task(self._tell_used(key, task))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell_used(self, key: Key, task: asyncio.Task[None]) -> None:
        """An attempt that is stopped cannot report: what it used is told by itself."""
        await asyncio.wait([task])
        lease = self._leases.pop(key, None)
        used = self._ledger.used(key)
        self._ledger.close(key)
        # Where a budget waits for it, that nothing was used is news too.
        if lease is None or used is None or (used == Usage() and lease.cap is None):
            return
        await self._outbox.add(self._new_report(key, UsageTold(used), lease.traceparent))
        self._changed()

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
            handover = self._handovers[key] = Handover()
            try:
                outcome = bounded(await self._performed(lease, key, step.traceparent, handover))
                await self._report(key, outcome, step.traceparent)
            finally:
                del self._handovers[key]

    async def _performed(
        self, lease: Lease, key: Key, traceparent: str, handover: Handover
    ) -> Outcome:
        """The step's outcome; an exclusive one is ended once the hive is not heard any more."""
        if not lease.task.spec.exclusive:
            return await self._perform(lease, traceparent, handover)
        doing = asyncio.ensure_future(self._perform(lease, traceparent, handover))
        silence = asyncio.ensure_future(self._vigil.silence(key))
        try:
            await asyncio.wait([doing, silence], return_when=asyncio.FIRST_COMPLETED)
            outcome = doing.result() if doing.done() else None
        finally:
            silence.cancel()
            doing.cancel()
            await unhurried(_ended(doing))
            struck = self._vigil.forget(key)
        # What its guard has killed did not fail by itself, though orders may have come since.
        struck = struck and isinstance(outcome, Failure | GatesRun)
        silent = isinstance(outcome, Failure) and self._vigil.is_silent(key)
        if outcome is None or struck or silent:
            log.warning("exclusive attempt %s/%d is ended: the hive was not heard", *key)
            why = "it is exclusive, and was ended as the hive was not heard for too long"
            return failed("infrastructure", why, agent=self._ledger.run(key)).failure
        return outcome

    async def _report(self, key: Key, report: Declined | Outcome, traceparent: str = "") -> None:
        await self._outbox.add(self._new_report(key, report, traceparent))
        self._slots.reported(key)
        self._leases.pop(key, None)
        self._ledger.close(key)
        self._changed()

    def _new_report(
        self, key: Key, report: Started | Declined | Outcome | UsageTold, traceparent: str
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
        for key in unfinished:
            if self._is_running(key):
                why, agent = "the runner was shut down before it was done", self._ledger.run(key)
                await self._report(key, failed("infrastructure", why, agent=agent).failure)


async def _ended(doing: "asyncio.Future[Outcome]") -> None:
    await asyncio.wait([doing])
