"""What GitHub's checks and statuses of one name come to. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hive_contracts.outcome import MAX_TAIL, GateResult

GOOD: Final = frozenset({"success", "neutral", "skipped"})
MAX_SHOWN: Final = 20
"""Annotations that a failure tells of."""


class Said(msgspec.Struct, frozen=True):
    """One check run or status, by its newest word."""

    name: str
    conclusion: str
    """Empty while it is not completed."""
    number: int = 0
    """Of a check run; 0 of a status."""
    title: str = ""
    text: str = ""
    url: str = ""
    app: str = ""
    """Whose check run it is."""

    @property
    def is_good(self) -> bool:
        return self.conclusion in GOOD


def said_by_run(told: Any) -> Said:
    """A check run, as REST shows it."""
    output = told.get("output") or {}
    parts = (output.get("summary"), output.get("text"))
    return Said(
        told["name"],
        (told.get("conclusion") or "failure") if told["status"] == "completed" else "",
        told["id"],
        output.get("title") or "",
        "\n\n".join(part.strip() for part in parts if part),
        told.get("html_url") or told.get("details_url") or "",
        (told.get("app") or {}).get("slug") or "",
    )


def said_by_status(told: Any) -> Said:
    """A commit status, as REST shows it."""
    state = told["state"]
    return Said(
        told["context"],
        "" if state == "pending" else state,
        0,
        told.get("description") or "",
        "",
        told.get("target_url") or "",
    )


def of_name(name: str, said: Iterable[Said]) -> tuple[Said, ...]:
    return tuple(each for each in said if each.name == name)


def verdict(
    gate: str, check: str, commit: str, said: Sequence[Said], more: Sequence[str] = ()
) -> GateResult | None:
    """None while one is missing or not completed. `more`: lines that explain a failure."""
    if not said or any(not each.conclusion for each in said):
        return None
    bad = [each for each in said if not each.is_good]
    if not bad:
        return GateResult(gate, passed=True, command=check, commit=commit)
    reason = f"GitHub's check {check!r} says {bad[0].conclusion} on {commit[:12]}"
    if bad[0].url:
        reason += f": {bad[0].url}"
    lines = [each.title for each in bad if each.title]
    lines += list(more)[:MAX_SHOWN]
    lines += [each.text for each in bad if each.text]
    tail = "\n".join(lines).replace("\0", "")
    return GateResult(
        gate, passed=False, command=check, reason=reason, tail=tail[:MAX_TAIL], commit=commit
    )
