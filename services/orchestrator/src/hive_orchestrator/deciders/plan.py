"""Whether a plan makes sense, before anything is started."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from hive_contracts.budget import CAPS
from hive_contracts.ids import SHORT_NAME, is_commit
from hive_contracts.pathspecs import MAX_PATTERN, fault
from hive_contracts.plan import (
    MAX_CHECK,
    MAX_GATES,
    MAX_PATHS,
    MAX_PHASES,
    MAX_ROUNDS,
    RESERVED,
    WEBHOOK,
    Commanded,
    CommandGate,
    ForEach,
    Gate,
    GithubCheckGate,
    HttpGate,
    Listed,
    MetricGate,
    Phase,
    Plan,
    TaskSpec,
)
from hive_contracts.template import placeholders
from hive_orchestrator.deciders.rejected import Rejected

MAX_BYTES: Final = 60_000
"""JSON bytes of a phase without its items, or of the rest of the plan."""
MAX_CARRIED: Final = 60_000
"""JSON bytes of a task with the mission's objective, when it is planned: it is one event."""
MAX_WRITTEN: Final = 36_000
"""The same as it is written, before a review's defects are added."""
MAX_DEADLINE: Final = 366 * 86_400.0
"""Seconds."""
MAX_RULES: Final = 40
MAX_MODEL: Final = 100
RULED: Final = ("read", "edit", "run", "fetch", "*")
"""What a line of `permissions` may be about, beside a command."""


def check(plan: Plan) -> None:
    """Raises Rejected with code `invalid` for the first thing that is wrong."""
    _check_name(plan.name, "name")
    _check_criteria(plan)
    if plan.notify is not None and WEBHOOK.fullmatch(plan.notify.webhook) is None:
        raise _invalid(
            f"{plan.notify.webhook[:80]!r} is no URL", "notify.webhook", "write https://host/path"
        )
    _check_budget(plan)
    if not 0 <= plan.deadline <= MAX_DEADLINE:
        raise _invalid(
            f"a deadline of {plan.deadline:g} seconds", "deadline", "give seconds, at most a year"
        )
    repository = plan.repository
    if repository is not None and not is_commit(repository.base):
        raise _invalid(
            f"{repository.base!r} is no commit", "repository.base", "give the full object name"
        )
    if len(msgspec.json.encode(msgspec.structs.replace(plan, phases=()))) > MAX_BYTES:
        raise _invalid(
            "objective, prerequisites and criteria are too long together",
            "plan",
            f"keep them below {MAX_BYTES} bytes; put long texts into the repository",
        )
    check_phases(plan.phases, plan.objective)
    if repository is None:
        _check_comparisons(plan)


def check_phases(
    phases: tuple[Phase, ...], objective: str, known: Mapping[str, Phase] = MappingProxyType({})
) -> None:
    """The phases of a plan, or those that are added to a mission with the `known` ones."""
    if not phases:
        raise _invalid("a mission needs at least one phase", "phases", "add a phase with a task")
    if len(phases) > MAX_PHASES:
        raise _invalid(f"{len(phases)} phases are too many", "phases", f"use at most {MAX_PHASES}")
    _check_unique([phase.name for phase in phases], "phases")
    _check_needs({p.name: p.needs for p in phases}, set(known), "phases")
    all_phases = {**known, **{phase.name: phase for phase in phases}}
    for phase in phases:
        where = f"phases.{phase.name}"
        _check_phase(phase, where)
        _check_sending_back(phase, all_phases, where)
        for task in phase.tasks if phase.for_each is None else (phase.for_each.template,):
            if (size := carried(task, objective)) > MAX_WRITTEN:
                raise _invalid(
                    f"task {task.name} has {size:,} bytes together with the objective",
                    where,
                    f"keep it below {MAX_WRITTEN:,}: put long texts into files of the repository",
                )


def carried(task: TaskSpec, objective: str) -> int:
    """JSON bytes of what a task takes along."""
    return len(msgspec.json.encode((task, objective)))


def _check_phase(phase: Phase, where: str) -> None:
    _check_name(phase.name, where)
    if phase.for_each is not None and phase.tasks:
        raise _invalid("a phase has either tasks or for_each", where, "take one of them out")
    if phase.for_each is not None:
        _check_for_each(phase.for_each, f"{where}.for_each")
    elif not phase.tasks:
        raise _invalid("the phase is empty", where, "give it tasks or for_each")
    if phase.canary < 0 or (phase.canary and phase.for_each is None):
        raise _invalid(
            "canary says how many items of for_each go first", f"{where}.canary", "correct it"
        )
    _check_unique([task.name for task in phase.tasks], f"{where}.tasks")
    _check_needs({t.name: t.needs for t in phase.tasks}, set(), f"{where}.tasks")
    for task in phase.tasks:
        _check_name(task.name, f"{where}.tasks.{task.name}")
        _check_task(task, f"{where}.tasks.{task.name}")
    if len(msgspec.json.encode(without_items(phase))) > MAX_BYTES:
        raise _invalid(
            "the phase is too long",
            where,
            f"keep it below {MAX_BYTES} bytes: put long prompts into files of the repository",
        )


def _check_sending_back(phase: Phase, phases: Mapping[str, Phase], where: str) -> None:
    """A review sends back what stands before it."""
    to = phase.sends_back_to
    if not to:
        return
    before: set[str] = set()
    open = {phase.name}
    while open:
        open = {need for name in open for need in phases[name].needs} - before
        before |= open
    if to not in before:
        names = ", ".join(sorted(before)) or "none"
        raise _invalid(
            f"phase {phase.name} does not come after {to!r}",
            f"{where}.sends_back_to",
            f"name a phase that it needs: {names}",
        )
    if not 1 <= phase.rounds <= MAX_ROUNDS:
        raise _invalid(
            f"{phase.rounds} rounds", f"{where}.rounds", f"write a number from 1 to {MAX_ROUNDS}"
        )


def _check_for_each(for_each: ForEach, where: str) -> None:
    _check_task(for_each.template, where)
    for text in (for_each.template.prompt, for_each.template.run):
        for name in placeholders(text):
            if name.partition(".")[0] != "item":
                raise _invalid(
                    f"${{{name}}} is not known",
                    where,
                    "use ${item} or ${item.field}; write $${ for a plain ${",
                )
    if for_each.template.needs:
        raise _invalid("tasks of for_each cannot need each other", where, "use a second phase")
    if not 0 <= for_each.min <= for_each.max:
        raise _invalid("min must be between 0 and max", where, "correct min or max")
    match for_each.source:
        case Listed(items=items) if not for_each.min <= len(items) <= for_each.max:
            raise _invalid(
                f"{len(items)} items, and {for_each.min} to {for_each.max} are allowed",
                where,
                "correct the list, min or max",
            )
        case Commanded(run=run) if not run.strip():
            raise _invalid("the command of for_each is empty", where, "say what lists the items")


def _check_task(task: TaskSpec, where: str) -> None:
    if any(isinstance(gate, GithubCheckGate) for gate in task.gates):
        raise _invalid(
            "a task's work is on GitHub once it is merged, so no check there can judge it before",
            f"{where}.gates",
            "put the github_check into the mission's success_criteria",
        )
    if bool(task.prompt) == bool(task.run):
        raise _invalid("a task has either a prompt or a command", where, "give prompt or run")
    if task.prompt and not task.agent:
        raise _invalid("no agent is named for the prompt", where, "name an agent profile")
    if task.retry.attempts < 1:
        raise _invalid("at least one attempt is needed", f"{where}.attempts", "give 1 or more")
    timeouts = task.timeouts
    if (
        timeouts.answer < 0
        or min(timeouts.queue, timeouts.start, timeouts.run, timeouts.silence, timeouts.setup) <= 0
    ):
        raise _invalid("time-outs are above 0 seconds", f"{where}.timeouts", "correct them")
    _check_gates(task.gates, f"{where}.gates")
    _check_terms(task, where)
    if len(task.paths) > MAX_PATHS:
        raise _invalid(f"{len(task.paths)} paths are too many", where, f"use at most {MAX_PATHS}")
    for pattern in task.paths:
        # What an item brings is known later; it is taken literally.
        if why := fault(pattern):
            raise _invalid(f"{pattern!r}: {why}", f"{where}.paths", "correct it")


def _check_terms(task: TaskSpec, where: str) -> None:
    """On what terms its agent works."""
    parts = task.output.split("/")
    if task.output and (not all(parts) or {".", ".."} & {*parts} or ".git" in parts):
        raise _invalid(
            f"{task.output[:80]!r} is no file", f"{where}.output", "give a relative path"
        )
    if len(task.output) > MAX_PATTERN or any(ord(c) < 32 or c == "\\" for c in task.output):
        raise _invalid("the output's path is no path", f"{where}.output", "give a relative path")
    if task.model.startswith("-") or len(task.model) > MAX_MODEL:
        raise _invalid(f"{task.model[:80]!r} is no model", f"{where}.model", "write its name")
    if len(task.permissions) > MAX_RULES:
        raise _invalid(
            "there are too many permissions", f"{where}.permissions", f"use at most {MAX_RULES}"
        )
    for rule in task.permissions:
        if rule.what not in RULED and not (rule.what.startswith("run:") and rule.what[4:].strip()):
            raise _invalid(
                f"{rule.what[:80]!r} is nothing that is permitted",
                f"{where}.permissions",
                f"known are {', '.join(RULED)} and run:PATTERN",
            )


def _check_budget(plan: Plan) -> None:
    budget = plan.budget
    if budget is None:
        return
    if any(budget.of(cap) < 0 for cap in CAPS) or not any(budget.of(cap) for cap in CAPS):
        raise _invalid("a budget caps something", "budget", "give usd, tokens or wall")
    if not 0 <= budget.warn <= 1:
        raise _invalid(f"warn is {budget.warn:g}", "budget.warn", "give a part from 0 to 1")


def _check_criteria(plan: Plan) -> None:
    _check_gates((*plan.approvals, *plan.criteria), "success_criteria")
    if plan.repository is None and any(isinstance(gate, CommandGate) for gate in plan.criteria):
        raise _invalid("a command gate needs a repository", "success_criteria", "name a repository")
    if any(isinstance(gate, GithubCheckGate) for gate in plan.criteria):
        _check_pushed(plan)
    if plan.name in plan.prerequisites:
        raise _invalid("a mission cannot need itself", "prerequisites", "take it out")


def _check_pushed(plan: Plan) -> None:
    """GitHub judges what it has before the end."""
    if plan.pull_request is None or plan.repository is None:
        raise _invalid(
            "nothing of this mission is pushed to GitHub, so no check there can judge it",
            "success_criteria",
            "write `result: pull_request`, or take the github_check out",
        )
    if plan.pull_request.per == "task":
        raise _invalid(
            "a github_check judges the mission's own branch, and with a pull request for each task"
            " that is not pushed",
            "success_criteria",
            "write `per: mission`, or take the github_check out",
        )
    if plan.pull_request.draft_until == "none":
        raise _invalid(
            "a github_check needs the pull request before the mission has succeeded",
            "success_criteria",
            "write `draft_until: success`, or take the github_check out",
        )


def _check_gates(gates: tuple[Gate, ...], where: str) -> None:
    if len(gates) > MAX_GATES:
        raise _invalid(f"{len(gates)} gates are too many", where, f"use at most {MAX_GATES}")
    _check_unique([gate.name for gate in gates], where)
    for gate in gates:
        _check_name(gate.name, f"{where}.{gate.name}")
        if gate.name in RESERVED and not isinstance(gate, CommandGate):
            raise _invalid(f"{gate.name!r} is reserved", where, "call the gate something else")
        match gate:
            case CommandGate(report=report):
                _check_report(report, f"{where}.{gate.name}.report")
            case HttpGate(url=url) | MetricGate(url=url):
                _check_url(url, f"{where}.{gate.name}")
            case GithubCheckGate(check=check):
                if not 0 < len(check) <= MAX_CHECK or not check.isprintable():
                    raise _invalid(
                        f"{check[:80]!r} is no name of a check",
                        f"{where}.{gate.name}",
                        f"give 1 to {MAX_CHECK} characters that can be seen, as GitHub shows it",
                    )


def _check_url(url: str, where: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise _invalid(f"{url[:80]!r} is no URL", where, "write it with http:// or https://")


def _check_report(pattern: str, where: str) -> None:
    outside = pattern.startswith("/") or ".." in pattern.split("/")
    if outside or "\0" in pattern or len(pattern) > MAX_PATTERN:
        raise _invalid("a report lies in the repository", where, "give a relative path or glob")


def _check_comparisons(plan: Plan) -> None:
    specs = [task for phase in plan.phases for task in phase.tasks]
    specs += [phase.for_each.template for phase in plan.phases if phase.for_each is not None]
    for spec in specs:
        if any(isinstance(gate, CommandGate) and gate.compare for gate in spec.gates):
            raise _invalid(
                "without a repository there is no base to compare with",
                f"the gates of {spec.name}",
                "name a repository, or take `compare` out",
            )


def _check_name(name: str, where: str) -> None:
    if SHORT_NAME.fullmatch(name) is None:
        raise _invalid(f"{name!r} is no name", where, "use 1 to 40 of a-z, 0-9 and -")


def _check_unique(names: list[str], where: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _invalid(f"the name {name!r} is used twice", where, "rename one of them")


def _check_needs(needs: Mapping[str, tuple[str, ...]], known: set[str], where: str) -> None:
    """All named, and no cycle: take away what needs nothing until nothing is left."""
    for name, wanted in needs.items():
        for other in wanted:
            if other not in needs and other not in known:
                names = ", ".join(sorted({*needs, *known} - {name})) or "there are no others"
                raise _invalid(
                    f"{name!r} needs {other!r}, which does not exist", where, f"known: {names}"
                )
    left = {name: set(wanted) - known for name, wanted in needs.items()}
    while free := [name for name, wanted in left.items() if not wanted]:
        for name in free:
            del left[name]
        for others in left.values():
            others.difference_update(free)
    if left:
        circle = " and ".join(sorted(left))
        raise _invalid(f"{circle} wait for each other", f"{where}.needs", "break the cycle")


def without_items(phase: Phase) -> Phase:
    """The phase as its definition is recorded: a written list of items is recorded beside it."""
    if phase.for_each is None or not isinstance(phase.for_each.source, Listed):
        return phase
    empty = msgspec.structs.replace(phase.for_each, source=Listed(()))
    return msgspec.structs.replace(phase, for_each=empty)


def _invalid(message: str, where: str, remedy: str) -> Rejected:
    return Rejected("invalid", message, where, remedy)
