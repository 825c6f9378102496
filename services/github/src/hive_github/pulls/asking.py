"""Asks for a round: one more time for an agent, as long as there may be one."""

from typing import Final

import msgspec

from hive_contracts.github.pull_request import AskRound
from hive_github.deciders.pull_request import PullRequest
from hive_github.pulls.excerpt import clean
from hive_github.pulls.stuck import Stuck
from hive_github.records import Records

MAX_TITLE: Final = 200
MAX_FINDING: Final = 30_000
"""Bytes: it goes into an event, in which some characters take two."""


def used_up(state: PullRequest) -> bool:
    """Whether there were as many rounds as there may be."""
    assert state.requested is not None
    return state.rounds.used >= state.requested.wish.rounds


async def ask(
    records: Records, mission: str, state: PullRequest, cause: str, command: AskRound
) -> None:
    """`mission` is its short name. Raises Stuck where all rounds are used up, StoreError."""
    assert state.requested is not None
    if command.kind != "base" and used_up(state):
        most = state.requested.wish.rounds
        times = "1 round" if most == 1 else f"{most} rounds"
        raise Stuck(
            f"{command.title}, after {times}",
            f"see to it yourself, or grant as many once more: hive pr {mission} --again",
        )
    fitting = command.finding.encode()[:MAX_FINDING].decode(errors="ignore")
    command = msgspec.structs.replace(
        command, title=clean(command.title)[:MAX_TITLE], finding=fitting
    )
    await records.tell(command, cause)
