"""A runbook's launch: `hive.commands.orchestrator.runbook`.

Health may send here and nowhere else, so all that it can bring about is a mission that waits for a
person. Whatever it sends is done in its name.
"""

from msgspec.structs import replace

from hive_contracts.mission import LaunchMission
from hive_contracts.plan import RUNBOOK_GATE, CommandGate
from hive_contracts.submit import Answer, Refused, Submission
from hive_orchestrator.handlers.submit import Submit

ACTOR = "health"


async def launch_runbook(submit: Submit, submission: Submission) -> Answer:
    command = submission.command
    if not isinstance(command, LaunchMission):
        return Refused("not-allowed", "only a mission can be launched here", "command")
    approvals = command.plan.approvals
    if not approvals or approvals[0].name != RUNBOOK_GATE or approvals[0].timeout:
        return Refused(
            "not-allowed",
            f"a runbook begins with the approval {RUNBOOK_GATE!r}, which waits for a person",
            "command.plan.approvals",
        )
    if any(isinstance(gate, CommandGate) for gate in command.plan.criteria):
        return Refused(
            "not-allowed",
            "a command among its gates would run on the base before anybody has approved",
            "command.plan.criteria",
        )
    [answer] = await submit([replace(submission, actor=ACTOR)])
    return answer
