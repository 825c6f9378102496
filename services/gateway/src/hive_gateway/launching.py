"""What a plan must look like before it is sent to the orchestrator.

The orchestrator judges the plan; here is caught what only the gateway can know (which agents have a
command) and what could not even travel.
"""

from collections.abc import Collection, Mapping

from hive_contracts.addresses import REMEDY, has_secret, without_secret
from hive_contracts.ids import is_id
from hive_contracts.plan import ON_GITHUB, ApprovalGate, GithubCheckGate, Plan
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import Misfit, from_proto
from hive_gateway.refusals import Refusal
from hive_shared.profiles import Profile, Unfit, check_fitness, tasks_of


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
    if plan.repository is not None and has_secret(plan.repository.url):
        shown = without_secret(plan.repository.url)
        raise Refusal(
            "invalid",
            f"there is a password or a token in {shown}: it would be recorded for ever",
            "plan.repository.url",
            REMEDY,
        )
    try:
        check_fitness(plan, profiles)
    except Unfit as unfit:
        raise Refusal(unfit.code, str(unfit), unfit.where, unfit.remedy) from None
    return plan


def check_judges(plan: Plan, known: Collection[str]) -> None:
    """`known` are the names and roles of those who can answer; `github:LOGIN` can, on an issue.

    Raises Refusal.
    """
    gates = [*plan.approvals, *plan.criteria]
    gates += [gate for _, task in tasks_of(plan) for gate in task.gates]
    for gate in gates:
        if not isinstance(gate, ApprovalGate) or not gate.by:
            continue
        if not {*gate.by} & {*known} and not any(name.startswith(ON_GITHUB) for name in gate.by):
            raise Refusal(
                "invalid",
                f"gate {gate.name!r} is for {' or '.join(gate.by)}, and nobody here is",
                "by",
                f"known are {', '.join(sorted(known))}; `hive token create NAME --role approver`"
                " makes another",
            )


def needs_github(plan: Plan) -> str:
    """What of the plan only GitHub can do; empty where nothing is."""
    for gate in plan.criteria:
        if isinstance(gate, GithubCheckGate):
            return f"the github_check {gate.check!r}"
    if plan.pull_request is not None and plan.pull_request.merge != "never":
        return f"`merge: {plan.pull_request.merge}`"
    return ""


def names_agents(plan: Plan) -> bool:
    return any(task.agent for _, task in tasks_of(plan))


def check_agents(
    plan: Plan, profiles: Mapping[str, Profile], runners: Collection[Collection[str]]
) -> None:
    """`runners` has for each connected runner the agents that are installed and logged in there.

    With none connected one may come. Raises Refusal where nobody could do the work.
    """
    for where, task in tasks_of(plan):
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
