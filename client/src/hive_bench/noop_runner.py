"""A runner whose agents do nothing: it speaks RunnerService.Session, and that is all.

leases ──▶ started and done at once, in one message with a beat that tells the new state
receipts ──▶ forgotten
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from grpc import aio

from hive_client.connection import new_id
from hive_contracts.v1 import runner_pb2, runner_pb2_grpc


class NoopRunner:
    def __init__(
        self,
        channel: aio.Channel,
        token: str,
        *,
        name: str,
        slots: int,
        leased: Callable[[str], object] = lambda task_id: None,
    ) -> None:
        """`leased` is told of each task that arrives."""
        self._leased = leased
        self._stub = runner_pb2_grpc.RunnerServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._runner_id, self._session_id = new_id(), new_id()
        self._name, self._slots = name, slots
        self._held: set[tuple[str, int]] = set()
        """Epochs whose last report has no receipt yet."""
        self._last: dict[str, tuple[str, int]] = {}
        """Those epochs by the command id of that report."""
        self._unsent: list[runner_pb2.Report] = []
        self._news = asyncio.Event()
        self._beat_seconds = 2.0
        self.ready = asyncio.Event()
        """Set once the hive has answered."""

    async def run(self) -> None:
        """Until cancelled. Raises AioRpcError where the session breaks."""
        async for answer in self._stub.Session(self._requests(), metadata=self._metadata):
            self.ready.set()
            for receipt in answer.receipts:
                self._held.discard(self._last.pop(receipt.command_id, ("", 0)))
            if answer.HasField("orders"):
                self._beat_seconds = answer.orders.beat_seconds
                for lease in answer.orders.leases:
                    self._do(lease)

    async def _requests(self) -> AsyncIterator[runner_pb2.SessionRequest]:
        while True:
            reports, self._unsent = self._unsent, []
            yield runner_pb2.SessionRequest(beat=self._beat(), reports=reports)
            try:
                async with asyncio.timeout(self._beat_seconds):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    def _beat(self) -> runner_pb2.Beat:
        holding = [
            runner_pb2.Holding(task_id=task, epoch=epoch, state="reported")
            for task, epoch in self._held
        ]
        return runner_pb2.Beat(
            runner_id=self._runner_id,
            session_id=self._session_id,
            name=self._name,
            slots=self._slots,
            holding=holding,
        )

    def _do(self, lease: runner_pb2.Lease) -> None:
        key = (lease.task.task_id, lease.epoch)
        if key in self._held:
            return
        self._leased(lease.task.task_id)
        reports = [_report(lease), _report(lease)]
        reports[0].started.SetInParent()
        reports[1].work.no_change = "it is a benchmark"
        self._held.add(key)
        self._last[reports[-1].command_id] = key
        self._unsent += reports
        self._news.set()


def _report(lease: runner_pb2.Lease) -> runner_pb2.Report:
    return runner_pb2.Report(
        command_id=new_id(),
        task_id=lease.task.task_id,
        epoch=lease.epoch,
        traceparent=lease.traceparent,
    )
