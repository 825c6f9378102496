"""`hive gate check`: is a gate green here, and red where it should be?

A gate that can never be red proves nothing. It is run on HEAD, and then on something that is known
to be bad: a commit of the person's choice, or HEAD with failing tests, then with broken sources.
All of it in a temporary checkout; no hive needs to be up.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from hive_cli import seen_red
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.sabotage import ways
from hive_cli.trial import Found, Trial, trial
from hive_client.checkout import Checkout, git, read_checkout
from hive_contracts.files.reading import nearest
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_contracts.plan import CommandGate
from hive_shared.settings import ClientSettings, RunnerSettings, load
from hive_shared.worktree import WorktreeProblem


class Step(msgspec.Struct, frozen=True):
    """A gate, run on one state of the files."""

    gate: str
    on: str
    """What it was run on, for people."""
    wanted: bool
    """Whether it should pass there."""
    found: Found


@click.group("gate")
def gate_command() -> None:
    """Gates: check."""


@gate_command.command("check")
@click.argument("name", required=False, default="")
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository (default: here).",
)
@click.option("--bad", default="", help="A commit that the gate must refuse.")
@verb
def check_command(name: str, repo: Path, bad: str, as_json: bool) -> int:
    """See gates pass on HEAD, and be red once on what is known to be bad.

    Of .hive/repo.yaml as it is committed: one gate, or all. Without --bad, HEAD is made worse on
    purpose, in a temporary checkout: by a failing test in each test file, then by broken sources.
    What was seen is noted: `hive run` warns of gates that were never seen red.
    Exit status: 0 each gate was seen to pass and to be red, 1 one was not.
    """
    checkout = read_checkout(repo)
    gates = _chosen(checkout, name)
    commit = _commit(checkout, bad) if bad else ""
    good: set[str] = set()
    red: dict[str, str] = {}
    with trial(checkout, os.environ, load(RunnerSettings).ports) as there:
        for step in _steps(there, checkout, gates, commit):
            seen = step.found.passed is step.wanted
            if seen and step.wanted:
                good.add(step.gate)
            elif seen:
                red[step.gate] = step.on
            click.echo(_as_json(step) if as_json else _line(step))
            if not as_json and step.wanted and not seen:
                click.echo(_indented(step.found.excerpt))
    proven = all(gate.name in good and gate.name in red for gate in gates)
    not_noted = _note(checkout, gates, good, red)
    if as_json:
        print(json.dumps({"result": "proven" if proven else "unproven", "exit": int(not proven)}))
    else:
        for gate in gates:
            click.echo(_verdict(gate.name, gate.name in good, gate.name in red))
    if not_noted:
        click.echo(f"not noted for `hive run`: {not_noted}", err=True)
    return Exit.SUCCESS if proven else Exit.FAILED


def _note(checkout: Checkout, gates: list[CommandGate], good: set[str], red: dict[str, str]) -> str:
    """So that `hive run` need not warn of them; answers why that could not be, or nothing."""
    data, now = load(ClientSettings).data, datetime.now(UTC)
    try:
        for gate in gates:
            if gate.name in good and gate.name in red:
                seen_red.note(data, gate, checkout, red[gate.name], now)
            else:
                seen_red.forget(data, gate, checkout)
    except OSError as error:
        return str(error)
    return ""


def _steps(there: Trial, checkout: Checkout, gates: list[CommandGate], bad: str) -> Iterator[Step]:
    """All gates on HEAD, then those that pass there on what is bad, until each was red."""
    there.check_out(checkout.commit)
    _set_up(there, checkout.commit)
    bases: dict[str, Found] = {}
    for gate in gates:
        there.check_out(checkout.commit)
        bases[gate.name] = there.run(gate)
        yield Step(gate.name, f"HEAD {checkout.commit[:7]}", True, bases[gate.name])
    green = [gate for gate in gates if bases[gate.name].passed]
    if bad:
        there.check_out(bad)
        _set_up(there, bad)
        for gate in green:
            there.check_out(bad)
            yield Step(gate.name, f"commit {bad[:7]}", False, there.run(gate, bases[gate.name]))
        return
    for way in ways(there.tracked()):
        for gate in list(green):
            there.check_out(checkout.commit)
            way.apply(there.tree)
            found = there.run(gate, bases[gate.name])
            yield Step(gate.name, f"HEAD with {way.what}", False, found)
            if not found.passed:
                green.remove(gate)


def _set_up(there: Trial, commit: str) -> None:
    try:
        broken = there.set_up()
    except WorktreeProblem as problem:
        raise Problem(str(problem), code="invalid", where=f"commit {commit[:7]}") from problem
    if broken:
        raise Problem(
            broken,
            code="invalid",
            where=f"commit {commit[:7]}",
            remedy=f"correct `setup` in {REPOSITORY_FILE}, or name another commit",
        )


def _chosen(checkout: Checkout, name: str) -> list[CommandGate]:
    known = checkout.file.named_gates
    if name and name not in known:
        raise Problem(
            f"no gate is called `{name}`",
            code="not-found",
            where=f"{REPOSITORY_FILE} of HEAD",
            remedy=nearest(name, known),
        )
    if not known:
        raise Problem(
            f"there are no gates in {REPOSITORY_FILE} of HEAD",
            code="not-found",
            where=str(checkout.path),
            remedy="write such as `gates: {tests: pytest -q}` into it and commit it",
        )
    return [known[name]] if name else list(known.values())


def _commit(checkout: Checkout, bad: str) -> str:
    said = git(
        checkout.path, "rev-parse", "--verify", "-q", "--end-of-options", f"{bad}^{{commit}}",
        check=False,
    )  # fmt: skip
    if said.returncode != 0:
        raise Problem(
            f"{bad!r} is no commit of this repository", code="not-found", where="--bad",
            remedy="name a commit, tag or branch",
        )  # fmt: skip
    return said.stdout.strip()


def _line(step: Step) -> str:
    found = step.found
    mark = "✓" if found.passed else "✗"
    status = "did not end" if found.exit_code is None else f"exit {found.exit_code}"
    tests = f", {len(found.run.tests)} tests" if found.run else ""
    because = f": {found.reason}" if found.reason else ""
    return f"  {step.gate} {mark} {status}{tests} in {found.seconds:.1f} s on {step.on}{because}"


def _verdict(name: str, green: bool, red: bool) -> str:
    if not green:
        return click.style(
            f"✗ {name} does not pass on HEAD: correct it before you rely on it", "red"
        )
    if not red:
        return click.style(
            f"✗ {name} was never seen red: it does not look at what was made worse", "red"
        )
    return click.style(f"✓ {name} passes on HEAD, and was seen red", "green")


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.rstrip().splitlines()[-30:])


def _as_json(step: Step) -> str:
    found = step.found
    body = {
        "gate": step.gate, "on": step.on, "wanted": "pass" if step.wanted else "fail",
        "passed": found.passed, "exit_code": found.exit_code, "reason": found.reason,
        "tests": len(found.run.tests) if found.run else None,
    }  # fmt: skip
    return json.dumps(body)
