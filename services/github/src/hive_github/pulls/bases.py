"""Where a task's branch begins. Pure.

it needs nothing                     at the commit that the mission started from
it needs one that is open            at that one's branch, and is to be merged into it
all that it needs is merged          at the newest of the branch that those were merged into
it needs several that are open       later, once all but one are merged
"""

from collections.abc import Iterable

import msgspec

from hive_github.deciders.pull_request import PullRequest
from hive_github.deciders.pull_requests import PullRequests
from hive_github.pulls.story import Story
from hive_github.pulls.stuck import Stuck


class Later(Exception):
    """Others come first: it is looked at again when one of them is merged."""


class Base(msgspec.Struct, frozen=True):
    part: str = ""
    """The task whose branch it is; empty is the branch that all are to be merged into."""
    is_moved: bool = False
    """Whether what was merged there since the mission started is needed."""


def base_of(story: Story, all: PullRequests) -> Base:
    """Raises Later, Stuck."""
    open: list[str] = []
    for need in story.needs:
        pull = all.of(need)
        if pull.state == "closed":
            raise Stuck(
                f"{story.part} is based on {need}, whose pull request was closed",
                f"open that again, then: hive pr {story.name}",
            )
        if pull.state == "merged":
            continue
        if pull.opened is None:
            raise Later
        open.append(need)
    if len(open) > 1:
        raise Later
    if open:
        return Base(open[0])
    names = [part.name for part in story.parts]
    before = [all.of(name) for name in names[: names.index(story.part)]]
    # What was merged meanwhile may be in the same places.
    all_there = bool(before) and all_merged(before)
    return Base(is_moved=bool(story.needs) or all_there)


def all_merged(pulls: Iterable[PullRequest]) -> bool:
    return all(each.state == "merged" for each in pulls)
