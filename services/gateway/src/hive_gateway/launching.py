"""What a plan must look like before it is sent to the orchestrator.

The orchestrator judges the plan; here is caught what only the gateway can know (which agents have a
command) and what could not even travel.
"""

from collections.abc import Collection, Iterator

from hive_contracts.ids import is_id
from hive_contracts.plan import Plan, TaskSpec
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import Misfit, from_proto
from hive_gateway.refusals import Refusal


def check_command_id(command_id: str) -> None:
    """Raises Refusal."""
    if not is_id(command_id):
        raise Refusal(
            "invalid",
            f"{command_id[:80]!r} is no command id: expected a UUIDv7 as 32 hex digits",
            "command_id",
            "mint one for each command, and send the same one when you repeat it",
        )


def plan_of(message: plan_pb2.Plan, agents: Collection[str]) -> Plan:
    """The plan in a message; `agents` are the profiles that have a command. Raises Refusal."""
    try:
        plan = from_proto(message, Plan)
    except Misfit as misfit:
        seen = misfit.within("plan")
        raise Refusal("invalid", str(seen), seen.where) from None
    for where, task in _tasks(plan):
        if task.agent and task.agent not in agents:
            raise Refusal(
                "no-command",
                f"agent {task.agent!r} has no command on this hive",
                f"{where}.agent",
                f'add to hive.toml: profiles.{task.agent}.command = ["claude", "-p"]  '
                "(the command line that gets the prompt on its standard input)",
            )
    return plan


def _tasks(plan: Plan) -> Iterator[tuple[str, TaskSpec]]:
    for p, phase in enumerate(plan.phases):
        for t, task in enumerate(phase.tasks):
            yield f"plan.phases[{p}].tasks[{t}]", task
        if phase.for_each is not None:
            yield f"plan.phases[{p}].for_each.template", phase.for_each.template
