"""All pull requests of one mission: one for all that it changed, or one for each task. Pure.

Each is as `pull_request` says, with two things in common: they are wished for together, and of all
that comes back of them one thing at a time goes to the mission, whose rounds are numbered on.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from hive_contracts.github.pull_request import (
    AnyPullRequestCommand,
    AnyPullRequestEvent,
    AskRound,
    PullRequestRequested,
    RequestPullRequest,
    RoundAsked,
)
from hive_github.deciders import pull_request
from hive_github.deciders.pull_request import PullRequest


class PullRequests(msgspec.Struct, frozen=True):
    whole: PullRequest = pull_request.INITIAL
    """The one for all; with one for each task what was wished for, and no more."""
    parts: dict[str, PullRequest] = {}
    """By task, as `phase/task`."""

    def of(self, part: str) -> PullRequest:
        known = self.parts.get(part, pull_request.INITIAL) if part else self.whole
        last = max(each.rounds.last for each in self.all())
        rounds = msgspec.structs.replace(known.rounds, last=last)
        return msgspec.structs.replace(known, requested=self.whole.requested, rounds=rounds)

    def all(self) -> Iterator[PullRequest]:
        yield self.whole
        yield from self.parts.values()

    @property
    def round(self) -> RoundAsked | None:
        """The one that the mission is at, of whichever it is."""
        for part, each in (("", self.whole), *self.parts.items()):
            if each.rounds.open is not None:
                return msgspec.structs.replace(each.rounds.open, part=part)
        return None

    @property
    def part_of_round(self) -> dict[int, str]:
        """Whose pull request each round came back of."""
        found: dict[int, str] = {}
        for part, each in (("", self.whole), *self.parts.items()):
            rounds = [asked for asked, _ in each.rounds.done]
            rounds += [each.rounds.open] if each.rounds.open else []
            found |= {asked.round: part for asked in rounds}
        return found


INITIAL: Final = PullRequests()


def decide(state: PullRequests, command: AnyPullRequestCommand) -> list[AnyPullRequestEvent]:
    """Said twice is done once."""
    part = command.part
    one = state.of(part)
    match command:
        case AskRound() if state.round is not None:
            return []
        case RequestPullRequest():
            # Whoever asks again lets all of them go on.
            stuck = (each for each in state.parts.values() if pull_request.waits(each))
            one = next(
                (msgspec.structs.replace(one, failed=each.failed, rounds=each.rounds)
                 for each in stuck), one,
            )  # fmt: skip
    events = pull_request.decide(one, command)
    return [msgspec.structs.replace(event, part=part) for event in events] if part else events


def evolve(state: PullRequests, event: AnyPullRequestEvent) -> PullRequests:
    replace, part = msgspec.structs.replace, event.part
    if part:
        # Whose it is stands where it is kept: what is said again has to be the same.
        changed = pull_request.evolve(state.of(part), replace(event, part=""))
        return replace(state, parts={**state.parts, part: changed})
    parts = state.parts
    if isinstance(event, PullRequestRequested):
        parts = {name: pull_request.evolve(each, event) for name, each in parts.items()}
    return PullRequests(pull_request.evolve(state.whole, event), parts)
