"""Spans of statements, named as OpenTelemetry's conventions for databases ask for it.

One for each statement at most, and never one for each row: what reads or writes in a loop belongs
into one. A statement outside of any step is no part of a trace and has none.
"""

from collections.abc import Iterable
from typing import Any, Final

from hive_shared.telemetry import Span, batch, inner

_SYSTEM: Final = "postgresql"


def statement(summary: str) -> Span:
    """A statement of the step that is open in this task; `summary` is its verb and its table."""
    return inner(summary, "client", _about(summary))


def statement_for(summary: str, causes: Iterable[str], size: int) -> Span:
    """A statement that does `size` things for steps of other tasks: their contexts are `causes`."""
    about = _about(summary)
    if size > 1:
        about["db.operation.batch.size"] = size
    return batch(summary, causes, "client", about)


def _about(summary: str) -> dict[str, Any]:
    return {
        "db.system.name": _SYSTEM,
        "db.operation.name": summary.partition(" ")[0],
        "db.query.summary": summary,
    }
