"""For whom GitHub is asked: said where work begins, and true for all that is asked on its way.

    a slash command, a button, `hive pr`, the doctor   person      somebody waits for the answer
    pushed, opened, merged, judged                     work        a mission waits to go on
    comments, checks, looks from time to time          background  nobody does

Whatever asks does not have to know who wants it: a repository is looked at for each of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from hive_github.api.limits import URGENCIES, Urgency

_urgency: ContextVar[Urgency] = ContextVar("urgency", default="background")


def urgency() -> Urgency:
    """Of what is done right now."""
    return _urgency.get()


@contextmanager
def waited_for(by: Urgency) -> Iterator[None]:
    """What is asked in this block is at least so urgent."""
    before = _urgency.get()
    token = _urgency.set(max(before, by, key=URGENCIES.index))
    try:
        yield
    finally:
        _urgency.reset(token)
