"""What a runner has done since it began: rate, errors and durations, and tokens of its agents."""

import time
from collections.abc import Callable
from typing import Final

from hive_contracts.orders import RUNNER_HANDLERS, StepsDone, TokensUsed
from hive_contracts.outcome import Usage
from hive_shared.handling import Handling

MAX_PROFILES: Final = 32
"""Of which tokens are told, those that were used first."""


class Handled:
    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        named = {name: Handling(name, monotonic, "job") for name in RUNNER_HANDLERS}
        self._all = tuple(named.values())
        self.prepare = named["prepare"]
        self.turn = named["turn"]
        self.gate = named["gate"]
        self.merge = named["merge"]
        self.report = named["report"]
        self._tokens: dict[str, Usage] = {}
        """By profile."""

    def used(self, profile: str, usage: Usage) -> None:
        """An agent's turn is over, and this is what it told."""
        before = self._tokens.get(profile)
        if before is not None or len(self._tokens) < MAX_PROFILES:
            self._tokens[profile] = usage if before is None else before.plus(usage)

    def steps(self) -> tuple[StepsDone, ...]:
        return tuple(map(_done, self._all))

    def tokens(self) -> tuple[TokensUsed, ...]:
        return tuple(
            TokensUsed(profile, usage.input_tokens, usage.cached_tokens, usage.output_tokens)
            for profile, usage in self._tokens.items()
        )


def _done(handling: Handling) -> StepsDone:
    told = handling.handled()
    seconds, trace = told.slowest or (0.0, "")
    return StepsDone(
        told.name, told.done, told.failed, told.busy, told.oldest_s, told.seconds, told.buckets,
        seconds, trace,
    )  # fmt: skip
