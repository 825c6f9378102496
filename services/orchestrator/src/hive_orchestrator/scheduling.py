"""Which waiting task goes to which session: the longest waiting first, to the emptiest session."""

from collections.abc import Collection

from hive_contracts.task import LeaseTask
from hive_orchestrator.board import Board


def assign(board: Board, draining: Collection[str], most: int = 256) -> list[LeaseTask]:
    """Leases for free slots. Work for a profile goes to a session that has it."""
    free = {
        id: session.slots - board.load(id)
        for id, session in board.sessions.items()
        if id not in draining
    }
    free = {id: slots for id, slots in free.items() if slots > 0}
    leases: list[LeaseTask] = []
    for card in board.queued() if free else ():
        agent = "" if card.gating else card.agent
        able = [id for id in free if not agent or agent in board.sessions[id].agents]
        if not able:
            continue
        chosen = max(able, key=lambda id: (free[id], id))
        runner = board.sessions[chosen].runner_id
        leases.append(LeaseTask(card.task_id, runner, chosen))
        free[chosen] -= 1
        if not free[chosen]:
            del free[chosen]
        if not free or len(leases) == most:
            break
    return leases
