"""What became of the missions that were launched under load."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from hive_bench.uptime.windows import Outcome
from hive_client import Hive
from hive_client.branch import fetch_branch
from hive_client.checkout import git
from hive_client.hive import ENDED
from hive_contracts.v1 import mission_pb2

LOOK_SECONDS: Final = 0.5
PAGE: Final = 100


async def outcomes(
    hive: Hive, launched: Mapping[str, str], prefix: str, repository: Path, seconds: float
) -> tuple[Outcome, ...]:
    """Wait until all missions have ended, but no longer than so many seconds; then look at each.

    `launched`: names by id, of those whose launch was answered. One that was not answered may have
    been launched all the same: each whose name begins with `prefix` is looked at. Raises HiveError.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if all(each.status in ENDED for each in await _missions(hive, prefix)):
                    break
                await asyncio.sleep(LOOK_SECONDS)
    known = {each.mission_id: each for each in await _missions(hive, prefix)}
    lost = [Outcome(name, "lost") for id, name in launched.items() if id not in known]
    seen = [await _outcome(hive, each, repository) for each in known.values()]
    return tuple(sorted([*lost, *seen], key=lambda outcome: outcome.name))


async def _outcome(hive: Hive, summary: mission_pb2.MissionSummary, repository: Path) -> Outcome:
    mission = await hive.get(summary.mission_id)
    merges = 0
    if mission.tip.chain:
        tip = await fetch_branch(hive, mission, repository)
        steps = f"{mission.repository.base}..{tip}"
        said = git(repository, "log", "--merges", "--format=%B", steps).stdout
        merges = said.count("Hive-Merge:")
    return Outcome(summary.name, mission.summary.status, merges)


async def _missions(hive: Hive, prefix: str) -> list[mission_pb2.MissionSummary]:
    found: list[mission_pb2.MissionSummary] = []
    token = ""
    while True:
        page = await hive.list(limit=PAGE, page_token=token)
        found += [each for each in page.missions if each.name.startswith(prefix)]
        token = page.next_page_token
        if not token:
            return found
