"""Where a mission's budget stands, and what ends its pause: pure functions of its view."""

from hive_cli.spending import dollars, tokens
from hive_contracts.v1 import mission_pb2

_EXAMPLES = {"usd": "usd=20", "tokens": "tokens=1M", "wall": "wall=1h"}


def budget_line(mission: mission_pb2.Mission) -> str:
    """`$3.20 of $40.00 ($1.10 billed, ≈ $2.10 estimated), $4.00 reserved`; empty without one."""
    if not mission.HasField("budget"):
        return ""
    budget = mission.budget
    parts: list[str] = []
    if budget.caps.usd:
        kinds = [
            said
            for amount, said in (
                (budget.billed_usd, f"{dollars(budget.billed_usd)} billed"),
                (budget.estimated_usd, f"≈ {dollars(budget.estimated_usd)} estimated"),
                (budget.unknown_usd, f"up to {dollars(budget.unknown_usd)} unknown"),
            )
            if amount
        ]
        used = budget.billed_usd + budget.estimated_usd + budget.unknown_usd
        parts.append(
            _part(dollars(used), dollars(budget.caps.usd), used - budget.caps.usd > 1e-6, kinds)
        )
        if budget.reserved_usd:
            parts.append(f"{dollars(budget.reserved_usd)} reserved")
    if budget.caps.tokens:
        count = budget.tokens + budget.unknown_tokens
        kinds = [f"up to {tokens(budget.unknown_tokens)} unknown"] * bool(budget.unknown_tokens)
        over = count > budget.caps.tokens
        parts.append(_part(_bare(count), tokens(budget.caps.tokens), over, kinds))
        if budget.reserved_tokens:
            parts.append(f"{tokens(budget.reserved_tokens)} reserved")
    if budget.caps.wall:
        parts.append(f"wall {_time(budget.caps.wall)}")
    return " · ".join(parts)


def near(mission: mission_pb2.Mission) -> str:
    """The command that ends the pause."""
    cap = _EXAMPLES.get(mission.pause.cap, "")
    return f"hive resume {mission.summary.name}{f' --add {cap}' if cap else ''}"


def paused_line(mission: mission_pb2.Mission) -> str:
    pause = mission.pause
    if pause.cap:
        glue = " " if pause.reason.startswith("at ") else ": "
        return f"paused{glue}{pause.reason}"
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused by {pause.by}{why}"


def _part(used: str, cap: str, over: bool, kinds: list[str]) -> str:
    told = f" ({', '.join(kinds)})" if kinds else ""
    return f"{used} of {cap}{told}{', over the cap' if over else ''}"


def _bare(count: int) -> str:
    return tokens(count).removesuffix(" tokens")


def _time(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
