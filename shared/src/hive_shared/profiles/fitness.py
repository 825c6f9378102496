"""Whether the agents that a plan names can do it here, as far as their profiles say."""

from collections.abc import Iterator, Mapping
from typing import Final

from hive_contracts.plan import Plan, TaskSpec
from hive_shared.profiles.profile import Profile
from hive_shared.profiles.speech import Inexpressible, Wish, spoken

_CAP_TIME: Final = "cap time instead: budget: {wall: 2h}"


class Unfit(Exception):
    """An agent cannot do what a plan wants of it."""

    def __init__(self, code: str, message: str, where: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.where = where
        self.remedy = remedy


def check_fitness(plan: Plan, profiles: Mapping[str, Profile]) -> None:
    """Raises Unfit."""
    for where, task in tasks_of(plan):
        if task.agent and not profiles.get(task.agent, Profile()).command:
            raise Unfit(
                "no-command",
                f"agent {task.agent!r} has no command on this hive",
                f"{where}.agent",
                f'add to hive.toml: profiles.{task.agent}.command = ["claude", "-p"]  '
                "(the command line that gets the prompt on its standard input)",
            )
        if task.agent:
            _check_wish(where, task, profiles[task.agent])
    _check_caps(plan, profiles)


def tasks_of(plan: Plan) -> Iterator[tuple[str, TaskSpec]]:
    """Each task and template of a plan, with its place."""
    for p, phase in enumerate(plan.phases):
        for t, task in enumerate(phase.tasks):
            yield f"plan.phases[{p}].tasks[{t}]", task
        if phase.for_each is not None:
            yield f"plan.phases[{p}].for_each.template", phase.for_each.template


def _check_wish(where: str, task: TaskSpec, profile: Profile) -> None:
    """Raises Unfit where the agent's command cannot be told what the mission wants of it."""
    try:
        wish = Wish(task.model, task.permissions, task.read_only and not task.output)
        spoken(task.agent, profile, wish)
    except Inexpressible as problem:
        raise Unfit("invalid", str(problem), f"{where}.agent") from None


def _check_caps(plan: Plan, profiles: Mapping[str, Profile]) -> None:
    """Raises Unfit where something is capped of which an agent never says how much it uses."""
    if plan.budget is None:
        return
    for where, task in tasks_of(plan):
        if not task.agent:
            continue
        profile = profiles.get(task.agent, Profile())
        priced, counted = profile.cost != "unknown", profile.tells_all_tokens
        if plan.budget.usd and not priced:
            instead = "cap tokens instead: budget: {tokens: 2M}" if counted else _CAP_TIME
            raise Unfit(
                "invalid",
                f"agent {task.agent!r} does not say what it costs, so dollars cannot be capped",
                f"{where}.agent",
                instead,
            )
        if plan.budget.tokens and not counted:
            some = "does not say how many tokens it uses"
            if profile.tokens == "some":
                some = "does not say of all tokens that it uses"
            instead = "cap dollars instead: budget: {usd: 20}" if priced else _CAP_TIME
            raise Unfit(
                "invalid",
                f"agent {task.agent!r} {some}, so tokens cannot be capped",
                f"{where}.agent",
                f'{instead}; if it does say: profiles.{task.agent}.tokens = "all" in hive.toml',
            )
