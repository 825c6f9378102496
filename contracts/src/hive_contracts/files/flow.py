"""How a phase goes: in what order, past what, and back to where."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import NotifyEntry, PhaseEntry
from hive_contracts.files.reading import Path, Places
from hive_contracts.pathspecs import MAX_PATTERN, fault
from hive_contracts.plan import Notify, Phase

MAX_ROUNDS: Final = 20
MAX_PATHS: Final = 50
_URL: Final = re.compile(r"https?://[!-~]{1,2000}")


def with_flow(
    phase: Phase, entry: PhaseEntry, phases: Mapping[str, PhaseEntry], places: Places, path: Path
) -> Phase:
    """The phase with what its entry says of canaries, failures and reviews. Raises FileProblem."""
    if entry.canary < 0 or (entry.canary and entry.for_each is None):
        raise FileProblem(
            "canary says how many items of for_each go first",
            places.of(*path, "canary"),
            "write a number beside for_each, or take it out",
        )
    if entry.rounds is not None and not entry.sends_back_to:
        raise FileProblem(
            "rounds says how often a review may send back",
            places.of(*path, "rounds"),
            "name the phase in sends_back_to, or take it out",
        )
    if entry.rounds is not None and not 1 <= entry.rounds <= MAX_ROUNDS:
        raise FileProblem(
            f"rounds is {entry.rounds}",
            places.of(*path, "rounds"),
            f"write a number from 1 to {MAX_ROUNDS}",
        )
    if entry.sends_back_to:
        before = _before(entry.needs, phases)
        if entry.sends_back_to not in before:
            names = ", ".join(sorted(before)) or "it needs none"
            raise FileProblem(
                f"phase `{phase.name}` does not come after `{entry.sends_back_to}`",
                places.of(*path, "sends_back_to"),
                f"name a phase that it needs: {names}",
            )
    return msgspec.structs.replace(
        phase,
        on_failure=entry.on_failure,
        canary=entry.canary,
        sends_back_to=entry.sends_back_to,
        rounds=1 if entry.rounds is None else entry.rounds,
    )


def _before(needs: tuple[str, ...], phases: Mapping[str, PhaseEntry]) -> set[str]:
    before: set[str] = set()
    found = set(needs)
    while found:
        before |= found
        found = {need for name in found for need in phases[name].needs} - before
    return before


def paths_of(
    levels: tuple[tuple[str, ...] | None, ...],
    plain: Callable[[str], str],
    where: str,
) -> tuple[str, ...]:
    """The paths of the innermost level that says something. Raises FileProblem.

    `plain` is asked for the text of each: it refuses placeholders where nothing fills them.
    """
    paths = next((level for level in levels if level is not None), ())
    if len(paths) > MAX_PATHS:
        raise FileProblem(f"{len(paths)} paths are too many", where, f"use at most {MAX_PATHS}")
    for path in paths:
        if why := fault(path):
            shown = path[:MAX_PATTERN]
            raise FileProblem(f"`{shown}`: {why}", where, "write such as src/**")
    return tuple(map(plain, paths))


def notify_of(entry: NotifyEntry | None, places: Places) -> Notify | None:
    """Raises FileProblem."""
    if entry is None:
        return None
    if _URL.fullmatch(entry.webhook) is None:
        raise FileProblem(
            "the webhook is no URL of http or https",
            places.of("notify", "webhook"),
            "write https://host/path",
        )
    when = tuple(dict.fromkeys(kind for kind in entry.when if kind != "paused"))
    if entry.when and not when:
        raise FileProblem(
            "nothing is paused yet, so nobody would be told",
            places.of("notify", "when"),
            "write needs-you, done, or both",
        )
    return Notify(entry.webhook, when)
