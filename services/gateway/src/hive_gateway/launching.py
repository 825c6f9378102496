"""What a plan must look like before it is sent to the orchestrator.

The orchestrator judges the plan; here is caught what only the gateway can know (which agents have a
command) and what could not even travel.
"""

from collections.abc import Collection, Iterator, Mapping

from hive_contracts.ids import is_id
from hive_contracts.plan import Plan, TaskSpec
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import Misfit, from_proto
from hive_gateway.refusals import Refusal
from hive_shared.profiles import Profile


def check_command_id(command_id: str) -> None:
    """Raises Refusal."""
    if not is_id(command_id):
        raise Refusal(
            "invalid",
            f"{command_id[:80]!r} is no command id: expected a UUIDv7 as 32 hex digits",
            "command_id",
            "mint one for each command, and send the same one when you repeat it",
        )


def plan_of(message: plan_pb2.Plan, profiles: Mapping[str, Profile]) -> Plan:
    """The plan in a message. Raises Refusal where a profile that it names has no command."""
    try:
        plan = from_proto(message, Plan)
    except Misfit as misfit:
        seen = misfit.within("plan")
        raise Refusal("invalid", str(seen), seen.where) from None
    for where, task in _tasks(plan):
        if task.agent and not profiles.get(task.agent, Profile()).command:
            raise Refusal(
                "no-command",
                f"agent {task.agent!r} has no command on this hive",
                f"{where}.agent",
                f'add to hive.toml: profiles.{task.agent}.command = ["claude", "-p"]  '
                "(the command line that gets the prompt on its standard input)",
            )
    return plan


def names_agents(plan: Plan) -> bool:
    return any(task.agent for _, task in _tasks(plan))


def check_agents(
    plan: Plan, profiles: Mapping[str, Profile], runners: Collection[Collection[str]]
) -> None:
    """`runners` has for each connected runner the agents that are installed and logged in there.

    With none connected one may come. Raises Refusal where nobody could do the work.
    """
    for where, task in _tasks(plan):
        if not task.agent or not runners or any(task.agent in agents for agents in runners):
            continue
        profile = profiles.get(task.agent, Profile())
        steps = [step for step in (profile.install, profile.login.command) if step]
        typed = " and ".join(f"`{step}`" for step in steps)
        raise Refusal(
            "no-agent",
            f"agent {task.agent!r} is not installed and logged in on any runner",
            f"{where}.agent",
            f"on a runner's machine: {typed or ' '.join(('install', *profile.command[:1]))};"
            " `hive status` shows what is found",
        )


def _tasks(plan: Plan) -> Iterator[tuple[str, TaskSpec]]:
    for p, phase in enumerate(plan.phases):
        for t, task in enumerate(phase.tasks):
            yield f"plan.phases[{p}].tasks[{t}]", task
        if phase.for_each is not None:
            yield f"plan.phases[{p}].for_each.template", phase.for_each.template
