"""What agents used, for people. Amounts that were billed, estimated or unknown are never mixed."""

from collections.abc import Iterable

from hive_contracts.v1 import mission_pb2


def spending(tasks: Iterable[mission_pb2.TaskView]) -> str:
    """`340k tokens · $0.12 billed · ≈ $1.90 at list prices, estimated`; empty if none was told."""
    used = [task.usage for task in tasks if task.HasField("usage")]
    if not used:
        return ""
    count = sum(usage.input_tokens + usage.output_tokens for usage in used)
    billed = sum(usage.billed_usd for usage in used)
    estimated = sum(usage.estimated_usd for usage in used)
    unpriced = sum(usage.unpriced for usage in used)
    parts = [tokens(count)]
    if billed:
        parts.append(f"{dollars(billed)} billed")
    if estimated:
        parts.append(f"≈ {dollars(estimated)} at list prices, estimated")
    if unpriced:
        known = billed or estimated
        parts.append(f"cost of {_runs(unpriced)} unknown" if known else "cost unknown")
    return " · ".join(parts)


def tokens(count: int) -> str:
    """`812 tokens`, `9.6k tokens`, `340k tokens`, `6.1M tokens`."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        # What would be rounded to a thousand of them is one of the next unit.
        if count >= size * 0.9995:
            amount = count / size
            return f"{amount:.0f}{unit} tokens" if amount >= 99.95 else f"{amount:.1f}{unit} tokens"
    return f"{count} tokens"


def dollars(amount: float) -> str:
    """Cents, and less than that where there is not a whole one."""
    return f"${amount:.2f}" if amount >= 0.01 else f"${amount:.4f}"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
