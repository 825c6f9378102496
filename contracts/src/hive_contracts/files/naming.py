"""Short names for what people write: of prompts, questions, and commands."""

import re
import shlex
from typing import Final

MAX_NAME: Final = 40

_WORDS: Final = 4
"""Of a command; more say less."""
_WRAPPERS: Final = (
    ("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run"), ("hatch", "run"),
    ("npm", "run"), ("pnpm", "run"), ("yarn", "run"), ("bun", "run"), ("pnpm", "exec"),
    ("bundle", "exec"), ("python", "-m"), ("python3", "-m"), ("npx",), ("bunx",), ("uvx",),
    ("time",), ("exec",), ("env",), ("nice",),
)  # fmt: skip
"""They run the command that follows, and say nothing of it."""
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}|\$\w+")
_FOLDER: Final = re.compile(r"\s*cd\s+\S+\s*&&\s*")
_END: Final = re.compile(r"[;&|()<>]+")


def short_name(text: str, default: str) -> str:
    """A name of at most 40 of a-z, 0-9 and - that resembles `text`."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_NAME].rstrip("-")
    return slug or default


def command_name(command: str, default: str) -> str:
    """What a shell command does, as a name: `uv run pytest -q tests/api` is `pytest-tests-api`."""
    words = _unwrapped(_words(_FOLDER.sub("", command, count=1)))
    program = [words[0].rpartition("/")[2]] if words else []
    said = [word for word in (*program, *words[1:]) if not word.startswith("-")]
    return short_name(_PLACEHOLDER.sub(" ", " ".join(said[:_WORDS])), short_name(command, default))


def _words(command: str) -> list[str]:
    """Of its first simple command."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if _END.fullmatch(word):
                break
            words.append(word)
    except ValueError:
        return command.split()  # a quotation that does not end
    return words


def _unwrapped(words: list[str]) -> list[str]:
    while words:
        wrapper = next((w for w in _WRAPPERS if tuple(words[: len(w)]) == w), ())
        if not wrapper and not _ASSIGNMENT.fullmatch(words[0]):
            return words
        words = words[len(wrapper) or 1 :]
        while wrapper and words and words[0].startswith("-"):
            words = words[1:]
    return words
