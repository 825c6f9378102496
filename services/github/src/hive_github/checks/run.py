"""One check as the hive wants it shown, and how it is written for GitHub. Pure."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from hive_contracts.github.check import Button, CheckPlace, Conclusion
from hive_contracts.plan import ArtifactRef
from hive_github.checks.annotations import A_REQUEST, Annotation

MAX_TEXT: Final = 65_535
"""Characters of a summary, and of a text."""
MAX_TITLE: Final = 200
MAX_NAME: Final = 200
MAX_DESCRIPTION: Final = 140
"""Characters of a commit status."""
CUT: Final = "\n… (cut)"

Status = Literal["queued", "in_progress", "completed"]

_BUTTONS: Final[dict[Button, dict[str, str]]] = {
    "rerun": {
        "label": "Run it again",
        "description": "As a new run of the mission",
        "identifier": "rerun",
    },
    "approve": {
        "label": "Approve",
        "description": "Say yes to the hive",
        "identifier": "approve",
    },
}
_STATES: Final[dict[Conclusion, str]] = {
    "": "pending",
    "success": "success",
    "neutral": "success",
    "action_required": "pending",
    "failure": "failure",
    "timed_out": "failure",
    "cancelled": "error",
}
_FENCE: Final = re.compile("`{3,}")


class Run(msgspec.Struct, frozen=True):
    place: CheckPlace
    name: str
    status: Status
    conclusion: Conclusion = ""
    title: str = ""
    summary: str = ""
    tail: str = ""
    """Output that explains it."""
    output: ArtifactRef | None = None
    """All of it."""
    buttons: tuple[Button, ...] = ()
    gate: bool = False
    """Whether it is a gate of the mission, whose word counts for a merge queue, too."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


OURS: Final = "hive / "
"""How the names of the hive's own begin."""


def named(*parts: str) -> str:
    """A check's name, in one line."""
    shown = OURS + " / ".join(" ".join(part.split()) for part in parts if part.strip())
    return "".join(c if c.isprintable() else "?" for c in shown)[:MAX_NAME]


def cut(text: str, most: int = MAX_TEXT) -> str:
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def in_a_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def bodies(
    run: Run, url: str, annotations: Sequence[Annotation] = (), more: int = 0
) -> list[dict[str, Any]]:
    """What is sent, one request after the other: the annotations go in fifties.

    `more`: annotations that there were beyond these.
    """
    first = {
        "name": run.name,
        "head_sha": run.place.head,
        "external_id": run.place.external_id,
        "status": run.status,
        "details_url": url,
        "actions": [_BUTTONS[button] for button in run.buttons],
    }
    if run.status == "completed":
        first["conclusion"] = run.conclusion
    summary = run.summary or run.title
    if more:
        summary += f"\n\n{more:,} more places are named in the output."
    output: dict[str, Any] = {
        "title": in_a_line(run.title, MAX_TITLE) or run.name,
        "summary": cut(summary),
    }
    if run.tail:
        output["text"] = fenced(run.tail)
    parts = [
        [each.wire() for each in annotations[start : start + A_REQUEST]]
        for start in range(0, len(annotations), A_REQUEST)
    ]
    following = [{"output": {**output, "annotations": part}} for part in parts[1:]]
    if parts:
        output = {**output, "annotations": parts[0]}
    return [{**first, "output": output}, *following]


def status_body(run: Run, url: str) -> dict[str, str]:
    """The same as a commit status, for those who may write no check runs."""
    return {
        "state": _STATES[run.conclusion],
        "context": run.name,
        "description": in_a_line(run.title, MAX_DESCRIPTION),
        "target_url": url,
    }


def fenced(text: str) -> str:
    """Output as it is: nothing in it is markup, or ends the block."""
    longest = max((len(found) for found in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    around = len(fence) * 2 + 2
    kept = "".join(c for c in text if c in "\n\t" or c.isprintable())
    kept = kept if len(kept) <= MAX_TEXT - around else kept[-(MAX_TEXT - around) :]
    return f"{fence}\n{kept}\n{fence}"
