"""The whole: who is at work, what goes wrong, and how it comes to rest."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.ids import uuid7
from hive_contracts.subjects import event_stream_name
from hive_shared.eventstore.errors import VersionConflict
from hive_shared.eventstore.pool import FAILURES
from hive_shared.eventstore.port import Append, StreamVersion
from hive_shared.projection import Committed
from hive_shared.relay.relay import Relay
from hive_shared.subscriptions.effects import EffectRunner
from hive_shared.subscriptions.feed import Feed
from hive_shared.subscriptions.projector import Projector
from hive_shared.wake import Wake
from tests.suites.delivery.bus import Reading, Server, Stream, Writing
from tests.suites.delivery.database import SCHEMA, Database, Pool
from tests.suites.delivery.ports import NOTED, Calls, Digest, Log, Outside, Store
from tests.suites.delivery.processes import Machine, Process

REST_STEPS: Final = 40_000
FIRST: Final = "f" * 32
IGNORED: Final = "TaskIgnored"


class Told:
    """What a follower in one process was told, of the history that it was told of last."""

    def __init__(self) -> None:
        self.log_id = ""
        self.events: list[Recorded] = []
        self.counts = True
        """False from when the end of a history was lost that goes on under its name."""

    def __call__(self, committed: Committed) -> None:
        if committed.log_id != self.log_id:
            self.log_id, self.events = committed.log_id, []
        self.events += committed.events


class Worker(Process):
    """A process of one of the three kinds; whoever is killed is begun again."""

    def __init__(self, hive: "Hive", kind: str, name: str) -> None:
        super().__init__(hive.machine, name)
        self.kind = kind
        self.store = Store(self, hive.database)
        self.told = Told()
        self.hint: Callable[[], None]
        begin = {"relay": self._relay, "projector": self._project, "effects": self._perform}
        begin[kind](hive)

    def _relay(self, hive: "Hive") -> None:
        wake, log = Wake(self), Log(self, hive.database)
        self.relay = Relay(self.store, log, Writing(self, hive.server), self, wake)  # type: ignore[arg-type]  # it only reads
        self.hint = wake.set
        self.run(self.relay.run())

    def _project(self, hive: "Hive") -> None:
        feed, pool = self._feed(hive), Pool(self, hive.database)
        self.projector = Projector(pool, SCHEMA, hive.digest, feed, self.store, self)  # type: ignore[arg-type]  # it only reads
        self.projector.follow(self.told)
        self.run(self.projector.run())

    def _perform(self, hive: "Hive") -> None:
        feed, pool = self._feed(hive), Pool(self, hive.database)
        effect = Calls(self, self.store, hive.outside)
        runner = EffectRunner(pool, SCHEMA, effect, feed, self.store, self, self.name)  # type: ignore[arg-type]  # it only reads
        self.run(runner.run())

    def _feed(self, hive: "Hive") -> Feed:
        reads_bus = self.machine.chance.random() < 0.8
        feed = Feed(self.store, self, Reading(self, hive.server) if reads_bus else None)  # type: ignore[arg-type]  # it only reads
        self.hint = feed.hint
        return feed

    async def rebuild(self) -> None:
        """An operator asks for it."""
        if self.kind == "relay":
            await self.relay.rebuild()
        elif self.kind == "projector":
            with contextlib.suppress(*FAILURES):
                await self.projector.rebuild()


class Hive:
    def __init__(self, seed: int) -> None:
        self.machine = Machine(seed)
        self.chance = self.machine.chance
        self.database = Database(self.machine, Process(self.machine, "clock"), FIRST)
        self.server = Server()
        self.outside = Outside()
        self.digest = Digest()
        self.streams = [f"task-{self.new_id()}" for _ in range(self.chance.randint(1, 5))]
        self._begun = 0
        self._snapshots = [self.database.snapshot()]
        kinds = self.chance.randint(1, 3) * ["relay"] + 2 * ["projector", "effects"]
        self.machine.processes += [self._begin(kind) for kind in kinds]

    @property
    def workers(self) -> list[Worker]:
        return [one for one in self.machine.processes if isinstance(one, Worker)]

    def new_id(self) -> str:
        self.machine.ms += 1
        return uuid7(self.machine.ms, self.chance.randbytes(10))

    def _begin(self, kind: str) -> Worker:
        self._begun += 1
        return Worker(self, kind, f"{kind}-{self._begun}")

    async def run(self, steps: int) -> None:
        self.machine.doubts = self.chance.choice([0.0, 0.01, 0.05, 0.15])
        trouble = self.chance.choice([0.2, 1.0, 3.0])
        try:
            for _ in range(steps):
                await self._step(trouble)
            await self._come_to_rest()
        finally:
            for worker in self.workers:
                worker.kill()

    async def _step(self, trouble: float) -> None:
        worker = self.chance.choice(self.workers)
        match self.chance.choices(
            ["step", "time", "write", "hint", "deliver", "late",
             "kill", "freeze", "thaw", "rebuild", "outside", "poison", "bus", "record"],
            [70, 8, 8, 6, 12, 2,
             *(trouble * rate for rate in (1, 1, 2, 0.3, 1, 0.3, 1, 0.8))],
        )[0]:  # fmt: skip
            case "step":
                for _ in range(self.chance.choice([1, 1, 5, 20])):
                    await self.machine.go_on()
            case "time":
                await self.machine.pass_time(self.chance.choice([0, 0, 10, 100, 1000, 20_000]))
                self.server.beat()
            case "write":
                await self.write()
            case "hint":
                worker.hint()
            case "deliver" if self.server.readers:
                self.chance.choice(self.server.readers).hear(
                    self.server.stream, self.chance.randint(0, 9)
                )
            case "late" if self.server.late:
                self.server.arrive_late()
            case "kill":
                self.kill(worker)
            case "freeze":
                worker.frozen = True
            case "thaw":
                worker.frozen = False
            case "rebuild":
                worker.run(worker.rebuild())
            case "outside":
                self.outside.failing = set(self.streams[: self.chance.choice([0, 0, 1, 2])])
            case "poison":
                self.digest.poisoned = not self.digest.poisoned
            case "bus":
                self._harm_bus()
            case "record":
                await self._harm_record()
        await self.machine.settle()

    async def write(self) -> None:
        """One of several writers appends to a stream; one that knows an old version is refused."""
        stream = self.chance.choice(self.streams)
        version = len(await self.database.record.read_stream(stream))
        if self.chance.random() < 0.1:
            version += 1
        events = tuple(
            NewEvent(
                self.new_id(), stream, self.chance.choice([NOTED, NOTED, NOTED, IGNORED]),
                f'{{"n": {self.chance.randrange(10**6)}}}'.encode(), Meta(stream, stream, "sim"),
            )
            for _ in range(self.chance.choice([1, 1, 3, 8]))
        )  # fmt: skip
        with contextlib.suppress(VersionConflict):
            await self.database.record.append(Append((StreamVersion(stream, version),), events))

    def kill(self, worker: Worker) -> None:
        worker.kill()
        self.database.drop(worker)
        self.server.readers = [one for one in self.server.readers if one.process is not worker]
        self.machine.processes.remove(worker)
        self.machine.processes.append(self._begin(worker.kind))

    def _harm_bus(self) -> None:
        match (
            self.chance.choice(["stop", "start", "start", "wipe", "purge", "hole"]),
            (self.server.stream),
        ):
            case "stop", _:
                self.server.stop()
            case "start", _:
                self.server.down = False
            case "wipe", _:
                self.server.wipe()
            case "purge", Stream() as stream:
                stream.messages.clear()
            case "hole", Stream(messages=messages) if messages:
                del messages[self.chance.choice(list(messages))]

    async def _harm_record(self) -> None:
        """Keep a snapshot; or go back to one, as `hive restore` does, or as a standby that lacked
        the end: that one goes on with the history that it knows."""
        record = self.database.record
        if self.chance.random() < 0.5:
            self._snapshots.append(self.database.snapshot())
            return
        end, snapshot = record.position, self.chance.choice(self._snapshots[-3:])
        promoted = snapshot[0].log_id == record.log_id and self.chance.random() < 0.5
        self.database.restore(snapshot)
        if not promoted:
            self.database.new_history()
            return
        for worker in self.workers:
            worker.told.counts = False
        if self.chance.random() < 0.5:  # it has outgrown what it was before anybody looks
            while self.database.record.position <= end:
                await self.write()

    async def _come_to_rest(self) -> None:
        """Nothing goes wrong any more: what is left must come to its end."""
        self.machine.doubts = 0.0
        self.server.down = False
        self.server.late.clear()
        self.outside.failing.clear()
        self.digest.poisoned = False
        for worker in self.workers:
            worker.frozen = False
        for number in range(REST_STEPS):
            for reader in self.server.readers:
                reader.hear(self.server.stream, 1000)
            if not await self.machine.go_on():
                if self._rests():
                    return
                self._replay_parked()
                await self.machine.pass_time(0 if number % 2 else 500)
                self.server.beat()
        raise AssertionError("it does not come to rest")

    def _replay_parked(self) -> None:
        """An operator does."""
        for subscription in self.database.subscriptions.values():
            for parked in subscription.parked.values():
                parked.parked, parked.next_at = False, min(parked.next_at, self.database.now)

    def _rests(self) -> bool:
        """All have come to the record's head, and the bus is whole as far as can be seen."""
        record, stream = self.database.record, self.server.stream
        standing = [self.database.subscriptions.get(name) for name in ("digest", "calls")]
        return (
            stream is not None
            and (stream.name, stream.last) == (event_stream_name(record.log_id), record.position)
            and len(stream.messages) == stream.last - stream.began + 1
            and all(
                one is not None and one.position == record.position and not one.parked
                for one in standing
            )
            and all(
                worker.told.log_id == record.log_id
                and (not worker.told.events or worker.told.events[-1].position == record.position)
                for worker in self.workers
                if worker.kind == "projector" and worker.told.counts
            )
        )


def simulate(seed: int, steps: int = 300) -> Hive:
    """Raises where it does not come to rest; what must hold then is for `judge` to say."""

    async def whole() -> Hive:
        hive = Hive(seed)
        await hive.run(steps)
        return hive

    return asyncio.run(whole())
