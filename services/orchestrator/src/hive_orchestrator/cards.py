"""The cards of all tasks that have not ended: a part of the board."""

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

Status = Literal["queued", "leased", "running", "waiting", "taken"]
"""`waiting` is for its back-off, for a person, or for its next event in the same append; with a
session, `taken` is for the handover of its epoch."""


class Card(Struct, frozen=True, omit_defaults=True):
    """One task on the board."""

    task_id: str
    mission_id: str
    agent: str
    """The profile that its work needs; empty for none."""
    queue_timeout: float
    gated: bool
    """Whether its work is followed by a lease for its gates."""
    since: int
    """The position since which it has waited: who waits longer goes first."""
    since_ms: int = 0
    """When that was, by the record's clock: milliseconds since 1970."""
    status: Status = "queued"
    gating: bool = False
    """Whether its next lease is for gates: no agent is needed then."""
    finished: bool = False
    """Whether its next lease hands in what a person has finished: no agent is needed then."""
    done: bool = False
    """Whether it has succeeded, and may be sent back until its work is merged."""
    orphaned: bool = False
    """Whether its mission has ended: nobody will merge it or send it back."""
    epoch: int = 0
    runner_id: str = ""
    session_id: str = ""
    traceparent: str = ""
    """The context of its last event, which causes the next step."""
    exclusive: bool = False
    lost: bool = False
    """Whether it is exclusive and its last lease was lost: it may still be at work somewhere."""

    @property
    def wants(self) -> str:
        """The agent that its next lease needs; empty for none."""
        return "" if self.gating or self.finished else self.agent


class Cards:
    """Mutable, as the board is: the cards, and where to find them."""

    def __init__(self, cards: Iterable[Card] = ()) -> None:
        self.of: dict[str, Card] = {}
        """By task."""
        self.lost: set[str] = set()
        """Exclusive tasks whose attempt may still be at work, though its lease was lost."""
        self._by_mission: dict[str, set[str]] = {}
        self._by_session: dict[str, set[str]] = {}
        self._queued: dict[str, None] = {}
        self._changes: dict[str, Card | None] = {}
        self._runners: set[str] = set()
        self._kept: set[str] = set()
        for card in sorted(cards, key=lambda card: card.since):
            self.put(card)
        self.take_changes()

    def of_mission(self, mission_id: str) -> list[str]:
        """The ids of its tasks, in their order."""
        return sorted(self._by_mission.get(mission_id, ()))

    def of_session(self, session_id: str) -> list[Card]:
        return [self.of[id] for id in sorted(self._by_session.get(session_id, ()))]

    def load(self, session_id: str) -> int:
        """How many slots of a session are taken."""
        return len(self._by_session.get(session_id, ()))

    def queued(self) -> Iterator[Card]:
        """Those that wait for a runner, the longest waiting first."""
        return (self.of[id] for id in self._queued)

    def waiting(self) -> tuple[int, float]:
        """How many these are, and since when the first has waited: seconds since 1970."""
        oldest = min((self.of[id].since_ms for id in self._queued), default=0)
        return len(self._queued), oldest / 1000

    def put(self, card: Card) -> None:
        """Have this card in place of the task's one before."""
        self._unindex(card.task_id)
        self.of[card.task_id] = self._changes[card.task_id] = card
        self._by_mission.setdefault(card.mission_id, set()).add(card.task_id)
        if card.status == "queued":
            self._queued[card.task_id] = None
        if card.lost:
            self.lost.add(card.task_id)
        if card.session_id:
            self._by_session.setdefault(card.session_id, set()).add(card.task_id)
            self._runners.add(card.runner_id)

    def remove(self, id: str) -> None:
        self._unindex(id)
        if self.of.pop(id, None) is None:
            return
        if id in self._kept:
            self._changes[id] = None
        else:
            self._changes.pop(id, None)

    def tell(self, runner_id: str) -> None:
        """The runner is to hear of its orders anew."""
        self._runners.add(runner_id)

    def take_changes(self) -> tuple[dict[str, Card | None], set[str]]:
        """What changed since the last call, by task, None is gone; and the runners whose orders
        are not what they were."""
        changes, self._changes = self._changes, {}
        runners, self._runners = self._runners, set()
        self._kept.update(id for id, card in changes.items() if card is not None)
        self._kept.difference_update(id for id, card in changes.items() if card is None)
        return changes, runners

    def _unindex(self, id: str) -> None:
        card = self.of.get(id)
        if card is None:
            return
        self._queued.pop(id, None)
        self.lost.discard(id)
        _discard(self._by_mission, card.mission_id, id)
        if card.session_id:
            _discard(self._by_session, card.session_id, id)
            self._runners.add(card.runner_id)


def _discard(index: dict[str, set[str]], key: str, id: str) -> None:
    members = index[key]
    members.discard(id)
    if not members:
        del index[key]
