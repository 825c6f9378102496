"""What the agents at work have used so far, by attempt: for what ends before it can report."""

from collections.abc import Callable

from hive_contracts.budget import AttemptCap
from hive_contracts.outcome import AgentRun, Usage
from hive_runner.link.slots import Key


class Ledger:
    def __init__(self) -> None:
        self._runs: dict[Key, Callable[[], AgentRun | None]] = {}

    def begin(self, key: Key, told: Callable[[], AgentRun | None]) -> None:
        """An agent begins; `told` answers what it has told by then."""
        self._runs[key] = told

    def run(self, key: Key) -> AgentRun | None:
        """The agent of an attempt, as it has told of itself; None where none has begun."""
        told = self._runs.get(key)
        return told() if told else None

    def used(self, key: Key) -> Usage | None:
        """Nothing where no agent has begun; None where it did not say."""
        run = self.run(key)
        return Usage() if run is None else run.usage

    def close(self, key: Key) -> None:
        self._runs.pop(key, None)


def passed(usage: Usage, cap: AttemptCap | None) -> str:
    """What was used too much of, as a clause for people; empty where nothing was."""
    if cap is None:
        return ""
    tokens, dollars = usage.input_tokens + usage.output_tokens, usage.billed_usd
    dollars += usage.estimated_usd
    if cap.tokens and tokens > cap.tokens:
        return f"used {tokens:,} tokens, and this attempt may use {cap.tokens:,}"
    if cap.usd and dollars > cap.usd:
        return f"used ${dollars:.2f}, and this attempt may use ${cap.usd:.2f}"
    return ""
