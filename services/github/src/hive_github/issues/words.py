"""Commands in a comment, and other people's words made safe to pass on. Pure.

A command is a line that begins with `/hive`, and that its author says: not one in a quotation, in
code, in a folded or hidden part, nor one that somebody only mentions.
"""

import re
import unicodedata
from typing import Final, cast

import msgspec

from hive_contracts.github.issue import VERBS, Verb

MAX_COMMANDS: Final = 3
"""Of one comment that are carried out."""
MAX_ARGUMENT: Final = 200

_COMMAND: Final = re.compile(r" {0,3}/hive(?:[ \t]+(.*?))?[ \t]*", re.IGNORECASE)
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_QUOTED: Final = re.compile(r" {0,3}>")
_INDENTED: Final = re.compile(r"(?: {4}| {0,3}\t)")
_HIDDEN: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FOLDED: Final = re.compile(
    r"<(pre|blockquote|code|details|script|style|textarea|template)\b.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_KEPT: Final = "\n\t"


class Command(msgspec.Struct, frozen=True):
    verb: Verb
    argument: str = ""


def commands_in(body: str) -> list[Command]:
    """What a comment's author asks for, in order."""
    # A marker stays in place of what is taken out: a line that it began is still no command.
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    text = _FOLDED.sub("\x00", _HIDDEN.sub("\x00", text))
    found = [command for line in _said(text) if (command := _command(line)) is not None]
    return found[:MAX_COMMANDS]


def _said(text: str) -> list[str]:
    """Lines of the author's own: Markdown's quotations and code left out."""
    said: list[str] = []
    fence, quoting = "", False
    for line in text.split("\n"):
        marks = _FENCE.fullmatch(line)
        if fence:
            if marks and marks[1].startswith(fence) and not marks[2].strip():
                fence = ""
        elif marks:
            fence, quoting = marks[1], False
        elif _QUOTED.match(line):
            quoting = True
        elif not line.strip():
            quoting = False
        # What follows a quotation without a blank line still belongs to it.
        elif not quoting and not _INDENTED.match(line):
            said.append(line)
    return said


def _command(line: str) -> Command | None:
    match = _COMMAND.fullmatch(line)
    if match is None:
        return None
    verb, _, argument = (match[1] or "").partition(" ")
    argument = one_line(argument)[:MAX_ARGUMENT]
    if verb.lower() in VERBS:
        return Command(cast("Verb", verb.lower()), argument)
    return Command("unknown", one_line(match[1] or "")[:MAX_ARGUMENT])


def visible(text: str) -> str:
    """A text as people see it on GitHub: without comments of HTML and characters that hide."""
    text = _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in text if c in _KEPT or not _hides(c))


def _hides(character: str) -> bool:
    """Controls, characters without a shape or of no standard, and variants, which carry bytes."""
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co")
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def one_line(text: str) -> str:
    return " ".join(visible(text).split())
