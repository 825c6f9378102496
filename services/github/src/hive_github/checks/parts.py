"""Checks where each task has a pull request: which of them stand on which head. Pure.

what a task became     on the head of its own
a gate of the mission  on every head that has all of its task: it judged all tasks together
"""

from collections.abc import Iterable

import msgspec

from hive_contracts.github.check import CheckPlace
from hive_github.checks.run import Run
from hive_github.deciders.pull_requests import PullRequests
from hive_github.pulls.story import Story, of_part


def on_parts(runs: Iterable[Run], story: Story, pulls: PullRequests) -> list[Run]:
    """`runs`: as the mission's own branch would show them."""
    own: dict[str, str] = {}
    """By the tip that a task's work became: the head that has it."""
    whole: list[str] = []
    for part, pull in pulls.parts.items():
        told = of_part(story, part, pulls.part_of_round)
        if not pull.pushed:
            continue
        for change in told.changes:
            own[change.new.commit] = pull.pushed
            if change.new.commit == pull.held:
                break
        if pull.held == told.newest:
            whole.append(pull.pushed)
    found: dict[CheckPlace, Run] = {}
    for run in runs:
        if run.gate:
            if story.tip is not None and run.place.head == story.tip.commit:
                found |= {each.place: each for each in _together(run, whole)}
        elif head := own.get(run.place.head):
            place = CheckPlace(run.place.external_id, head)
            found[place] = msgspec.structs.replace(run, place=place)
    return list(found.values())


def _together(run: Run, heads: Iterable[str]) -> Iterable[Run]:
    note = f"Judged on `{run.place.head[:12]}`, where the work of all tasks of the mission is."
    for head in heads:
        place = CheckPlace(run.place.external_id, head)
        yield msgspec.structs.replace(run, place=place, summary=f"{note}\n\n{run.summary}")
