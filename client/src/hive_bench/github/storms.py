"""A hundred clients at one installation at once: with the hive's throttle, and without any.

Both do the same work at the same GitHub at the same time, each at an installation of its own:
everybody reads an issue and comments on it, and whoever is refused tries again, the hive's after
the time that GitHub named, the naive ones a second later. GitHub counts the refusals.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from hive_bench.github.server import REFUSED, Heard, TestGithub
from hive_bench.result import BenchRefused, CaseResult, result

CLIENTS: Final = 100
REPLICAS: Final = 4
OWNERS: Final = ("globex", "initech")
"""Whose installations are asked; nothing else of the benchmark asks there."""
REPOSITORIES: Final = ("acme/shop", *(f"{owner}/shop" for owner in OWNERS))
"""With another's first: installations are numbered, and the hive's own has the first number."""
TIGHT: Final = ("content_a_minute=40",)
"""Where GitHub allows half of what it says: then the hive meets a limit, too."""


class _Told(msgspec.Struct):
    done: int


async def run(
    server: TestGithub, redis: str, seconds: float, case: str, owners: Sequence[str]
) -> list[CaseResult]:
    """With the throttle at the first of `owners`, without at the second. Raises BenchRefused."""
    for owner in owners:
        await server.ask("POST", f"/repos/{owner}/shop/issues", {"title": "A storm"})
    before = await server.mark()
    throttled, naive = owners
    done = await asyncio.gather(
        _storm(server, throttled, seconds, "--redis", redis),
        _storm(server, naive, seconds, "--naive"),
    )
    heard = server.heard[before : await server.mark()]
    refused = [_refused(server, owner, heard) for owner in owners]
    name = f"limit storm, {CLIENTS} clients, {case}"
    return [
        result("github", f"{name}: refused", refused[0], "requests", limit=refused[1]),
        result("github", f"{name}: done", done[0], "comments", limit=done[1]),
    ]


def _refused(server: TestGithub, owner: str, heard: Sequence[Heard]) -> int:
    caller = f"installation {server.there.installations[owner]}"
    return sum(each.caller == caller and each.status in REFUSED for each in heard)


async def _storm(server: TestGithub, owner: str, seconds: float, *options: str) -> int:
    """How many are done when the time is over."""
    there = server.there
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hive_github.testing.storm", "--url", there.url),
        *("--app", str(there.app.id), "--key", str(server.key)),
        *("--installation", str(there.installations[owner]), "--repository", f"{owner}/shop"),
        *("--clients", str(CLIENTS), "--replicas", str(REPLICAS), "--seconds", str(seconds)),
        *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, problem = await process.communicate()
    if process.returncode:
        raise BenchRefused(f"the storm ends: {problem.decode(errors='replace')[-300:]}")
    return msgspec.json.decode(said, type=_Told).done
