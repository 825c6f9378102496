"""A person's terminal: what is typed into it, and what a program shows there.

The program runs behind a helper that forks for the pseudo-terminal, because a process with threads
must not.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

_SPAWN: Final = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
_SIZED: Final = ("sh", "-c", 'stty rows 40 cols 120; exec "$@"', "sh")
_ASKED: Final = {
    b"\x1b[6n": b"\x1b[1;1R",  # where the cursor is
    b"\x1b[c": b"\x1b[?62;c",  # what kind of terminal it is
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",  # its colours
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
_SEQUENCE: Final = rb"\x1b(\[[0-9;?>=<$ ]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>])"
_MOVES: Final = re.compile(_SEQUENCE)
_CONTROL: Final = re.compile(_SEQUENCE + rb"|\s")


class Terminal:
    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SPAWN, *_SIZED, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**env, "TERM": "xterm-256color"}, cwd=folder, bufsize=0,
        )  # fmt: skip
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        """All that came, without blanks: programs move the cursor in their place."""
        return _CONTROL.sub(b"", self._shown).decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """All that came, for programs that write blanks as blanks."""
        return _MOVES.sub(b"", self._shown).decode("utf-8", "replace").replace("\r", "")

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())

    def until(self, condition: Callable[[], object], seconds: float = 120) -> None:
        """Fails with what is on the screen."""
        until = time.monotonic() + seconds
        while not condition():
            alive = self._process.poll() is None
            assert alive, f"it has ended: {self.shown[-2000:]}"
            assert time.monotonic() < until, f"it shows: {self.shown[-2000:]}"
            time.sleep(0.05)

    def ended(self, seconds: float = 60) -> int:
        status = self._process.wait(seconds)
        self._reader.join(5)
        return status

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(5)
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while piece := os.read(self._process.stdout.fileno(), 65536):
            self._shown += piece
            for asked, answer in _ASKED.items():
                for _ in range(piece.count(asked)):
                    self.type(answer.decode())
