"""The report of an incident as a draft in Markdown: what the hive knows is filled in."""

from collections.abc import Iterator
from datetime import datetime

from hive_contracts.v1 import operations_pb2

LINES = 60
"""Of the timeline; what is longer is cut in the middle."""


def postmortem(report: operations_pb2.IncidentReport) -> Iterator[str]:
    about = report.summary
    yield f"# {about.name}: {about.title}"
    yield ""
    yield f"{about.severity} · {about.status} · cause `{about.cause}`" + (
        f" · {firing_text(about.firing)}" if about.firing else ""
    )
    if about.remedy and about.status != "resolved":
        yield f"what to do: {about.remedy}"
    if about.mission:
        yield f"runbook: {about.mission} · hive why {about.mission}"
    yield ""
    yield "## When"
    yield from _when(report)
    yield ""
    yield "## What was affected"
    yield from _affected(report)
    yield ""
    yield "## Timeline"
    yield from _timeline(report)
    yield ""
    yield "## To be written"
    yield "- what it meant for those who use the hive:"
    yield "- why it happened:"
    yield "- what helped, and what was in the way:"
    yield "- what is done so that it does not happen again, by whom, until when:"


def _when(report: operations_pb2.IncidentReport) -> Iterator[str]:
    about = report.summary
    began = about.since_ms
    yield f"- began         {moment(began)}"
    yield f"- detected      {_after(about.opened_ms, began)}"
    by = report.acknowledged_by
    yield f"- acknowledged  {_after(report.acknowledged_ms, began)}{f' by {by}' * bool(by)}"
    by = report.mitigated_by
    yield f"- mitigated     {_after(report.mitigated_ms, began)}{f' by {by}' * bool(by)}"
    by = report.resolved_by or "itself: its alerts stayed away"
    ended = bool(about.resolved_ms)
    yield f"- resolved      {_after(about.resolved_ms, began)}{f' by {by}' * ended}"
    if about.reopened:
        yield f"- came back     {about.reopened} times"


def _affected(report: operations_pb2.IncidentReport) -> Iterator[str]:
    for alert in report.alerts:
        what = f"{alert.name} {alert.about}".strip()
        yield f"- {what} ({alert.source}, {alert.severity}): {alert.text}"
    if report.missions:
        more = f" and {report.missions_more:,} more" if report.missions_more else ""
        yield f"- missions: {', '.join(report.missions)}{more}"
    for each in report.happened:
        yield (
            f"- {each.count:,} × {each.type}, {moment(each.first_ms)}"
            + (f" to {moment(each.last_ms)}" if each.count > 1 else "")
            + f" (from position {each.first_position})"
        )
    if report.left_out:
        yield f"- {report.left_out}"
    if report.people:
        yield f"- people: {', '.join(report.people)}"


def _timeline(report: operations_pb2.IncidentReport) -> Iterator[str]:
    entries = list(report.timeline)
    left_out = len(entries) - LINES
    for number, entry in enumerate(entries):
        if left_out > 0 and LINES // 2 <= number < LINES // 2 + left_out:
            if number == LINES // 2:
                yield f"- … {left_out:,} more: hive events --category incident"
            continue
        by = f" ({entry.by})" if entry.by else ""
        yield f"- {moment(entry.at_ms)}  {entry.text}{by}"


def _after(at_ms: int, began_ms: int) -> str:
    if not at_ms:
        return "–"
    return f"{moment(at_ms)}, after {duration(at_ms - began_ms)}"


def moment(ms: int) -> str:
    """In the time zone of whoever looks."""
    if not ms:
        return "–"
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def firing_text(many: int) -> str:
    return "1 alert fires" if many == 1 else f"{many:,} alerts fire"


def duration(ms: int) -> str:
    seconds = max(0, ms) // 1000
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
