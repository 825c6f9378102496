"""Where a mission's deadline stands: a pure function of its view."""

from hive_cli.screen import duration
from hive_contracts.v1 import mission_pb2


def deadline_line(summary: mission_pb2.MissionSummary, now: float) -> str:
    """Where its deadline stands, at a moment in seconds since 1970; empty without one."""
    if not summary.HasField("deadline"):
        return ""
    until = summary.launched_at.ToNanoseconds() / 1e9 + summary.deadline
    if summary.HasField("ended_at"):
        left = until - summary.ended_at.ToNanoseconds() / 1e9
        stands = "was kept" if left >= 0 else f"had passed {duration(-left)} before its end"
    else:
        left = until - now
        stands = f"passes in {duration(left)}" if left >= 0 else f"passed {duration(-left)} ago"
    return f"deadline {duration(summary.deadline)} from its launch: {stands}"
