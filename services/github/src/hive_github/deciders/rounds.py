"""The rounds of a pull request: what came back of it, one at a time. Pure.

    AskRound ─▶ RoundAsked ─▶ (the mission goes on, and ends) ─▶ RoundSettled

What a round is about, its source, is taken once. A person who asks for the pull request again has
all rounds anew, and what was not mended may come back.
"""

import msgspec

from hive_contracts.github.pull_request import (
    AskRound,
    RoundAsked,
    RoundKind,
    RoundSettled,
    SettleRound,
)

UNCOUNTED: frozenset[RoundKind] = frozenset({"base"})
"""Rounds that nobody asked for by a word on the change: they use up none."""


class Rounds(msgspec.Struct, frozen=True):
    last: int = 0
    """The number of the last one."""
    open: RoundAsked | None = None
    """The one that the mission is at."""
    used: int = 0
    """How many count, since a person has asked for the pull request."""
    taken: dict[str, int] = {}
    """Sources, and the rounds in which they were taken."""
    done: tuple[tuple[RoundAsked, RoundSettled], ...] = ()
    halted: RoundSettled | None = None
    """The last one, where it did not end in a push: a person has to look."""


def ask(rounds: Rounds, command: AskRound) -> list[RoundAsked]:
    """Nothing while another one goes on, and nothing that was taken already."""
    if rounds.open is not None or command.source in rounds.taken:
        return []
    return [
        RoundAsked(
            command.mission_id, rounds.last + 1, command.kind, command.source, command.head,
            command.title, command.finding, command.by, command.task, command.threads,
            command.merge, command.words,
        )
    ]  # fmt: skip


def settle(rounds: Rounds, command: SettleRound) -> list[RoundSettled]:
    if rounds.open is None or rounds.open.round != command.round:
        return []
    return [
        RoundSettled(
            command.mission_id, command.round, command.outcome, command.commit, command.reason
        )
    ]


def asked(rounds: Rounds, event: RoundAsked) -> Rounds:
    return msgspec.structs.replace(
        rounds,
        last=event.round,
        open=event,
        used=rounds.used + (event.kind not in UNCOUNTED),
        taken={**rounds.taken, event.source: event.round},
        halted=None,
    )


def settled(rounds: Rounds, event: RoundSettled) -> Rounds:
    if rounds.open is None:
        return rounds
    # What it was told is not needed any more, and may be long.
    short = msgspec.structs.replace(rounds.open, finding="")
    halted = None if event.outcome == "pushed" else event
    done = (*rounds.done, (short, event))
    return msgspec.structs.replace(rounds, open=None, done=done, halted=halted)


def start_over(rounds: Rounds) -> Rounds:
    """A person lets it go on: what did not end in a push may be taken once more."""
    mended = {each.round for each, end in rounds.done if end.outcome == "pushed"}
    if rounds.open is not None:
        mended.add(rounds.open.round)
    taken = {source: round for source, round in rounds.taken.items() if round in mended}
    return msgspec.structs.replace(rounds, used=0, taken=taken, halted=None)
