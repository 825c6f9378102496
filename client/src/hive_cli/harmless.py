"""Foreign bytes as text that cannot drive a terminal.

Escape sequences are taken out: among them are ones that move the cursor over what was printed
before, set the title, write to the clipboard or answer as if somebody had typed. Other control
characters, and those that reorder a line, are shown as what they are (`\\x08`). Of their kind only
line ends and tabs stay.
"""

import codecs
import re
from typing import Final

_LONGEST: Final = 2048
"""Characters of a string in a sequence; what is longer is no sequence, and shown."""

_STRING: Final = rf"[^\x07\x1b\r\n]{{0,{_LONGEST}}}"
_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    rf"|\x1b\]{_STRING}(?:\x07|\x1b\\)"  # OSC: title, clipboard, links
    rf"|\x1b[PX^_]{_STRING}\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]{0,8}[0-~]"
)
_UNFINISHED: Final = re.compile(
    r"(?:\r"
    r"|\x1b\[[0-?]{0,64}[ -/]{0,8}"
    rf"|\x1b[\]PX^_]{_STRING}\x1b?"
    r"|\x1b[ -/]{0,8})\Z"
)
_HARMFUL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_LINE_END: Final = re.compile(r"\r\n?")


class Harmless:
    """Takes bytes as they come, wherever they were cut."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, piece: bytes) -> str:
        """What can be shown now; a sequence that may go on is held back."""
        text = self._held + self._decoder.decode(piece)
        unfinished = _UNFINISHED.search(text)
        at = unfinished.start() if unfinished else len(text)
        self._held = text[at:]
        return harmless(text[:at])

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        text = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        return harmless(text)


def harmless(text: str) -> str:
    """A whole text without what could drive a terminal."""
    text = _SEQUENCE.sub("", _LINE_END.sub("\n", text))
    return _HARMFUL.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
