"""A mission on the test GitHub: its record, its commits, and what carries it to a pull request."""

import asyncio
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from hive_contracts.codec import AnyEvent, decode, encode, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.github.places import places
from hive_contracts.github.pull_request import RoundAsked
from hive_contracts.ids import is_id, uuid7
from hive_contracts.mission import (
    BranchAdvanced,
    MissionFailed,
    MissionLaunched,
    MissionRevised,
    MissionSucceeded,
    PhaseDefined,
    PlannedTask,
    RevisionDeclined,
    TaskSettled,
    TasksPlanned,
)
from hive_contracts.outcome import AgentRun, GateResult, Usage, WorkDone
from hive_contracts.plan import (
    CommandGate,
    Gate,
    Link,
    MergeOf,
    Origin,
    Phase,
    PullRequestWish,
    Repository,
    TaskSpec,
    Tip,
)
from hive_contracts.subjects import stream_name
from hive_contracts.submit import Accepted, Answer, Refused, Submission, Submittable
from hive_contracts.task import AttemptSucceeded, GatesJudged, TaskPlanned, TaskSucceeded
from hive_github.api.counters import OwnCounters
from hive_github.api.github import Github, connection
from hive_github.api.throttle import Known, Throttle
from hive_github.checks.buttons import Buttons
from hive_github.checks.histories import Histories
from hive_github.checks.show import Shows
from hive_github.credentials import AppCredentials, Credentials, TokenCredentials
from hive_github.git import Mirrors
from hive_github.look import Looks
from hive_github.merging.ends import Ends
from hive_github.merging.grace import Grace
from hive_github.pulls.carry import Carrier
from hive_github.pulls.judged import JudgedRounds
from hive_github.pulls.rounds import Rounds
from hive_github.records import Records
from hive_github.testing import App, GitHub
from hive_github.testing import Repository as OnGithub
from hive_shared.artifacts import Artifacts
from hive_shared.clock import Clock, SystemClock
from hive_shared.eventstore.port import Append, EventStore, StreamVersion
from hive_shared.restraints import Restraining
from tests.conftest import Database


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


async def until_refused_the_lock(database: Database) -> None:
    """Until a process of github that waits for its turn was told twice that it is another's: one
    that does not heed the answer asks once."""
    told: dict[int, datetime] = {}
    connection = await asyncpg.connect(database.url("github"))
    try:
        async with asyncio.timeout(60):
            while True:
                now = await connection.fetch(
                    "select pid, query_start from pg_stat_activity"
                    " where datname = current_database()"
                    " and query like 'select pg_try_advisory_lock%' and state = 'idle'"
                    " and not exists (select from pg_locks l where l.pid = pg_stat_activity.pid"
                    "                 and l.locktype = 'advisory')"
                )
                if any(told.setdefault(pid, at) < at for pid, at in now):
                    return
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


MISSION = "0192f0c0" + "a" * 24
WORK, GATE = "0192f0c0" + "b" * 24, "0192f0c0" + "c" * 24
USAGE = Usage(input_tokens=300_000, output_tokens=40_000, estimated_usd=1.9)


async def append(store: EventStore, *events: AnyEvent) -> int:
    """One after the other, as the orchestrator would; answers the last position."""
    position = 0
    for event in events:
        stream = stream_of(event)
        version = len(await store.read_stream(stream))
        meta = Meta(MISSION, new_id(), "ann", f"00-{'7' * 32}-{'8' * 16}-01")
        new = NewEvent(new_id(), stream, type(event).__name__, encode(event), meta)
        appended = await store.append(Append((StreamVersion(stream, version),), (new,)))
        position = appended.position
    return position


class Checkout:
    """Somebody's clone, in which a mission's work is done, and its bundles."""

    def __init__(self, path: Path, server: GitHub, shop: OnGithub, artifacts: Artifacts) -> None:
        """Cloned as files, which is cheap; what is pushed goes to the test GitHub."""
        self.path = path
        self._artifacts = artifacts
        url = server.clone_url(shop, server.personal_token("boss").value)
        subprocess.run(
            ["git", "clone", "-q", "-c", f"remote.origin.pushurl={url}",
             "-c", "maintenance.auto=false", str(shop.path), str(path)],
            check=True,
        )  # fmt: skip
        self.base = shop.tips[f"refs/heads/{shop.default_branch}"]
        self.tip = Tip(self.base)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Hive", "-c", "user.email=hive@example.org"]
        done = subprocess.run(
            ["git", "-C", str(self.path), *identity, *arguments],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, task: str = "work/work", **files: str) -> Tip:
        """The next tip of the mission's branch, as an attempt at a task makes it."""
        for name, text in files.items():
            (self.path / f"{name}.txt").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"work\n\nHive-Attempt: fix-upload-1/{task}/1")
        return self.advance()

    def merge(self, merge: MergeOf, **files: str) -> Tip:
        """The next tip: with what a branch on GitHub has; `files` mend where that conflicts."""
        bundle = self._artifacts.path(merge.bundle.digest)
        self.git("fetch", "-q", str(bundle), merge.commit)
        subprocess.run(
            ["git", "-C", str(self.path), "merge", "-q", "--no-commit", "--no-ff", merge.commit],
            check=False, capture_output=True,
        )  # fmt: skip
        return self.commit(**files)

    def advance(self) -> Tip:
        """What is checked out is the next tip, in a bundle."""
        old, new = self.tip, self.git("rev-parse", "HEAD")
        bundle = self.path.parent / f"{new}.bundle"
        self.git("bundle", "create", "-q", str(bundle), "HEAD", f"^{old.commit}")
        link = Link(old.commit, new, self._artifacts.put(bundle.read_bytes()), old.chain)
        self.tip = Tip(new, self._artifacts.put(msgspec.json.encode(link)).digest)
        return self.tip


class Story:
    """A mission's record as it grows."""

    def __init__(self, store: EventStore, checkout: Checkout, wish: PullRequestWish | None) -> None:
        self._store = store
        self._checkout = checkout
        self.wish = wish
        self.origin: Origin | None = None

    async def launched(self) -> None:
        spec = TaskSpec("work", prompt="Fix the upload.")
        repository = Repository("https://github.com/acme/shop", self._checkout.base, "main")
        await append(
            self._store,
            MissionLaunched(
                MISSION, "fix-upload-1", "fix-upload", objective="Fix the *upload*, @everyone.",
                repository=repository, pull_request=self.wish, origin=self.origin,
            ),
            PhaseDefined(MISSION, Phase("work", tasks=(spec,))),
            TasksPlanned(MISSION, "work", (PlannedTask(WORK, "work", "work"),)),
            TaskPlanned(
                WORK, MISSION, "fix-upload-1", "work", "work", spec, tip=Tip(self._checkout.base)
            ),
        )  # fmt: skip

    async def merged(self, **files: str) -> Tip:
        """Work was done and merged."""
        old = self._checkout.tip.commit
        tip = self._checkout.commit(**files)
        done = WorkDone(
            tip.commit, files=2, insertions=31, deletions=9, agent=AgentRun("claude", usage=USAGE)
        )
        await append(
            self._store,
            AttemptSucceeded(WORK, 1, done),
            TaskSucceeded(WORK, MISSION, 1, done),
            TaskSettled(MISSION, WORK, "succeeded", 1, done),
            BranchAdvanced(MISSION, old, tip, WORK, 1),
        )
        return tip

    async def also_merged(self, name: str, **files: str) -> Tip:
        """The same of another task of the phase."""
        old, task = self._checkout.tip.commit, new_id()
        tip = self._checkout.commit(f"work/{name}", **files)
        done = WorkDone(tip.commit, files=1, insertions=1)
        await append(
            self._store,
            TasksPlanned(MISSION, "work", (PlannedTask(task, name, "work"),)),
            AttemptSucceeded(task, 1, done),
            TaskSettled(MISSION, task, "succeeded", 1, done),
            BranchAdvanced(MISSION, old, tip, task, 1),
        )
        return tip

    async def revised(self, round: RoundAsked, said: str = "Mended.", **files: str) -> Tip:
        """The mission went on with what came back; without `files` its agent saw no need to."""
        tip = await self.mended(round, said, **files)
        await append(self._store, MissionSucceeded(MISSION, "fix-upload", tip))
        return tip

    async def mended(self, round: RoundAsked, said: str = "Mended.", **files: str) -> Tip:
        """The same, merged, and not judged yet."""
        phase, task = f"revision-{round.round}", f"0192f0c0{round.round:0>24x}"
        await append(
            self._store,
            MissionRevised(MISSION, round.round, phase, "work/work", round.title),
            TasksPlanned(MISSION, phase, (PlannedTask(task, "work", "work"),)),
        )
        old, tip = self._checkout.tip.commit, self._checkout.tip
        done = WorkDone(no_change="it is right as it is")
        if round.merge is not None:
            tip = self._checkout.merge(round.merge, **files)
        elif files:
            tip = self._checkout.commit(f"{phase}/work", **files)
        if tip.commit != old:
            agent = AgentRun("claude", said=said, usage=USAGE)
            done = WorkDone(tip.commit, files=1, insertions=2, deletions=1, agent=agent)
        await append(
            self._store,
            AttemptSucceeded(task, 1, done),
            TaskSettled(MISSION, task, "succeeded", 1, done),
        )
        if tip.commit != old:
            await append(self._store, BranchAdvanced(MISSION, old, tip, task, 1))
        return tip

    async def failed(self, round: RoundAsked, reason: str) -> None:
        """The mission went on with what came back, and failed."""
        phase = f"revision-{round.round}"
        await append(
            self._store,
            MissionRevised(MISSION, round.round, phase, "work/work", round.title),
            MissionFailed(MISSION, reason),
        )

    async def declined(self, round: RoundAsked, reason: str) -> None:
        await append(self._store, RevisionDeclined(MISSION, round.round, reason))

    async def planned(self, gate: Gate, task_id: str = GATE) -> None:
        """A gate of the mission is to be judged on the tip."""
        named, spec = PlannedTask(task_id, gate.name, "gate"), TaskSpec(gate.name, gates=(gate,))
        planned = TaskPlanned(
            task_id, MISSION, "fix-upload-1", "", "gate", spec, tip=self._checkout.tip
        )
        await append(self._store, TasksPlanned(MISSION, "", (named,)), planned)

    async def happened(self, *events: AnyEvent) -> None:
        await append(self._store, *events)

    async def ended(self) -> None:
        """It has succeeded by what was judged so far."""
        await append(self._store, MissionSucceeded(MISSION, "fix-upload", self._checkout.tip))

    async def succeeded(self) -> None:
        tip = self._checkout.tip
        result = GateResult("tests", passed=True, exit_code=0, commit=tip.commit)
        await self.planned(CommandGate("tests", "pytest -q"))
        await append(
            self._store,
            GatesJudged(GATE, 1, tip.commit, (result,)),
        )
        await self.ended()


class Ordered:
    """The orchestrator, as far as the github service asks it: what it was told, once an id."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Submittable]] = []
        """Who, and what."""
        self.answer: Accepted | Refused = Accepted(1, "0" * 32, "fix-upload-2")
        self._ids: set[str] = set()

    async def submit(self, submission: Submission) -> Answer:
        assert is_id(submission.command_id)
        if submission.command_id not in self._ids:
            self._ids.add(submission.command_id)
            self.told.append((submission.actor, submission.command))
        return self.answer


class OwnTurns:
    """For the one process of a test."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def of(self, mission_id: str) -> AsyncIterator[None]:
        async with self._locks[mission_id]:
            yield


class Hive:
    """The parts of the service that make a pull request, without its loops."""

    def __init__(
        self, github: Github, store: EventStore, folder: Path, settle_seconds: float = 0,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        """`clock`: the one that the store goes by."""
        clock = clock or SystemClock()

        async def now() -> datetime:
            return datetime.fromtimestamp(clock.now_ms() / 1000, UTC)

        self.ends = Ends(clock)
        self.github = github
        self.store = store
        self.artifacts = Artifacts(folder / "artifacts")
        (folder / "secrets").mkdir(exist_ok=True)
        self.records = Records(store, new_id)
        self.looks = Looks(github, self.records)
        self.mirrors = Mirrors(folder / "github", folder / "secrets", self.artifacts)
        self.rounds = Rounds(github, store, self.records, self.looks, self.mirrors)
        self.judged = JudgedRounds(github, store, self.records, self.looks)
        self.carrier = Carrier(
            github,
            store,
            self.records,
            self.looks,
            self.mirrors,
            self.rounds,
            OwnTurns(),
            Restraining(store, SystemClock()),
            Grace(settle_seconds, now, self.ends),
        )
        self.orders = Ordered()
        self.histories = Histories(store)
        self.shows = Shows(github, self.records, self.histories, self.artifacts, "")
        self.buttons = Buttons(github, self.records, self.histories, self.orders)

    async def show(self) -> None:
        """All checks that the record asks for."""
        while not await self.shows.show(MISSION, "test", anew=True):
            pass

    async def carry(self) -> None:
        await self.carrier.carry(MISSION, "test")

    async def look(self) -> RoundAsked | None:
        """Look what came back; answers the round that is open."""
        await self.rounds.look(MISSION, "test")
        return (await self.records.pull_request(MISSION)).rounds.open

    async def told(self) -> list[str]:
        """What is recorded of the pull request: types of events."""
        stream = await self.store.read_stream(stream_name("pull_request", MISSION))
        return [type(decode(recorded)).__name__ for recorded in stream]


async def nothing_known() -> list[Known]:
    return []


async def told_nobody(known: Known) -> None:
    pass


class Unhurried(SystemClock):
    """Whoever would wait for a turn to write finds that the time has passed: nobody waits here."""

    def __init__(self) -> None:
        self._passed = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + round(self._passed * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    async def sleep(self, seconds: float) -> None:
        self._passed += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def calling(
    server: GitHub, credentials: Credentials, clock: Clock | None = None
) -> AsyncIterator[Github]:
    clock = clock or SystemClock()
    turns = Unhurried()
    throttle = Throttle(OwnCounters(turns), turns, nothing_known, told_nobody)
    async with connection() as client:
        yield Github(client, places(server.url), credentials, throttle, clock)


def as_app(server: GitHub, app: App) -> AppCredentials:
    return AppCredentials(app.id, server.private_key(app))


def as_person(server: GitHub, login: str, at: Sequence[OnGithub] = ()) -> TokenCredentials:
    return TokenCredentials(server.personal_token(login).value)
