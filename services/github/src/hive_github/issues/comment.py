"""The comment that shows how a mission stands, kept on its issue. Pure.

It begins with a mark by which it is found again. Texts of others are shown as text. No line of it
begins with a command, so it can never be taken for one.
"""

from typing import Final

from hive_contracts.github.issue import VERBS
from hive_github.issues.look import MARKER
from hive_github.issues.standing import Standing, Waiting
from hive_github.pulls.body import cost_of, plain

MAX_SHOWN: Final = 20
"""Tasks and questions; the rest is counted."""
MAX_TEXT: Final = 500
MAX_ANSWER: Final = 1500
MAX_COMMENT: Final = 60_000
"""Characters; GitHub takes 65,536."""

_MARKS: Final = {"": "…", "succeeded": "✓", "failed": "✗", "cancelled": "–"}


def marker_of(mission_id: str) -> str:
    return f"{MARKER}mission {mission_id} -->"


def answer_marker(ask: str) -> str:
    return f"{MARKER}answer {ask} -->"


def answer(ask: str, by: str, why: str) -> str:
    """Why something that somebody asked for is not done."""
    return f"{answer_marker(ask)}\n{plain(by)}: {_spoken(' '.join(why.split())[:MAX_ANSWER])}"


def _spoken(text: str) -> str:
    """Words of ours with what others wrote among them: code stays code, all else is text."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return plain(text)
    return "`".join(p if n % 2 else _kept_apart(p) for n, p in enumerate(pieces))


def _kept_apart(text: str) -> str:
    """As text, with the spaces at its ends."""
    start, end = " " * text.startswith(" "), " " * (text.endswith(" ") and bool(text.strip()))
    return f"{start}{plain(text)}{end}"


def usage(said: str) -> str:
    known = ", ".join(f"`/hive {verb}`" for verb in VERBS)
    shown = said.replace("`", "'")
    what = f"`/hive {shown}` is no command" if said else "`/hive` alone is no command"
    return f"{what}; there are {known}"


def comment(mission_id: str, standing: Standing, pull: str) -> str:
    """`pull` is the pull request as GitHub links it, such as `#12`, or a list of several; empty
    while there is none.
    """
    story = standing.story
    parts = [marker_of(mission_id), f"**Mission `{story.name}`** {_state(standing)}"]
    if pull:
        several = pull.startswith("\n")
        parts.append(f"Pull requests:\n{pull}" if several else f"Pull request: {pull}")
    if standing.waiting:
        parts.append(_waits(standing.waiting))
    if story.works:
        rows = ["| task | attempts | changed |", "|---|---|---|"]
        for work in story.works[:MAX_SHOWN]:
            changed = (
                f"{_files(work.files)} +{work.insertions} −{work.deletions}" if work.files else "–"
            )
            rows.append(
                f"| {_MARKS[work.outcome]} {plain(work.name)} | {work.attempts} | {changed} |"
            )
        parts.append("\n".join(rows))
        if len(story.works) > MAX_SHOWN:
            parts.append(f"and {len(story.works) - MAX_SHOWN} more tasks")
    if story.judged is not None:
        gates = (
            f"{'✓' if result.passed else '✗'} {plain(result.name)}"
            for result in story.judged.results[:MAX_SHOWN]
        )
        parts.append(f"Gates at `{story.judged.commit[:12]}`: " + ", ".join(gates))
    parts.append(_foot(standing))
    return "\n\n".join(parts)[:MAX_COMMENT]


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _state(standing: Standing) -> str:
    story = standing.story
    match story.outcome:
        case "succeeded":
            return "has succeeded: all gates have passed."
        case "failed":
            return f"has failed: {_short(story.reason)}"
        case "refused":
            return f"was refused, nothing was begun: {_short(story.reason)}"
        case "cancelled":
            return "was cancelled" + (f" {_short(story.reason)}." if story.reason else ".")
        case "open":
            pass
    if standing.paused:
        return f"is paused: {_short(standing.paused)}. `/hive resume` lets it go on."
    if standing.waiting:
        return "waits for a person."
    return "is at work."


def _waits(waiting: tuple[Waiting, ...]) -> str:
    rows = []
    for each in waiting[:MAX_SHOWN]:
        if each.kind == "question":
            rows.append(f"- its agent asks: {_short(each.text)} (answer with `hive answer`)")
            continue
        whose = f", by {', '.join(map(plain, each.by))}" if each.by else ""
        rows.append(
            f"- {_short(each.text)} (`/hive approve {each.name}` or `/hive reject {each.name}`"
            f"{whose})"
        )
    more = len(waiting) - MAX_SHOWN
    return "\n".join([*rows, *([f"- and {more} more"] if more > 0 else [])])


def _foot(standing: Standing) -> str:
    story, origin = standing.story, standing.origin
    said = []
    if origin is not None and origin.by:
        said.append(f"for {plain(origin.by.partition(':')[2])}")
    if story.repository is not None:
        said.append(f"from {plain(story.repository.branch)}@`{story.repository.base[:7]}`")
    said.append(cost_of(story.usage))
    if standing.has_ended:
        said.append(f"`hive why {story.name}` tells more")
    else:
        said.append("`/hive status`, `/hive pause`, `/hive cancel` by who may write here")
    return "<sub>" + " · ".join(part for part in said if part) + "</sub>"


def _short(text: str) -> str:
    return plain(text[:MAX_TEXT]) + ("…" if len(text) > MAX_TEXT else "")
