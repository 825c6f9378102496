"""Which gates were seen to be red once, by `hive gate check` on this machine.

A note for each gate lies in the hive's data, `gates/<key>.json`: the repository is only read, and
no hive needs to be up. The key is a digest of where the repository is and of what the gate is, its
command, report and comparison; a gate that is changed has to be seen again. A repository is known
by its git directory, which its worktrees share, and by what it was cloned from.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from hive_client.checkout import Checkout, git
from hive_contracts.plan import CommandGate, Phase, Plan

FOLDER: Final = "gates"


class Noted(msgspec.Struct, frozen=True):
    """What is written down; for people, since that it is there says it."""

    gate: str
    run: str
    on: str
    """What it was red on."""
    commit: str
    """Where it passed."""
    at: datetime


class Unseen(msgspec.Struct, frozen=True):
    """Gates of a mission that nobody has seen red, by name."""

    named: tuple[str, ...] = ()
    """In the repository file, where `hive gate check` finds them."""
    of_mission: tuple[str, ...] = ()
    """In the mission alone."""

    def lines(self) -> Iterator[str]:
        if self.named:
            one = f" {self.named[0]}" if len(self.named) == 1 else ""
            yield f"! never seen red: {_few(self.named)} · next: hive gate check{one}"
        if self.of_mission:
            yield (
                f"! never seen red: {_few(self.of_mission)} · hive gate check tries what has a name"
                " in .hive/repo.yaml"
            )


def unseen(data: Path, plan: Plan, checkout: Checkout) -> Unseen:
    """Of the gates that are commands, each once."""
    gates = [gate for phase in plan.phases for gate in _gates(phase)] + [*plan.criteria]
    commands = {gate.name: gate for gate in gates if isinstance(gate, CommandGate)}
    if not commands:
        return Unseen()
    places = _places(checkout)
    red = {
        name
        for name, gate in commands.items()
        if any(_is_there(_path(data, place, gate, checkout)) for place in places)
    }
    left = [gate for name, gate in commands.items() if name not in red]
    return Unseen(
        tuple(gate.name for gate in left if not gate.run),
        tuple(gate.name for gate in left if gate.run),
    )


def note(data: Path, gate: CommandGate, checkout: Checkout, on: str, now: datetime) -> None:
    """It passed on HEAD, and was red on what is worse. Raises OSError."""
    run = _command(gate, checkout)
    noted = msgspec.json.encode(Noted(gate.name, run, on, checkout.commit, now.astimezone(UTC)))
    (data / FOLDER).mkdir(parents=True, exist_ok=True)
    for place in _places(checkout):
        path = _path(data, place, gate, checkout)
        descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(noted)
        Path(half).replace(path)


def forget(data: Path, gate: CommandGate, checkout: Checkout) -> None:
    """It was not red, or does not pass: what was seen before counts no more. Raises OSError."""
    for place in _places(checkout):
        _path(data, place, gate, checkout).unlink(missing_ok=True)


def _gates(phase: Phase) -> Iterator[object]:
    specs = phase.tasks if phase.for_each is None else (phase.for_each.template,)
    for spec in specs:
        yield from spec.gates


def _command(gate: CommandGate, checkout: Checkout) -> str:
    return gate.run or checkout.file.commands.get(gate.name, "")


def _places(checkout: Checkout) -> list[str]:
    if checkout.url:
        return [checkout.url]
    folder = git(checkout.path, "rev-parse", "--git-common-dir").stdout.rstrip("\n")
    origin = git(checkout.path, "config", "--get", "remote.origin.url", check=False).stdout.strip()
    return [str((checkout.path / folder).resolve()), *([origin] if origin else [])]


def _path(data: Path, place: str, gate: CommandGate, checkout: Checkout) -> Path:
    told = (place, _command(gate, checkout), gate.report, gate.compare)
    return data / FOLDER / f"{hashlib.sha256(msgspec.json.encode(told)).hexdigest()}.json"


def _is_there(path: Path) -> bool:
    """What may not be read was not seen."""
    try:
        return path.exists()
    except OSError:
        return False


def _few(names: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
