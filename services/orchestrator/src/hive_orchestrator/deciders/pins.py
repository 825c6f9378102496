"""What the error-budget policy has pinned of a task's work: its model, and its prompt. Pure."""

from typing import Literal

from hive_contracts.plan import TaskSpec
from hive_contracts.policy import Pin, Restraints, prompt_digest
from hive_contracts.task import TaskPlanned
from hive_orchestrator.deciders.mission_state import Active, Mission
from hive_orchestrator.deciders.task_state import Facts


def pinned_model(facts: Facts, demanded: Restraints) -> str | None:
    """What an attempt at the work is to be leased with; None where it is the mission's own."""
    if facts.step != "work":
        return None
    pin = _pin(facts.planned, demanded, "model")
    return None if pin is None or pin.to == facts.planned.spec.model else pin.to


def new_prompt(planned: TaskPlanned, mission: Mission, demanded: Restraints) -> str:
    """Why a person has to agree to what was made with this prompt; empty where nobody has to.

    A text is never put in the place of another: the hive knows that a prompt is new, and not
    whether the old one would still make sense.
    """
    pin = _pin(planned, demanded, "prompt")
    if pin is None:
        return ""
    digest = prompt_digest(_template(planned, mission).prompt)
    if digest == pin.to:
        return ""
    return f"its prompt is {digest}, and {pin.to} is pinned: {demanded.reason}"


def _template(planned: TaskPlanned, mission: Mission) -> TaskSpec:
    """What was planned, before the item of a fan-out was put in."""
    progress = mission.phases.get(planned.phase) if isinstance(mission, Active) else None
    each = progress.phase.for_each if progress is not None else None
    return planned.spec if each is None else each.template


def _pin(
    planned: TaskPlanned, demanded: Restraints, what: Literal["model", "prompt"]
) -> Pin | None:
    if not demanded.pins or planned.kind != "work" or not planned.spec.agent:
        return None
    series, _, number = planned.mission.rpartition("-")
    if not number.isdigit():
        series = planned.mission
    repository = planned.repository.url if planned.repository is not None else ""
    return demanded.pinned(repository, series, planned.phase, planned.spec.agent, what)
