"""How a phase goes: in what order, past what, and back to where."""

from collections.abc import Callable, Mapping

import msgspec

from hive_contracts.budget import Budget
from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import BudgetEntry, NotifyEntry, PhaseEntry
from hive_contracts.files.reading import Path, Places
from hive_contracts.pathspecs import MAX_PATTERN, fault
from hive_contracts.plan import (
    MAX_PATHS,
    MAX_ROUNDS,
    WEBHOOK,
    Notify,
    Phase,
)


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
    if WEBHOOK.fullmatch(entry.webhook) is None:
        raise FileProblem(
            "the webhook is no URL of http or https",
            places.of("notify", "webhook"),
            "write https://host/path",
        )
    return Notify(entry.webhook, tuple(dict.fromkeys(entry.when)))


def budget_of(entry: BudgetEntry | None, places: Places) -> Budget | None:
    """Raises FileProblem."""
    if entry is None:
        return None
    written = {"usd": entry.usd, "tokens": entry.tokens, "wall": entry.wall}
    for key, value in written.items():
        if value == 0:
            raise FileProblem(
                f"a cap of 0 on {key} lets nothing begin",
                places.of("budget", key),
                "leave it out, or write how much",
            )
    if not any(written.values()):
        raise FileProblem(
            "the budget caps nothing", places.of("budget"), "give it usd, tokens or wall"
        )
    return Budget(
        float(entry.usd or 0), int(entry.tokens or 0), float(entry.wall or 0),
        float(entry.warn or 0),
    )  # fmt: skip
