"""Whether a pull request may be merged now, and if not, what it waits for. Pure.

The repository's rules are GitHub's to judge, and it refuses by itself. What is judged here is what
it would not refuse: a head that the mission's gates have not judged, somebody's objection, and
checks that nobody has made required.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

Method = Literal["merge", "squash", "rebase"]
METHODS: Final[tuple[Method, ...]] = ("merge", "squash", "rebase")
MAX_NAMED: Final = 5
MOST_LEFT: Final = 2
"""So many times the queue may let go of a head; then a person has to look."""

_ALLOWED: Final[dict[Method, str]] = {
    "merge": "allow_merge_commit",
    "squash": "allow_squash_merge",
    "rebase": "allow_rebase_merge",
}


class Standing(msgspec.Struct, frozen=True):
    """The pull request as GitHub shows it at one moment."""

    head: str
    draft: bool = False
    state: str = "unknown"
    """GitHub's word: clean, has_hooks, unstable, blocked, behind, dirty, draft or unknown."""
    base: str = ""
    objecting: tuple[str, ...] = ()
    """Logins whose last review requests changes."""
    going: tuple[str, ...] = ()
    """Others' checks and statuses that are not completed."""
    red: tuple[str, ...] = ()
    """Others' checks and statuses that failed."""
    queued: bool = False
    left: int = 0
    """How many times the merge queue has let go of this head, unmerged."""
    missing: tuple[str, ...] = ()
    """Checks that the base's rules want, and of which nothing is there."""
    until: str = ""
    """A moment before which checks may still begin; empty where it is past, or none is awaited."""


class Wait(msgspec.Struct, frozen=True):
    reason: str


class Merge(msgspec.Struct, frozen=True):
    pass


class Enqueue(msgspec.Struct, frozen=True):
    pass


class Queued(msgspec.Struct, frozen=True):
    """It is in the queue already."""


Step = Wait | Merge | Enqueue | Queued


def judge(seen: Standing, judged: str, how: Literal["when_green", "queue"]) -> Step:
    """`judged`: the commit that passed the mission's gates."""
    if seen.head != judged:
        return Wait(
            f"its head is {seen.head[:12]}, and the hive judged {judged[:12]}: somebody pushed, "
            "and what they pushed is theirs to merge"
        )
    if seen.draft or seen.state == "draft":
        return Wait("it is a draft")
    if seen.objecting:
        return Wait(f"changes are requested by {_some(seen.objecting)}")
    if seen.red:
        return Wait(f"checks have failed: {_some(seen.red)}")
    if seen.going:
        return Wait(f"checks are not completed: {_some(seen.going)}")
    match seen.state:
        case "dirty":
            return Wait(f"it conflicts with {seen.base}")
        case "unknown":
            return Wait("GitHub works out whether it can be merged")
    step = _queued(seen) if how == "queue" else _merged(seen)
    if seen.until and isinstance(step, Merge | Enqueue):
        return Wait(
            f"checks may still begin, until {seen.until}: the rules of {seen.base} name none that"
            " is required"
        )
    return step


def _merged(seen: Standing) -> Step:
    if seen.missing:
        # GitHub would not wait for them where the hive may bypass the rules.
        return Wait(f"required checks have not begun: {_some(seen.missing)}")
    match seen.state:
        case "behind":
            return Wait(f"the repository wants it up to date with {seen.base} first")
        case "blocked":
            return Wait("the repository's rules: a review or a required check is missing")
    return Merge()


def _queued(seen: Standing) -> Step:
    """The queue lets go of what its own checks refuse, whose outcome the head does not show."""
    if seen.queued:
        return Queued()
    if seen.left >= MOST_LEFT:
        return Wait(
            f"it has left the merge queue {seen.left} times with {seen.head[:12]}: see there which"
            " of its checks failed, then push what mends it, or put it in again by hand"
        )
    return Enqueue()


def allowed(repository: Mapping[str, object]) -> tuple[Method, ...]:
    """Ways to merge that the repository has, in the order in which they are tried."""
    return tuple(how for how in METHODS if repository.get(_ALLOWED[how], True))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(sorted(set(names))[:MAX_NAMED]) + more
