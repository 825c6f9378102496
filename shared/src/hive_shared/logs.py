"""Logs as JSON lines on stderr: one object a record, with the trace that it belongs to."""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final

import msgspec

from hive_shared import telemetry

_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`extra={…}` of a call becomes fields; `extra={"traceparent": …}` becomes the trace's ids."""

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._who = {"service": service, "instance": instance}

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in record.__dict__.items() if key not in _PLAIN}
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._who,
            **_trace(str(fields.pop("traceparent", ""))),
            **fields,
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        return msgspec.json.encode(line, enc_hook=repr).decode()


def configure(service: str, instance: str, level: str) -> None:
    """Send this process's log to stderr, and only there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service, instance))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # It tells each request with its whole URL, and that of a webhook is a secret.
    logging.getLogger("httpx").setLevel(max(logging.WARNING, logging.root.level))


def _trace(traceparent: str) -> dict[str, str]:
    parts = (traceparent or telemetry.current()).split("-")
    return {"trace_id": parts[1], "span_id": parts[2]} if len(parts) >= 4 else {}
