"""Output of tasks on a terminal or for programs: whole lines with a name, or bytes as they come."""

import base64
import json
import os
import sys
from collections.abc import Collection
from typing import Any, Final

import click

from hive_cli.agent_lines import AgentLines
from hive_cli.harmless import Harmless, harmless
from hive_contracts.v1 import log_pb2

COLOURS: Final = ("cyan", "yellow", "green", "magenta", "blue")
LONGEST: Final = 16 * 1024
"""Characters of a line that is waited for; of a longer one what there is is shown."""
_MISSING: Final = {
    "missed": "are missing here; they come when the attempt has ended",
    "left-out": "are left out here: so much is not kept",
    "lost": "are lost: no live output of them is left, and they were not kept",
}


class Printed:
    """Where it goes: stdout, and what is said about it stderr."""

    def __init__(self, mission: str, tasks: Collection[str], *, as_json: bool, raw: bool) -> None:
        """`tasks` are the names of those that are known to come; one alone needs no name."""
        self.mission = mission
        self.many = len(tasks) != 1
        self.as_json = as_json
        self.raw = raw
        self._names: dict[str, str] = {}
        self._width = max(map(len, tasks), default=0)
        self._at_line_start = True

    def write(self, text: bytes) -> None:
        """Raises BrokenPipeError."""
        if text:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
            self._at_line_start = text.endswith(b"\n")

    def lines(self, task: str, text: str) -> None:
        """Whole lines of one of many tasks."""
        name = self._name(task)
        self.write(b"".join(_encoded(f"{name} {line}\n") for line in text.split("\n")))

    def say(self, text: str, task: str = "") -> None:
        """Something about the output, for people."""
        if self.as_json:
            return
        if not self._at_line_start and sys.stdout.isatty():
            self.write(b"\n")
        name = f"{self._name(task)} " if self.many and task else ""
        click.secho(f"{name}── {harmless(text)}".replace("\n", " "), dim=True, err=True)

    def record(self, body: dict[str, Any]) -> None:
        """One line for programs."""
        self.write(json.dumps(body).encode() + b"\n")

    def finish(self) -> None:
        if self.as_json:
            self.record({"result": "shown", "exit": 0})

    @staticmethod
    def abandon() -> None:
        """Nobody reads any more."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _name(self, task: str) -> str:
        if task not in self._names:
            self._names[task] = COLOURS[len(self._names) % len(COLOURS)]
        name = f"{task:<{self._width}} |"
        return click.style(name, fg=self._names[task]) if sys.stdout.isatty() else name


class Told:
    """One task's output on its way there."""

    def __init__(self, printed: Printed, task: str) -> None:
        self._printed = printed
        self._task = task
        self._begun = log_pb2.LogBegun()
        self._output = ""
        self._next = 0
        """The offset at which the output would simply go on."""
        self._was_late = False
        self._lines = AgentLines()
        self._filter = Harmless()
        self._line = ""

    def take(self, answer: log_pb2.LogsResponse) -> None:
        if answer.HasField("begun"):
            self._begun = answer.begun
            self._output = ""
        if self._printed.as_json:
            self._printed.record(self._as_json(answer))
            return
        match answer.WhichOneof("said"):
            case "piece":
                self._piece(answer.piece)
            case "gap":
                self._gap(answer.gap)
            case "ended":
                self._ended(answer.ended)
            case "note":
                self.note(answer.note)
            case _:
                pass

    def note(self, text: str) -> None:
        self.finish()
        self._printed.say(text, self._task)

    def finish(self) -> None:
        """Show what was held back."""
        if self._printed.raw or self._printed.as_json:
            return
        self._show(self._filter.feed(self._lines.flush()) + self._filter.flush())
        if self._line:
            self._printed.lines(self._task, self._line)
            self._line = ""

    def _piece(self, said: log_pb2.LogPiece) -> None:
        if said.output != self._output:
            self.note(f"attempt {self._begun.attempt} · {said.output}")
            self._output = said.output
        elif said.late and said.offset != self._next:
            self.note(f"{said.output}: what was missing above, from byte {said.offset}")
        elif self._was_late and not said.late:
            self.note(f"{said.output} goes on, from byte {said.offset}")
        self._was_late = said.late
        self._next = said.offset + len(said.piece)
        if self._printed.raw:
            self._printed.write(said.piece)
        else:
            self._show(self._filter.feed(self._lines.feed(said.piece)))

    def _show(self, text: str) -> None:
        if not self._printed.many:
            self._printed.write(_encoded(text))
            return
        self._line += text
        lines, end, self._line = self._line.rpartition("\n")
        if end:
            self._printed.lines(self._task, lines)
        if len(self._line) > LONGEST:
            self._printed.lines(self._task, self._line)
            self._line = ""

    def _gap(self, gap: log_pb2.LogGap) -> None:
        why = _MISSING.get(gap.reason, f"are missing: {gap.reason}")
        self.note(f"{gap.size} bytes of {gap.output} (from byte {gap.offset}) {why}")

    def _ended(self, ended: log_pb2.LogEnded) -> None:
        if ended.outcome == "succeeded" and not self._output:
            return  # it had nothing to print
        detail = f": {ended.detail}" if ended.detail else ""
        self.note(f"attempt {self._begun.attempt} · {self._begun.step} {ended.outcome}{detail}")

    def _as_json(self, answer: log_pb2.LogsResponse) -> dict[str, Any]:
        said = answer.WhichOneof("said") or "note"
        body: dict[str, Any] = {
            "mission": self._printed.mission,
            "task": self._task,
            "epoch": answer.epoch,
            "attempt": self._begun.attempt,
            "said": said,
        }
        match said:
            case "piece":
                piece = answer.piece
                body |= {"output": piece.output, "offset": piece.offset, "late": piece.late}
                return body | _content(piece.piece)
            case "gap":
                gap = answer.gap
                where = {"output": gap.output, "offset": gap.offset, "size": gap.size}
                return body | where | {"reason": gap.reason}
            case "begun":
                return body | {"step": answer.begun.step, "runner_id": answer.begun.runner_id}
            case "ended":
                return body | {"outcome": answer.ended.outcome, "detail": answer.ended.detail}
        return body | {"note": answer.note}


def _content(piece: bytes) -> dict[str, str]:
    """As text, unless it is none."""
    try:
        return {"text": piece.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(piece).decode()}


def _encoded(text: str) -> bytes:
    return text.encode(sys.stdout.encoding or "utf-8", "replace")
