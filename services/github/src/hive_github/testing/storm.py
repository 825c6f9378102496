"""`python -m hive_github.testing.storm`, for `hive bench`: many clients at one installation.

Each of them reads an issue and comments on it. They share the throttle, in as many replicas as told
(each with connections and counters of its own, as processes have); with `--naive` they do the same
without one, and whoever is refused tries again a second later. Adapter.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from hive_contracts.github.places import places, repository_path
from hive_contracts.github.repository import Pool
from hive_github.api.counters import OwnCounters, counters
from hive_github.api.errors import GithubError, Limited
from hive_github.api.github import Github, Method, connection
from hive_github.api.limits import Urgency, limit_in
from hive_github.api.throttle import Known, Throttle
from hive_github.api.waiting import waited_for
from hive_github.credentials import AppCredentials
from hive_shared.clock import Clock, SystemClock

AGAIN_SECONDS: Final = 1.0
"""After which whoever has no throttle tries again."""


class Record:
    """Limits as all replicas would find them in the log."""

    def __init__(self) -> None:
        self.known: list[Known] = []

    async def recall(self) -> list[Known]:
        return self.known

    async def tell(self, known: Known) -> None:
        self.known.append(known)


class Unthrottled(Throttle):
    """Asks whenever it likes."""

    def __init__(self, clock: Clock) -> None:
        record = Record()
        super().__init__(OwnCounters(clock), clock, record.recall, record.tell)

    async def enter(
        self, installation: int, pool: Pool, cost: int, *, content: bool, urgency: Urgency
    ) -> None:
        pass

    async def observe(
        self, installation: int, pool: Pool, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        if status in (403, 429) and limit_in(status, headers, body, 0.0) is not None:
            raise Limited(AGAIN_SECONDS, "refused")


async def storm(told: argparse.Namespace, clock: Clock) -> dict[str, int]:
    """How many of the clients are done, and how often one had to wait. Raises GithubError."""
    credentials = AppCredentials(told.app, told.key.read_text())
    record = Record()
    until = clock.monotonic() + told.seconds
    done = waits = 0

    async def asked(github: Github, method: Method, path: str, body: object) -> bool:
        """False where it had to wait."""
        nonlocal waits
        try:
            with waited_for("person"):
                content = body is not None
                await github.rest(method, path, told.installation, body=body, content=content)
        except Limited as limited:
            waits += 1
            await clock.sleep(max(min(limited.seconds, until - clock.monotonic()), 0.0))
            return False
        return True

    async def work(github: Github) -> None:
        nonlocal done
        path = repository_path(told.repository, "/issues/{}", told.issue)
        steps: tuple[tuple[Method, str, object], ...] = (
            ("GET", path, None),
            ("POST", f"{path}/comments", {"body": "One of many."}),
        )
        for method, at, body in steps:
            while not await asked(github, method, at, body):
                if clock.monotonic() >= until:
                    return
        done += 1

    async with AsyncExitStack() as stack:
        callers = []
        for _ in range(told.replicas):
            client = await stack.enter_async_context(connection())
            if told.naive:
                throttle: Throttle = Unthrottled(clock)
            else:
                shared = await stack.enter_async_context(counters(told.redis, clock))
                throttle = Throttle(shared, clock, record.recall, record.tell)
            callers.append(Github(client, places(told.url), credentials, throttle, clock))
        await asyncio.gather(*(work(callers[n % told.replicas]) for n in range(told.clients)))
    return {"done": done, "waits": waits}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hive_github.testing.storm")
    parser.add_argument("--url", required=True, help="of GitHub's pages")
    parser.add_argument("--app", type=int, required=True, metavar="NUMBER")
    parser.add_argument("--key", type=Path, required=True, help="the App's")
    parser.add_argument("--installation", type=int, required=True, metavar="NUMBER")
    parser.add_argument("--repository", required=True, metavar="OWNER/NAME")
    parser.add_argument("--issue", type=int, default=1, metavar="NUMBER")
    parser.add_argument("--redis", default="", metavar="URL", help="where counters are shared")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--naive", action="store_true", help="without a throttle")
    told = parser.parse_args()
    try:
        print(json.dumps(asyncio.run(storm(told, SystemClock()))))
    except (OSError, GithubError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
