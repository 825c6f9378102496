"""What a mission would do, for `hive run --plan`: pure functions of its statement."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from hive_cli.screen import duration
from hive_cli.seen_red import Unseen
from hive_cli.spending import dollars, tokens
from hive_cli.statement import ANY_AGENT, Statement
from hive_contracts.plan import (
    ApprovalGate,
    Check,
    Commanded,
    CommandGate,
    ForEach,
    Gate,
    GithubCheckGate,
    Globbed,
    HttpGate,
    Item,
    Listed,
    MetricGate,
    Phase,
    Plan,
    TaskSpec,
)

Found = Mapping[str, list[Item]]
"""By phase: what its glob finds now."""
SHOWN: Final = 12
"""Items of one phase; the rest are counted."""
_WIDE: Final = 100
NOTHING: Final = Unseen()


class Bounds(msgspec.Struct, frozen=True):
    """What a mission takes at most, tries that are nobody's fault left out."""

    tasks: int
    attempts: int
    work_seconds: float
    """Of agents and commands, side by side or not."""
    gate_seconds: float
    exact: bool
    """False where a command that has not run yet says how many tasks there are, or a review may
    send some back."""


def bounds(stated: Statement, found: Found) -> Bounds:
    tasks = attempts = 0
    work = gates = 0.0
    # What is sent back takes its time again.
    exact = not any(phase.sends_back_to for phase in stated.plan.phases)
    for phase in stated.plan.phases:
        for spec, times in _times(phase, found):
            exact = exact and not _is_open(phase)
            tasks += times
            attempts += times * spec.retry.attempts
            work += times * spec.retry.attempts * spec.timeouts.run
            gates += times * spec.retry.attempts * _seconds(spec.gates)
    # The criteria run on the base first, and on the merged branch at the end.
    on_base = [gate for gate in stated.plan.criteria if isinstance(gate, Check)]
    gates += _seconds(on_base) + _seconds(stated.plan.criteria)
    return Bounds(tasks, attempts, work, gates, exact)


def preview(stated: Statement, found: Found, unseen: Unseen = NOTHING) -> list[str]:
    """`unseen` are the gates that nobody has seen red."""
    plan, checkout = stated.plan, stated.checkout
    short = f"{checkout.branch or 'detached'}@{checkout.commit[:7]}"
    where = checkout.url or str(checkout.path)
    lines = [f"plan     {stated.what} · base {short} of {where} · nothing is started"]
    lines += _before(stated)
    checks = [gate for gate in plan.criteria if isinstance(gate, Check)]
    if checks:
        lines.append(f"first    on the base: {', '.join(map(_on_base, checks))}")
    for phase in plan.phases:
        lines += _phase(phase, found, stated)
    lines += [f"at end   {_gate(gate, stated)}" for gate in plan.criteria]
    if not plan.criteria:
        lines.append("at end   nothing checks the result")
    lines += [f"         {line}" for line in unseen.lines()]
    lines.append(_at_most(bounds(stated, found)))
    lines.append(_costs(plan))
    lines += [_deadline(plan)] if plan.deadline else []
    lines.append(f"result   {_result(plan)}")
    return lines


def _result(plan: Plan) -> str:
    branch, wish = f"branch hive/{plan.name}-N", plan.pull_request
    if wish is None:
        return f"{branch}, not pushed"
    draft = ", a draft until all gates pass" if wish.draft_until == "success" else ""
    if wish.per == "task":
        return (
            f"a branch hive/{plan.name}-N.TASK and a pull request on {wish.repository} for each"
            f" task that changes something{draft}"
        )
    return f"{branch}, pushed to {wish.repository} with a pull request{draft}"


def as_data(stated: Statement, found: Found, unseen: Unseen) -> dict[str, Any]:
    """The same for programs."""
    file = stated.checkout.file
    return {
        "plan": msgspec.to_builtins(stated.plan),
        "setup": {"run": file.setup_command, "timeout": file.setup_timeout},
        "env": {"pass": list(file.env.pass_), "set": sorted(file.env.set)},
        "gates": file.commands,
        "never_seen_red": [*unseen.named, *unseen.of_mission],
        "items": {phase: [item.value for item in items] for phase, items in found.items()},
        "at_most": msgspec.to_builtins(bounds(stated, found)),
    }


def globs_of(stated: Statement) -> Iterator[tuple[str, Globbed]]:
    """Phases that fan out over a glob."""
    for phase in stated.plan.phases:
        if phase.for_each is not None and isinstance(phase.for_each.source, Globbed):
            yield phase.name, phase.for_each.source


def _before(stated: Statement) -> Iterator[str]:
    plan, file = stated.plan, stated.checkout.file
    if stated.checkout.changed:
        yield "         uncommitted changes are not part of it"
    if stated.checkout.file_is_new:
        yield "         .hive/repo.yaml is not committed and does not count: hive init --commit"
    if file.setup_command:
        yield _cut(
            f"set-up   {file.setup_command}"
            f"   (in each new worktree, at most {duration(file.setup_timeout)})"
        )
    if file.env.pass_ or file.env.set:
        passed = f"passed in: {', '.join(file.env.pass_)}" if file.env.pass_ else ""
        fixed = f"set: {', '.join(sorted(file.env.set))}" if file.env.set else ""
        yield f"env      {' · '.join(part for part in (passed, fixed) if part)}"
    if file.copy:
        yield f"copies   what is ignored and matches {' '.join(file.copy)}"
    yield from (f"waits    for a run of {name} to succeed" for name in plan.prerequisites)
    yield from (f"asks     {gate.text}{_answer(gate)}" for gate in plan.approvals)


def _phase(phase: Phase, found: Found, stated: Statement) -> Iterator[str]:
    after = f" · after {', '.join(phase.needs)}" if phase.needs else ""
    yield f"phase    {phase.name}{after}"
    if phase.on_failure == "continue":
        yield "  goes on without the tasks that fail, unless all of them do"
    if phase.canary:
        yield f"  {phase.canary} go first; then a person is asked   (hive mission approve)"
    if phase.sends_back_to:
        rounds = "once" if phase.rounds == 1 else f"{phase.rounds} times"
        yield f"  where it lists defects, {phase.sends_back_to} is done again, at most {rounds}"
    if phase.for_each is None:
        for spec in phase.tasks:
            yield from _task(spec, stated)
        return
    yield from _items(phase.for_each, found.get(phase.name, []))
    yield from _task(phase.for_each.template, stated)


def _items(for_each: ForEach, found: list[Item]) -> Iterator[str]:
    match for_each.source:
        case Listed(items=items):
            yield _cut(f"  for each of {len(items)} listed: {_names(items)}")
        case Globbed(patterns=patterns):
            said = f"  for each of {len(found)} that {' '.join(patterns)} matches now"
            yield _cut(f"{said}: {_names(found)}" if found else said)
            if not for_each.min <= len(found) <= for_each.max:
                yield f"  ! the phase would fail: {for_each.min} to {for_each.max} are allowed"
        case Commanded(run=run):
            yield _cut(f"  for each of at most {for_each.max} that a command prints: {run}")


def _task(spec: TaskSpec, stated: Statement) -> Iterator[str]:
    needs = f", after {', '.join(spec.needs)}" if spec.needs else ""
    asked = " ".join((spec.prompt or spec.run).split())
    agent = "the only agent that runners have" if spec.agent == ANY_AGENT else spec.agent
    yield _cut(f"  {spec.name}{needs} · {f'prompt to {agent}' if spec.prompt else 'runs'}: {asked}")
    yield (
        f"    {_times_word(spec.retry.attempts)} · at most {duration(spec.timeouts.run)} each,"
        f" {duration(spec.timeouts.silence)} without output"
    )
    if spec.exclusive:
        yield "    no two attempts at work at the same time"
    if spec.on_failure:
        goes_on = "goes on" if spec.on_failure == "continue" else "stops"
        yield f"    where it fails, the mission {goes_on}"
    if spec.paths:
        yield _cut(f"    may change {' '.join(spec.paths)}")
    for gate in spec.gates:
        yield f"    then {_gate(gate, stated)}"


def _gate(gate: Gate, stated: Statement) -> str:
    match gate:
        case CommandGate(name=name, run=run, timeout=timeout):
            command = " ".join((run or stated.checkout.file.commands.get(name, "")).split())
            return _cut(f"{name}: {command}   (at most {duration(timeout)})")
        case ApprovalGate(text=text):
            return f"a person is asked: {text}{_answer(gate)}"
        case HttpGate(url=url, status=status, timeout=timeout):
            return f"{gate.name}: {url} answers {status}   (within {duration(timeout)})"
        case MetricGate(query=query, operator=operator, value=value, timeout=timeout):
            asked = f"{query} {operator} {value:g}"
            return _cut(f"{gate.name}: {asked}   (within {duration(timeout)})")
        case GithubCheckGate(check=check, timeout=timeout):
            return _cut(f"GitHub's check {check} succeeds   (within {duration(timeout)})")


def _on_base(gate: CommandGate | HttpGate | MetricGate) -> str:
    compared = isinstance(gate, CommandGate) and gate.compare
    return f"{gate.name}, to compare with" if compared else f"{gate.name} must pass"


def _answer(gate: ApprovalGate) -> str:
    limit = f", within {duration(gate.timeout)}" if gate.timeout else ""
    return f"   (hive mission approve{limit})"


def _at_most(most: Bounds) -> str:
    about = "" if most.exact else ", with as many items as are allowed and nothing sent back"
    tasks = "1 task" if most.tasks == 1 else f"{most.tasks} tasks"
    return (
        f"at most  {tasks}, {_times_word(most.attempts)} of {duration(most.work_seconds)} in all,"
        f" {duration(most.gate_seconds)} of gates{about}; tries that are"
        " nobody's fault come on top"
    )


def _deadline(plan: Plan) -> str:
    within = duration(plan.deadline)
    return f"deadline {within} from its launch: when it has passed you are told, and it goes on"


def _costs(plan: Plan) -> str:
    budget = plan.budget
    if budget is None:
        specs = [spec for phase in plan.phases for spec in _specs(phase)]
        if not any(spec.agent for spec in specs):
            return "costs    nothing: there are commands only"
        return "costs    what agents use, up to the attempts and time-outs; cap it with `budget`"
    caps = [f"{dollars(budget.usd)} billed and at list prices"] if budget.usd else []
    caps += [tokens(budget.tokens)] if budget.tokens else []
    caps += [f"{duration(budget.wall)} of its own time"] if budget.wall else []
    warn = f"; you are told at {budget.warn:.0%}" if budget.warn else ""
    return f"costs    at most {', '.join(caps)}; there it pauses and asks{warn}"


def _specs(phase: Phase) -> tuple[TaskSpec, ...]:
    return phase.tasks if phase.for_each is None else (phase.for_each.template,)


def _times(phase: Phase, found: Found) -> Iterable[tuple[TaskSpec, int]]:
    if phase.for_each is None:
        return [(spec, 1) for spec in phase.tasks]
    match phase.for_each.source:
        case Listed(items=items):
            return [(phase.for_each.template, len(items))]
        case Globbed():
            return [(phase.for_each.template, len(found.get(phase.name, [])))]
        case Commanded():
            return [(phase.for_each.template, phase.for_each.max)]


def _is_open(phase: Phase) -> bool:
    return phase.for_each is not None and isinstance(phase.for_each.source, Commanded)


def _seconds(gates: Iterable[Gate]) -> float:
    return sum(gate.timeout for gate in gates if not isinstance(gate, ApprovalGate))


def _names(items: Iterable[Item]) -> str:
    values = [item.value for item in items]
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return " ".join(shlex.quote(value) for value in values[:SHOWN]) + more


def _times_word(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


def _cut(line: str) -> str:
    """One line: what is long is in the file that was written."""
    return line if len(line) <= 2 * _WIDE else f"{line[: 2 * _WIDE - 1]}…"
