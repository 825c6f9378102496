"""What an agent is asked: the objective, its task, and why the attempt before it failed."""

import re
from collections.abc import Iterable
from typing import Final

from hive_contracts.orders import Lease
from hive_contracts.outcome import Failure, GatesRun
from hive_contracts.plan import TaskSpec
from hive_shared.profiles import PARTS
from hive_shared.profiles.rules import resolved

_PLACE: Final = re.compile("{(" + "|".join(PARTS) + ")}")


def prompt(lease: Lease, template: str = "", guide: str = "") -> str:
    """All parts in their order, or where a profile's template has them; what it does not name comes
    behind it, as usual. `guide` is the repository's word to agents, for a template that wants it.
    """
    parts = _parts(lease)
    if not template:
        return _joined(parts.values())
    used = {name for name in PARTS if f"{{{name}}}" in template}
    values = {**parts, "guide": guide}
    filled = _PLACE.sub(lambda match: values[match[1]].strip(), template)
    rest = (text for name, text in parts.items() if name not in used)
    return _joined((filled, *rest))


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _parts(lease: Lease) -> dict[str, str]:
    task = lease.task
    return {
        "objective": task.objective,
        "task": task.spec.prompt,
        "left": _joined(_left(lease)),
        "answers": _joined(_answers(lease)),
        "feedback": _joined(_feedback(lease)),
        "hints": _joined(_hints(lease)),
        "rules": _joined(_rules(lease)),
    }


def _rules(lease: Lease) -> list[str]:
    task = lease.task
    parts: list[str] = []
    if task.spec.paths:
        parts.append(f"Change nothing outside of: {', '.join(task.spec.paths)}")
    if task.spec.read_only:
        but = f", but for {task.spec.output}" if task.spec.output else ""
        parts.append(f"Change no file in your working folder{but}: a change fails the task.")
    if task.spec.output:
        parts.append(f"Your result is the file {task.spec.output}: it must be there at the end.")
    if task.spec.review:
        parts.append(
            "You judge what was made before. If something must be mended, say what in the file that"
            " the environment variable HIVE_DEFECTS_FILE names; without that file it is accepted."
        )
        if _mute(task.spec):
            parts.append(
                "If you can write no file at all, end your last message with a line that begins"
                " with DEFECTS: and, behind it, what must be mended."
            )
    elif task.repository is not None and not task.spec.read_only:
        parts.append(
            "If nothing needs to be changed, write the reason to the file that the environment"
            " variable HIVE_NO_CHANGE_FILE names, and change nothing."
        )
    parts.append(
        "If you cannot go on without a person's decision, write your question to the file that the"
        " environment variable HIVE_QUESTION_FILE names, and end your turn: you go on from here"
        " once it is answered."
    )
    if _mute(task.spec):
        parts.append(
            "If you can write no file at all, end your last message with a line that begins with"
            " QUESTION: and, behind it, your question."
        )
    return parts


def _mute(spec: TaskSpec) -> bool:
    """Whether an agent may be in a sandbox in which it can write nothing, no note either."""
    read_only = spec.read_only and not spec.output
    return resolved(spec.permissions, read_only=read_only).kinds["edit"] == "deny"


def _left(lease: Lease) -> list[str]:
    if lease.start is None:
        return []
    commit = lease.start.commit[:12]
    left = f"The files are as they left them, in commit {commit}: go on from there."
    return [f"A person has worked on this task. {left}"]


def _hints(lease: Lease) -> list[str]:
    return [f"A person adds:\n{hint}" for hint in lease.hints]


def _answers(lease: Lease) -> list[str]:
    if not lease.answers:
        return []
    kept = lease.result is not None and lease.result.commit
    made = "What you had made by then is in your working folder.\n" if kept else ""
    said = [
        f"You asked:\n{answered.question}\n{answered.by} answered:\n{answered.text}"
        for answered in lease.answers
    ]
    return [made + "\n\n".join(said)]


def _feedback(lease: Lease) -> list[str]:
    match lease.feedback:
        case Failure(kind=kind, detail=detail, tail=tail, files=files):
            said = [f"The attempt before this one failed ({kind}): {detail}"]
            if files:
                said.append("Files concerned:\n" + "\n".join(files))
            if tail:
                said.append(f"The end of its output:\n{tail}")
            return said
        case GatesRun(results=results):
            said = ["The attempt before this one did not pass its gates."]
            for result in results:
                if not result.passed:
                    end = (
                        f"ended with status {result.exit_code}"
                        if result.exit_code is not None
                        else ("did not pass" if result.reason else "did not end by itself")
                    )
                    said.append(f"Gate {result.name} (`{result.command}`) {end}:\n{result.tail}")
            return said
        case None:
            return []
