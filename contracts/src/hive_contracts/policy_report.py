"""What health is asked about the error-budget policy, as NATS requests.

hive.commands.health.policy           PolicyQuery -> PolicyReport
hive.commands.health.override_policy  TellPolicy -> PolicyTold | Refused
"""

from typing import Final

from hive_contracts.plan import Value
from hive_contracts.policy import BudgetSeen, Pinnable, Restraints
from hive_contracts.subjects import command_subject

POLICY: Final = command_subject("health", "policy")
OVERRIDE_POLICY: Final = command_subject("health", "override_policy")


class PolicyQuery(Value, frozen=True):
    pass


class StateShown(Value, frozen=True):
    name: str
    entered_ms: int = 0
    """0 where the hive is not in it."""
    demands: Restraints = Restraints()
    because: tuple[BudgetSeen, ...] = ()
    """The budgets that it looks at, as they were when it was entered."""
    pins: tuple[Pinnable, ...] = ()
    """What it would pin, or pins, of works that became worse."""


class PolicyReport(Value, frozen=True, tag="policy"):
    enforced: bool = False
    in_force: Restraints = Restraints()
    """What has to be obeyed now."""
    would: Restraints = Restraints()
    """What would have to be, were it no dry run and nobody had overridden it."""
    states: tuple[StateShown, ...] = ()
    override_by: str = ""
    """Empty where there is no override."""
    override_until_ms: int = 0
    override_reason: str = ""
    problem: str = ""
    """What is wrong with the file, or why it could not be looked at."""


class TellPolicy(Value, frozen=True):
    command_id: str
    actor: str
    for_s: float = 0
    """An override for so long; 0 ends one."""
    reason: str = ""


class PolicyTold(Value, frozen=True, tag="told"):
    report: PolicyReport
    position: int = 0
