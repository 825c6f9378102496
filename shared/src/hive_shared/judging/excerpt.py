"""What matters of a gate's output: the reason, what failing tests say, then the end of the rest."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hive_contracts.outcome import MAX_TAIL

MOST_FOR_TESTS: Final = 5_500
"""Characters of the excerpt that failing tests may take; the end of the output gets the rest."""
_SMALLEST: Final = 200
"""Characters of a test's message below which it is not worth showing."""

_ESCAPES: Final = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # colours, movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[@-Z\\-_]"
)
# Tried at the beginnings of lines only: at each character, a line took the square of its length.
_WRITTEN_OVER: Final = re.compile(r"^[^\n]*\r(?!\n)", re.MULTILINE)


def excerpt(
    reason: str,
    failing: Iterable[str],
    messages: Mapping[str, str],
    tail: str,
    most: int = MAX_TAIL,
) -> str:
    """At most `most` characters, for the next attempt and for people.

    `failing` is in the order of interest; each test that has a message gets its share.
    """
    said = [f"{reason}\n"] if reason else []
    said += _tests(failing, messages, min(MOST_FOR_TESTS, most * 2 // 3))
    head = "\n".join(said)[: most - 1]
    rest = plain_lines(tail)
    if head and rest:
        head += "\nThe end of its output:\n"
    room = max(0, most - len(head))
    return head[:most] + rest[max(0, len(rest) - room) :]


def plain_lines(text: str) -> str:
    """Without colours, and of lines that were written over and over only what stayed."""
    return _WRITTEN_OVER.sub("", _ESCAPES.sub("", text).replace("\r\n", "\n"))


def _tests(failing: Iterable[str], messages: Mapping[str, str], most: int) -> list[str]:
    wanted = [(name, messages[name]) for name in failing if name in messages]
    shown = wanted[: max(1, most // (2 * _SMALLEST))]
    said: list[str] = []
    left = most
    for number, (name, message) in enumerate(shown):
        share = max(_SMALLEST, left // (len(shown) - number))
        part = f"FAILED {name}\n{_middle_out(plain_lines(message), share - len(name) - 8)}\n"
        said.append(part)
        left -= len(part)
        if left < _SMALLEST:
            break
    if len(said) < len(wanted):
        said.append(f"and {len(wanted) - len(said)} more failing tests")
    return said


def _middle_out(text: str, most: int) -> str:
    """The beginning and the end of what a test says: its reason, and its place."""
    most = max(most, 40)
    if len(text) <= most:
        return text
    third = most // 3
    return f"{text[:third]}\n[…]\n{text[third - most :]}"
