"""Which waiting task goes to which session: the longest waiting first, to the emptiest session.

What is paused waits, and an agent's work for which nothing of its mission's budget is left for now.
While the error-budget policy demands it, agents' work takes fewer slots; what ends work that was
begun (gates, merges) is not held up.
"""

from collections.abc import Collection

from hive_contracts.mission import ReserveLease
from hive_contracts.policy import NOTHING, Restraints
from hive_contracts.task import LeaseTask
from hive_orchestrator.board import Board
from hive_orchestrator.cards import Card


def assign(
    board: Board,
    draining: Collection[str],
    held: Collection[str] = frozenset(),
    most: int = 256,
    restraints: Restraints = NOTHING,
) -> list[LeaseTask | ReserveLease]:
    """Leases for free slots. Work for a profile goes to a session that has it.

    `held` are tasks whose last attempt may still be at work somewhere.
    """
    room = _room(board, draining, restraints)
    free = {
        id: session.slots - board.cards.load(id)
        for id, session in board.sessions.items()
        if id not in draining
    }
    free = {id: slots for id, slots in free.items() if slots > 0}
    leases: list[LeaseTask | ReserveLease] = []
    budgets = Budgets(board)
    for card in board.cards.queued() if free else ():
        if card.task_id in held or not budgets.allow(card):
            continue
        agent = card.wants
        if agent and room <= 0:
            continue
        able = [id for id in free if not agent or agent in board.sessions[id].agents]
        if not able:
            continue
        chosen = max(able, key=lambda id: (free[id], id))
        runner = board.sessions[chosen].runner_id
        leases.append(budgets.within(card, LeaseTask(card.task_id, runner, chosen)))
        free[chosen] -= 1
        room -= bool(agent)
        if not free[chosen]:
            del free[chosen]
        if not free or len(leases) == most:
            break
    return leases


def _room(board: Board, draining: Collection[str], restraints: Restraints) -> float:
    """How many more of agents' tasks may begin."""
    if restraints.slots_share >= 1 and not restraints.slots_most:
        return float("inf")
    slots = sum(each.slots for id, each in board.sessions.items() if id not in draining)
    # One goes on always: with nothing at work nothing could ever become better.
    limit = max(1, int(slots * restraints.slots_share))
    if restraints.slots_most:
        limit = min(limit, restraints.slots_most)
    at_work = sum(bool(card.wants) for id in board.sessions for card in board.cards.of_session(id))
    return limit - at_work


class Budgets:
    """What missions have left while one round of leases is made. Most missions have no standing."""

    def __init__(self, board: Board) -> None:
        self._standings = board.standings.of
        self._waiting: dict[str, int] = {}
        """By mission: agents' tasks that could begin now."""
        if any(standing.capped for standing in self._standings.values()):
            for card in board.cards.queued():
                if card.wants:
                    self._waiting[card.mission_id] = self._waiting.get(card.mission_id, 0) + 1

    def allow(self, card: Card) -> bool:
        standing = self._standings.get(card.mission_id) if self._standings else None
        if standing is None:
            return True
        if standing.paused:
            return False
        purse = standing.purse
        if purse is None or not standing.capped or not card.wants:
            return True
        # Where nothing is left for good, the mission decides to pause when it is asked.
        among = self._waiting[card.mission_id]
        return purse.share(card.task_id, among) is not None or bool(purse.used_up(card.task_id))

    def within(self, card: Card, lease: LeaseTask) -> LeaseTask | ReserveLease:
        standing = self._standings.get(card.mission_id) if self._standings else None
        if standing is None or not standing.capped or not card.wants:
            return lease
        among = self._waiting[card.mission_id]
        self._waiting[card.mission_id] = among - 1
        return ReserveLease(card.mission_id, lease, among)
