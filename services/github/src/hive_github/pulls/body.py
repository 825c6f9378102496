"""A pull request's title and body. Pure.

The hive's part stands between two marks and is written anew when something changes; what people
write around it stays. Texts of others are shown as text: they mention nobody and close nothing.
"""

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hive_contracts.outcome import GateResult, Usage
from hive_github.deciders.rounds import Rounds
from hive_github.pulls.story import Judged, Story, Work

BEGIN: Final = "<!-- hive:begin -->"
END: Final = "<!-- hive:end -->"
MAX_TITLE: Final = 120
MAX_SHOWN: Final = 50
"""Rows of a table; the rest is counted."""
MAX_BODY: Final = 60_000
"""Characters; GitHub takes 65,536."""
MAX_OBJECTIVE: Final = 4_000

_MARK: Final = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
_REFERRING: Final = re.compile(r"#|\bGH(?=-)|/(?:issues|pull)(?=/)", re.IGNORECASE)
"""What makes a reference to an issue of the text behind it."""
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")


def title_of(story: Story) -> str:
    """The first line of the objective, or of what was asked, else the mission's name."""
    # A stranger's words land in a commit's message by the merge, where `fixes #1` closes another.
    title = _REFERRING.sub("\\g<0>\u200b", story.origin.title) if story.origin else ""
    texts = (title, story.objective, story.ask)
    if story.part:
        # All tasks have the same issue and objective. A prompt may hold a stranger's words, too.
        texts = (_REFERRING.sub("\\g<0>\u200b", story.ask), title, story.objective)
    for text in texts:
        lines = text.strip().splitlines()
        if lines and (line := " ".join(lines[0].split())):
            line = line.rstrip(".")
            return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1].rstrip() + "…"
    return story.name


def section(
    story: Story,
    traceparent: str,
    rounds: Rounds = Rounds(),  # noqa: B008
    recovered: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> str:
    """The hive's part of the body, with its marks.

    `recovered`: why checks that have passed then were run again, by commit and name.
    """
    parts = [BEGIN]
    if story.origin is not None:
        # GitHub closes it with the merge. What others wrote there stands there.
        parts.append(f"{'Closes' if story.closes else 'Part of'} {_reference(story)}")
    elif story.objective:
        parts.append(_quoted(story.objective[:MAX_OBJECTIVE]))
    parts.append(_standing(story))
    if story.part:
        parts.append(_one_of(story))
    if rounds.last:
        parts.append(_rounds(rounds))
    if recovered:
        parts.append(_recovered(recovered))
    if story.works:
        parts.append(_works(story.works))
    parts += [
        _gates(work.judged, f"Gates of {plain(work.name)}")
        for work in story.works
        if story.part and work.judged is not None
    ]
    if story.judged is not None:
        parts.append(_gates(story.judged))
    if story.approvals:
        said = (f"{plain(each.gate)} by {plain(each.by)}" for each in story.approvals[:MAX_SHOWN])
        parts.append("Approved by people: " + ", ".join(said) + ".")
    parts.append(_foot(story, traceparent))
    text = "\n\n".join(parts)
    return f"{text[: MAX_BODY - len(END) - 2]}\n{END}"


def within(body: str, section: str) -> str:
    """A body with the hive's part in place of its former one, or before what is there."""
    if _MARK.search(body):
        return _MARK.sub(lambda _: section, body, count=1)
    return f"{section}\n\n{body}" if body.strip() else section


def section_in(body: str) -> str:
    """The hive's part as it stands in a body; empty where somebody took it out."""
    found = _MARK.search(body.replace("\r\n", "\n"))
    return found[0] if found else ""


def digest_of(section: str) -> str:
    return hashlib.sha256(section.encode()).hexdigest()


def plain(text: str) -> str:
    """Somebody's text in one line, as text: no markup, no mention, no reference to an issue."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line).replace("@", "@\u200b")


def _reference(story: Story) -> str:
    """The issue; `#7` where it is of the same repository."""
    assert story.origin is not None
    repository, _, number = story.origin.issue.rpartition("#")
    same = story.wish is None or story.wish.repository.lower() in ("", repository.lower())
    return f"#{number}" if same else f"{repository}#{number}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {plain(line)}" for line in text.strip().splitlines())


def _standing(story: Story) -> str:
    match story.outcome:
        case "open" if story.round:
            return f"**At work** on what came back: round {story.round}."
        case "failed" if story.round:
            return f"**Round {story.round} has failed:** {plain(story.reason)}"
        case "open":
            return "**At work.** This is a draft until all gates have passed."
        case "succeeded":
            return "**All gates have passed.**"
        case "failed" | "refused":
            return f"**The mission has failed:** {plain(story.reason)}"
        case "cancelled":
            return f"**The mission was cancelled.** {plain(story.reason)}".rstrip()


def _rounds(rounds: Rounds) -> str:
    """What came back, from whom, and what was done."""
    rows = ["| round | what came back | what was done |", "|---|---|---|"]
    for asked, end in rounds.done[-MAX_SHOWN:]:
        match end.outcome:
            case "pushed":
                done = f"✓ mended in {end.commit}"
            case "unchanged":
                done = "– nothing was changed"
            case "failed":
                done = "✗ it failed"
            case "declined":
                done = "✗ it was not taken up"
        said = f"{done}: {plain(end.reason[:300])}" if end.reason else done
        rows.append(f"| {asked.round} | {plain(asked.title[:300])} | {said} |")
    if rounds.open is not None:
        rows.append(f"| {rounds.open.round} | {plain(rounds.open.title[:300])} | … |")
    return "### What came back\n" + "\n".join(rows)


def _recovered(recovered: Mapping[tuple[str, str], str]) -> str:
    """So that nobody takes what was run until it was green for what was green at once."""
    rows = ["| check | on | why it was run again |", "|---|---|---|"]
    for (head, check), why in list(recovered.items())[-MAX_SHOWN:]:
        rows.append(f"| {plain(check[:200])} | `{head[:12]}` | {plain(why[:300])} |")
    return "### Passed when they were run once more\n" + "\n".join(rows)


def _works(works: tuple[Work, ...]) -> str:
    rows = ["| task | attempts | changed |", "|---|---|---|"]
    for work in works[:MAX_SHOWN]:
        changed = f"{work.files} files +{work.insertions} −{work.deletions}" if work.files else "–"
        mark = {"": "…", "succeeded": "✓", "failed": "✗", "cancelled": "–"}[work.outcome]
        rows.append(f"| {mark} {plain(work.name)} | {work.attempts} | {changed} |")
    more = f"\n\nand {len(works) - MAX_SHOWN} more" if len(works) > MAX_SHOWN else ""
    return "### What was done\n" + "\n".join(rows) + more


def _one_of(story: Story) -> str:
    """Which task of the mission it is, and what it is based on."""
    said = f"This is what the task {plain(story.part)} changed, one of {len(story.parts)}."
    if not story.needs:
        return said
    needs = ", ".join(plain(each) for each in story.needs[:MAX_SHOWN])
    return f"{said} It is based on {needs}, which has to be merged first."


def _gates(judged: Judged, title: str = "Gates") -> str:
    rows = ["| gate | result |", "|---|---|"]
    rows += [
        f"| {plain(result.name)} | {'✓' if result.passed else '✗'} {_result(result)} |"
        for result in judged.results[:MAX_SHOWN]
    ]
    return (
        f"### {title}\nRun by the hive in a clean checkout of `{judged.commit[:12]}`.\n\n"
        + "\n".join(rows)
    )


def _result(result: GateResult) -> str:
    said = [] if result.exit_code is None else [f"exit {result.exit_code}"]
    if result.tally is not None:
        tally = result.tally
        said.append(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    if result.reason:
        said.append(plain(result.reason[:300]))
    return "; ".join(said)


def _foot(story: Story, traceparent: str) -> str:
    said = [f"Mission `{story.name}`", cost_of(story.usage)]
    parts = traceparent.split("-")
    if len(parts) == 4:
        said.append(f"trace `{parts[1]}`")
    return "<sub>" + " · ".join(part for part in said if part) + "</sub>"


def cost_of(usage: Usage) -> str:
    """What agents used. Billed, estimated and unknown amounts are never mixed."""
    said = []
    tokens = usage.input_tokens + usage.output_tokens
    if tokens:
        said.append(f"{tokens:,} tokens")
    if usage.billed_usd:
        said.append(f"${usage.billed_usd:.2f} billed")
    if usage.estimated_usd:
        said.append(f"≈ ${usage.estimated_usd:.2f} at list prices, estimated")
    if usage.unpriced:
        runs = "1 run" if usage.unpriced == 1 else f"{usage.unpriced} runs"
        said.append(f"{runs} of unknown cost")
    return ", ".join(said)
