"""What an agent is asked: the objective, its task, and why the attempt before it failed."""

from hive_contracts.orders import Lease
from hive_contracts.plan import Failure, GatesRun


def prompt(lease: Lease) -> str:
    task = lease.task
    parts = [task.objective, task.spec.prompt, *_feedback(lease), *_hints(lease)]
    if task.spec.paths:
        parts.append(f"Change nothing outside of: {', '.join(task.spec.paths)}")
    if task.spec.review:
        parts.append(
            "You judge what was made before. If something must be mended, say what in the file that"
            " the environment variable HIVE_DEFECTS_FILE names; without that file it is accepted."
        )
    elif task.repository is not None:
        parts.append(
            "If nothing needs to be changed, write the reason to the file that the environment"
            " variable HIVE_NO_CHANGE_FILE names, and change nothing."
        )
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _hints(lease: Lease) -> list[str]:
    return [f"A person adds:\n{hint}" for hint in lease.hints]


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
