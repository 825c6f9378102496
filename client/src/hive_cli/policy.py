"""`hive policy`: what follows where an error budget is used up."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from google.protobuf.json_format import MessageToDict

from hive_cli.exits import Exit
from hive_cli.harmless import harmless
from hive_cli.postmortem import moment
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive, tell_hive
from hive_contracts.files.policy import parse_policy
from hive_contracts.files.reading import duration_of
from hive_contracts.slo.objective import in_folder
from hive_contracts.v1 import operations_pb2
from hive_shared.settings import ClientSettings, load


@click.group("policy")
def policy_command() -> None:
    """What follows from used-up error budgets: check, show, override."""


@policy_command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@verb
def check_command(file: Path | None, as_json: bool) -> int:
    """Read the policy and say what is wrong; needs no hive."""
    settings = load(ClientSettings)
    path = file or settings.policy_path
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            f"it cannot be read: {error}", code="invalid", where=str(path),
            remedy="without one, nothing follows from used-up budgets",
        ) from error  # fmt: skip
    names = {each.name for each in in_folder(settings.slo_path)}
    policy = parse_policy(text, str(path), names)
    if as_json:
        states = [state.name for state in policy.states]
        print(json.dumps({"where": str(path), "enforce": policy.enforce, "states": states}))
        return Exit.SUCCESS
    click.echo(f"✓ {path}  {'enforced' if policy.enforce else 'a dry run'}")
    for state in policy.states:
        shown = operations_pb2.Restraints(
            slots_share=state.slots_share,
            slots_most=state.slots_most,
            approve=state.approve,
            freeze_landing=state.freeze_landing,
        )
        budgets = " or ".join(f"{each.objective} ≤ {each.left:.0%}" for each in state.budgets)
        click.echo(
            f"  {state.name}: {budgets}, until {state.until:.0%}: {_demands(shown, state.pin)}"
        )
    return Exit.SUCCESS


@policy_command.command("show")
@verb
def show_command(as_json: bool) -> int:
    """Which states the hive is in, why, and what is in force."""
    report = ask_hive(lambda hive: hive.operations.policy())
    if as_json:
        print(json.dumps(MessageToDict(report, preserving_proto_field_name=True)))
    else:
        click.echo("\n".join(map(harmless, _shown(report))))
    return Exit.SUCCESS


@policy_command.command("override")
@click.option("--for", "length", default="", help="For how long: 30m, 2h, 1d; at most 7d.")
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--end", is_flag=True, help="End an override now.")
@verb
def override_command(length: str, reason: str, end: bool, as_json: bool) -> int:
    """Let all go on for a while, whatever the policy demands."""
    if end == bool(length):
        raise Problem(
            "say either how long it is to last, or that it is to end", code="invalid",
            where="--for", remedy='hive policy override --for 2h --reason "…", or --end',
        )  # fmt: skip
    seconds = 0.0 if end else duration_of(length)
    if seconds is None or (not end and not seconds):
        raise Problem(
            f"{length!r} is no duration", code="invalid", where="--for",
            remedy="write such as 30m, 2h, 1d",
        )  # fmt: skip
    answer = tell_hive(
        "policy override", lambda hive: hive.operations.override_policy(float(seconds), reason)
    )
    if as_json:
        print(json.dumps({"result": "told", "exit": 0, "position": answer.position}))
    elif end:
        click.echo("no override any more" if answer.position else "there was none")
    else:
        click.echo(f"nothing is demanded until {moment(answer.report.override_until_ms)}")
    return Exit.SUCCESS


def _shown(report: operations_pb2.PolicyReport) -> Iterator[str]:
    if report.problem:
        yield f"✗ {report.problem}"
    if not report.states:
        yield "nothing follows from used-up budgets: there is no policy (docs/health.md)"
        return
    if report.override_by:
        until = moment(report.override_until_ms)
        yield f"overridden by {report.override_by} until {until}: {report.override_reason}"
    demanded = report.in_force if report.enforced else report.would
    begin = "in force" if report.enforced else "a dry run; it would demand"
    yield f"{begin}: {_demands(demanded)}"
    for state in report.states:
        since = f"since {moment(state.entered_ms)}" if state.entered_ms else "not entered"
        mark = "●" if state.entered_ms else "○"
        yield f"  {mark} {state.name}  {since}: {_demands(state.demands, state.pins)}"
        for pin in state.demands.pins:
            yield f"      pinned: {_pin(pin)}"
        for each in state.because:
            yield f"      {each.name}: {_left(each)}"


def _left(each: operations_pb2.BudgetSeen) -> str:
    if not each.HasField("left"):
        return "nothing happened yet"
    found = f"{each.left:.0%} left" if each.left >= 0 else f"overdrawn by {-each.left:.0%}"
    return f"{found}, surely at most {max(0.0, each.surely_left):.0%} left"


def _pin(pin: operations_pb2.Pin) -> str:
    old, new = pin.to or "its default", pin.instead_of or "its default"
    return f"{pin.mission}/{pin.phase} · {pin.profile}: {pin.what} {old}, not {new}"


def _demands(restraints: operations_pb2.Restraints, pins: Iterable[str] = ()) -> str:
    found = []
    if restraints.slots_share < 1:
        found.append(f"{restraints.slots_share:.0%} of the slots")
    if restraints.slots_most:
        found.append(f"at most {restraints.slots_most} slots")
    if restraints.approve:
        found.append("people approve each merge")
    if restraints.freeze_landing:
        found.append("nothing is landed")
    if pinned := [*(pins or sorted({pin.what for pin in restraints.pins}))]:
        found.append(f"what became worse keeps its old {' and '.join(pinned)}")
    return ", ".join(found) or "nothing"
