"""What agents may do, and what they ask people: values of plans, events and leases."""

from typing import Final, Literal

import msgspec

MAX_QUESTION: Final = 4_096
"""Characters of a question; longer ones are cut, and say so."""
MAX_OPTIONS: Final = 20
MAX_OPTION: Final = 100
"""Characters of one of the answers that a question offers."""
MAX_ANSWER: Final = 4_000
"""Characters of an answer."""
MAX_QUESTIONS: Final = 10
"""That a task may ask by ending its turn; the next one fails the attempt."""
ALLOW: Final = "allow"
DENY: Final = "deny"

Ruling = Literal["allow", "deny", "ask"]


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent may do: one line of `permissions`."""

    what: str
    """`read`, `edit`, `run`, `fetch`, `*` for all else, or `run:PATTERN` for a command line."""
    ruling: Ruling


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent asks a person."""

    text: str
    options: tuple[str, ...] = ()
    """The only answers that there are; empty takes any text."""


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question of an earlier turn, and its answer."""

    question: str
    text: str
    by: str


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a question that an attempt waits for at work."""

    task_id: str
    epoch: int
    question: str
    """Its id."""
    text: str
