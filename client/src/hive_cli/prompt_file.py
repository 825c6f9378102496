"""Prompts in files of their own: read at launch, from the folder of the mission file and below."""

from pathlib import Path, PurePosixPath
from typing import Final

from hive_contracts.files import FileProblem
from hive_contracts.files.compile import ReadPrompt

MAX_PROMPT: Final = 256 * 1024
"""Bytes; what a phase may take in all is checked when it is compiled."""


def prompt_reader(folder: Path) -> ReadPrompt:
    """Reads files below `folder`, and refuses all others."""

    def read(name: str, where: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or name.startswith("~"):
            raise FileProblem(
                f"the prompt file {name!r} is outside the mission file's folder",
                where,
                "move it there: a mission from elsewhere must not read your other files",
            )
        full = (folder / path).resolve()
        if not full.is_relative_to(folder.resolve()):
            raise FileProblem(
                f"the prompt file {name!r} is a link that leads out of the mission file's folder",
                where,
                "put the file itself there",
            )
        return _text(full, name, where)

    return read


def _text(path: Path, name: str, where: str) -> str:
    try:
        if path.is_file() and path.stat().st_size > MAX_PROMPT:
            raise FileProblem(
                f"the prompt file {name!r} has {path.stat().st_size:,} bytes, and {MAX_PROMPT:,}"
                " are allowed",
                where,
                "keep what the agent can read for itself in the repository",
            )
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileProblem(
            f"the prompt file {name!r} is not UTF-8 text", where, "save it as UTF-8"
        ) from error
    except OSError as error:
        raise FileProblem(
            f"the prompt file {name!r} cannot be read: {error.strerror}",
            where,
            "its name is relative to the mission file's folder",
        ) from error
    if "\0" in text:
        raise FileProblem(f"the prompt file {name!r} has a NUL character", where, "remove it")
    return text
