"""What runners are wanted for: slots that tasks hold, and those that they wait for. Pure."""

from collections import Counter
from collections.abc import Collection
from typing import Final

from hive_contracts.heartbeat import Wanted
from hive_orchestrator.board import Board
from hive_orchestrator.scheduling import Budgets

MOST_AGENTS: Final = 32
"""Profiles that are told one by one; the rest, those with least demand, are not told."""


def demand(board: Board, held: Collection[str] = frozenset()) -> tuple[Wanted, ...]:
    """By profile. What is paused, or has no money left, waits for a person and not for a runner;
    `held` waits for an attempt that may still be at work."""
    waiting: Counter[str] = Counter()
    budgets = Budgets(board)
    for card in board.cards.queued():
        if card.task_id not in held and budgets.allow(card):
            waiting[card.wants] += 1
    working = Counter(card.wants for id in board.sessions for card in board.cards.of_session(id))
    both = waiting + working
    return tuple(
        Wanted(agent, waiting[agent], working[agent])
        for agent, _ in sorted(both.items(), key=lambda item: (-item[1], item[0]))[:MOST_AGENTS]
    )
