"""Repositories of any size, made at once by `git fast-import`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FOLDER: Final = 100
"""Files in one folder."""
_IDENTITY: Final = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost")


def make(path: Path, *, files: int, commits: int) -> None:
    """A repository with a first commit of so many files, and later ones that change one each."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    with subprocess.Popen(
        ["git", "fast-import", "--quiet", "--done"], cwd=path, stdin=subprocess.PIPE
    ) as importing:
        assert importing.stdin is not None
        for piece in _stream(files, commits):
            importing.stdin.write(piece)
    if importing.returncode:
        raise subprocess.CalledProcessError(importing.returncode, "git fast-import")
    git(path, "reset", "-q", "--hard", "main")


def git(folder: Path, *arguments: str) -> str:
    """One call, with an identity of its own. Raises CalledProcessError."""
    done = subprocess.run(
        ["git", *_IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _stream(files: int, commits: int) -> Iterator[bytes]:
    for number in range(commits):
        yield (
            f"commit refs/heads/main\ncommitter Bench <bench@localhost> {1_700_000_000 + number}"
            f" +0000\ndata 8\n{number:08}\n"
        ).encode()
        changed = range(files) if number == 0 else (number % files,)
        for file in changed:
            content = f"file {file} as of {number}\n"
            yield (
                f"M 100644 inline {file // _FOLDER:05}/{file:07}.txt\n"
                f"data {len(content)}\n{content}\n"
            ).encode()
    yield b"done\n"
