"""Missions whose pull request the hive merges, and what comes back of one.

A mission changes a file and is merged as soon as its gates have passed. Counted is what GitHub was
asked between its launch and the merge that the record tells of, git apart; an answer that GitHub
has given before (304) costs nothing of the limit.

The same again from the label of an issue until that is closed.

Then a check fails on a pull request that is open, and the next attempt at its task begins.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_bench import history
from hive_bench.github.server import Heard, TestGithub
from hive_bench.result import BenchRefused, CaseResult, result
from hive_client import Hive
from hive_contracts.envelope import Recorded
from hive_contracts.plan import Phase, Plan, PullRequestWish, Repository, TaskSpec
from hive_contracts.v1 import event_pb2

NAME: Final = "acme/shop"
AGENT: Final = "bencher"
TOML: Final = f"""
[profiles.{AGENT}]
command = ["/bin/sh", "-c", "date +%N >> bench.txt"]
prompt = "file"
"""
"""Of the hive's configuration: an agent that adds a line, whatever it is told."""
LABEL: Final = "bench"
FILES: Final = {
    ".hive/repo.yaml": f"github: {{issues: {{labels: {{{LABEL}: bench}}}}}}\n",
    ".hive/missions/bench.yaml": (
        f"mission: bench\nprompt: Add a line.\nagent: {AGENT}\n"
        "gates: [{run: test -s bench.txt}]\nresult: {pull_request: {merge: when_green}}\n"
    ),
}
"""What makes a mission of an issue with that label."""
MISSIONS: Final = 2
CHECKS: Final = 2
END_SECONDS: Final = 120.0
_FREE: Final = 304


async def run(hive: Hive, server: TestGithub, folder: Path, seconds: float) -> list[CaseResult]:
    """Raises BenchRefused where a mission does not end as it should."""
    work = folder / "shop"
    token = server.there.token
    url = server.there.repositories[NAME].replace("//", f"//x-access-token:{token}@", 1)
    await asyncio.to_thread(history.git, folder, "clone", "-q", url, str(work))
    await asyncio.to_thread(_write_files, work)
    part = min(1.0, seconds)
    many = max(1, int(MISSIONS * part))
    launched = await _counted("launch to merge", many, server, lambda: _merged(hive, work))
    labelled = await _counted("label to close", many, server, lambda: _closed(hive, server))
    rounds = await _attempts(hive, server, work, max(1, int(CHECKS * part)))
    return [*launched, *labelled, rounds]


def _write_files(work: Path) -> None:
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    history.git(work, "add", "--all")
    history.git(work, "commit", "-q", "-m", "Missions from issues")
    history.git(work, "push", "-q")


async def _counted(
    way: str, many: int, server: TestGithub, once: Callable[[], Awaitable[float]]
) -> list[CaseResult]:
    """How long it takes, and what GitHub is asked for it."""
    await once()  # the mirrors are made, and all code is loaded
    before = await server.mark()
    durations = [await once() for _ in range(many)]
    heard = [each for each in server.heard[before : await server.mark()] if _is_ours(each)]
    paid = sum(each.status != _FREE for each in heard)
    case, rate = f"missions, {way}", many / sum(durations)
    whole = result("github", case, rate, "missions/s", durations)
    case, limit = f"requests that count, {way}", len(heard) / many
    return [whole, result("github", case, paid / many, "requests/mission", limit=limit)]


def _is_ours(heard: Heard) -> bool:
    return heard.caller.startswith(("installation", "app"))


async def _merged(hive: Hive, work: Path) -> float:
    """Seconds from the launch to the merge."""
    began = time.time()
    async with _told(hive) as told:
        wish = PullRequestWish(NAME, merge="when_green")
        mission = await hive.launch(await asyncio.to_thread(_plan, work, wish))
        while (event := await anext(told)).type != "PullRequestMerged":
            _expect(event, mission.mission_id)
    return event.recorded_at.timestamp() - began


async def _closed(hive: Hive, server: TestGithub) -> float:
    """Seconds from an issue with the label until it is closed, and that is recorded."""
    began = time.time()
    async with _told(hive) as told:
        body = {"title": "A line is missing", "body": "Add it.", "labels": [LABEL]}
        await server.ask("POST", f"/repos/{NAME}/issues", body)
        mission_id = ""
        async for event in told:
            data: dict[str, Any] = msgspec.json.decode(event.data)
            match event.type:
                case "AskRefused":
                    raise BenchRefused(f"no mission was made of the issue: {data}")
                case "MissionLaunched":
                    mission_id = event.stream.partition("-")[2]
                case "IssueLeftOpen" if "closed already" not in data["reason"]:
                    raise BenchRefused(f"the issue is not closed: {data['reason']}")
                case "IssueClosed" | "IssueLeftOpen":
                    return event.recorded_at.timestamp() - began
            if mission_id:
                _expect(event, mission_id)
    raise AssertionError("it tells until it is refused")


async def _attempts(hive: Hive, server: TestGithub, work: Path, many: int) -> CaseResult:
    """Of one pull request, as many rounds as are wanted."""
    durations = []
    async with _told(hive) as told:
        wish = PullRequestWish(NAME, rounds=many)
        mission = await hive.launch(await asyncio.to_thread(_plan, work, wish))
        number, head, ready = 0, "", False
        for _ in range(many):
            while not ready:
                event = await anext(told)
                _expect(event, mission.mission_id)
                data: dict[str, Any] = msgspec.json.decode(event.data)
                match event.type:
                    case "PullRequestOpened":
                        number = data["number"]
                    case "ReviewRequested" | "RoundSettled":
                        ready = True
            head = (await server.ask("GET", f"/repos/{NAME}/pulls/{number}"))["head"]["sha"]
            began = time.time()
            status = {"state": "failure", "context": "ci"}
            await server.ask("POST", f"/repos/{NAME}/statuses/{head}", status)
            asked = False
            while not asked or event.type != "AttemptStarted":
                event = await anext(told)
                asked = asked or event.type == "RoundAsked"
            durations.append(event.recorded_at.timestamp() - began)
            ready = False
    case = "a failed check to the next attempt"
    return result("github", case, len(durations), "rounds", durations)


@asynccontextmanager
async def _told(hive: Hive) -> AsyncIterator[AsyncIterator[Recorded]]:
    """What is recorded from now on. Raises BenchRefused where nothing comes any more."""
    head = (await hive.read(limit=1)).head
    arriving = hive.subscribe(event_pb2.EventFilter(), after=head)

    async def events() -> AsyncIterator[Recorded]:
        try:
            while True:
                async with asyncio.timeout(END_SECONDS):
                    yield (await anext(arriving)).event
        except TimeoutError as error:
            raise BenchRefused(f"nothing was recorded for {END_SECONDS:.0f} s") from error

    told = events()
    try:
        yield told
    finally:
        await told.aclose()  # type: ignore[attr-defined]  # it is a generator
        await arriving.aclose()  # type: ignore[attr-defined]  # as above


def _expect(event: Recorded, mission_id: str) -> None:
    """Raises BenchRefused."""
    ended = ("MissionFailed", "MissionRefused", "MissionCancelled", "PullRequestFailed")
    if event.type in ended and event.stream.endswith(mission_id):
        raise BenchRefused(f"the mission did not come to its end: {event.data.decode()[:300]}")


def _plan(work: Path, wish: PullRequestWish) -> Plan:
    history.git(work, "pull", "-q")
    repository = Repository(str(work), history.git(work, "rev-parse", "HEAD"), "main")
    task = TaskSpec("work", prompt="Add a line.", agent=AGENT)
    return Plan("bench", (Phase("main", tasks=(task,)),), repository=repository, pull_request=wish)
