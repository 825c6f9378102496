"""What an agent prints for programs, as people read it."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hive_shared.profiles.events import at, has
from hive_shared.profiles.profile import Showing
from hive_shared.profiles.shipped import shipped

CUT_LINES: Final = 8
CUT: Final = 160
"""Characters of a value that is no text of its own."""
_FIELD: Final = re.compile(r"\{([\w.]+)\}")
_TELLING: Final = (
    "command", "file_path", "filePath", "path", "absolute_path", "pattern", "query", "url",
    "description",
)  # fmt: skip
"""Of a tool's arguments: the first of these says what it is about."""
ACP: Final = (
    Showing("session {id}", {"type": "session"}),
    Showing("{text}", {"type": "chunk"}, join=True),
    Showing("", {"type": "message"}),
    Showing("", {"type": "thought"}),
    Showing("▸ {title}", {"type": "tool", "status": "in_progress"}),
    Showing("! {title} failed", {"type": "tool", "status": "failed"}),
    Showing("", {"type": "tool"}),
    Showing("? {title}: {answer}", {"type": "permission"}),
    Showing("{input} tokens in, {output} out", {"type": "usage"}, usage=True),
    Showing("! {message}", {"type": "error"}),
    *(
        Showing("", {"type": type})
        for type in ("context", "plan", "stopped", "asks", "available_commands_update")
    ),
)
"""Of agents that speak the Agent Client Protocol: the hive's own client prints these lines."""


class Shown(msgspec.Struct, frozen=True):
    text: str
    join: bool = False
    """Whether it goes on where a joined one before it ended."""
    cut: bool = False
    """Whether it is what a tool answered, of which the beginning is enough."""
    usage: bool = False
    """Whether it only tells what was used."""


@functools.cache
def showings() -> tuple[Showing, ...]:
    """Of all profiles that ship: an event tells by itself whose it is."""
    shipping = [shipped()[name] for name in sorted(shipped())]
    return (*(showing for profile in shipping for showing in profile.shows), *ACP)


def show(event: Mapping[str, Any], showings: Sequence[Showing]) -> list[Shown] | None:
    """What is shown of an event, which may be nothing; None where none of them fits it."""
    fitting = [each for each in showings if has(event, each.when)]
    for showing in fitting:
        if showing.each:
            entries = at(event, showing.each)
            if isinstance(entries, list):
                same = [other for other in fitting if other.each == showing.each]
                return [shown for entry in entries for shown in _entry(entry, same)]
        elif (text := _filled(showing, event)) is not None:
            return _shown(text, showing)
    return None


def _entry(entry: Any, showings: Sequence[Showing]) -> list[Shown]:
    if not isinstance(entry, dict):
        return []
    for showing in showings:
        if has(entry, showing.where) and (text := _filled(showing, entry)) is not None:
            return _shown(text, showing)
    return []


def _shown(text: str, showing: Showing) -> list[Shown]:
    return [Shown(text, showing.join, showing.cut, showing.usage)] if text else []


def _filled(showing: Showing, event: Mapping[str, Any]) -> str | None:
    """Its text; None where the event lacks something that it names."""
    values = {path: at(event, path) for path in _FIELD.findall(showing.text)}
    if any(value is None for value in values.values()):
        return None
    text = _FIELD.sub(lambda field: _said(values[field[1]]), showing.text)
    return _beginning(text) if showing.cut else text


def _said(value: Any) -> str:
    match value:
        case str():
            return value
        case bool() | float():
            return str(value)
        case int():
            return f"{value:,}"
        case list():
            return " ".join(_said(each) for each in value)
        case {"text": str(text)}:
            return text
        case dict():
            told = next((value[key] for key in _TELLING if isinstance(value.get(key), str)), None)
            said = told if told is not None else msgspec.json.encode(value).decode()
            line, more, _ = said.partition("\n")
            return line[:CUT] + ("…" if more or len(line) > CUT else "")
        case _:
            return ""


def _beginning(text: str) -> str:
    lines = text.strip("\n").split("\n")
    more = len(lines) - CUT_LINES
    told = [line if len(line) <= CUT else f"{line[:CUT]}…" for line in lines[:CUT_LINES]]
    return "\n".join([*told, f"… {more} lines more"] if more > 0 else told)
