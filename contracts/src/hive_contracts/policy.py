"""What follows from used-up error budgets: events and commands of the category `policy`.

There is one stream, `policy-hive`. Each event that changes what is demanded carries all of it, so
whoever has to obey needs the last one alone. Nothing is demanded in a dry run: the events say what
would be.
"""

import hashlib
from typing import Final, Literal

import msgspec

from hive_contracts.plan import Value

POLICY_ID: Final = "hive"
MAX_REASON: Final = 500
LONGEST_OVERRIDE_MS: Final = 7 * 24 * 3600 * 1000


Pinnable = Literal["model", "prompt"]


def prompt_digest(prompt: str) -> str:
    """By which a prompt is known: of its text before the item of a fan-out is put in."""
    return hashlib.md5(prompt.encode(), usedforsecurity=False).hexdigest()[:8]


class Pin(Value, frozen=True):
    """What a work has to go on with: what it had before it became worse."""

    repository: str
    """Its address; empty without one."""
    mission: str
    """Without the number of its run."""
    phase: str
    profile: str
    what: Pinnable
    to: str
    """The model, empty for the agent's own default; or the prompt's digest."""
    instead_of: str
    """What came after it, and was worse."""

    @property
    def about(self) -> tuple[str, str, str, str, str]:
        return self.repository, self.mission, self.phase, self.profile, self.what

    def __str__(self) -> str:
        value = self.to or "its default"
        return f"{self.mission}/{self.phase} · {self.profile}: {self.what} {value}"


class Restraints(Value, frozen=True):
    """What is demanded; the default is nothing."""

    slots_share: float = 1.0
    """Of all slots, so many may hold agents' work at a time; at least one."""
    slots_most: int = 0
    """At most so many, whatever the share; 0 is no limit."""
    approve: bool = False
    """A person is asked before work is merged into its mission's branch."""
    freeze_landing: bool = False
    """Nothing is landed."""
    reason: str = ""
    """Why, in a sentence; empty where nothing is demanded."""
    pins: tuple[Pin, ...] = ()
    """A pinned model is leased in place of the mission's; work of another prompt than the pinned
    one waits for a person."""

    def pinned(
        self, repository: str, mission: str, phase: str, profile: str, what: str
    ) -> Pin | None:
        """What a work is pinned to; None where it is free."""
        about = (repository, mission, phase, profile, what)
        return next((pin for pin in self.pins if pin.about == about), None)


NOTHING: Final = Restraints()


class Threshold(Value, frozen=True):
    objective: str
    left: float
    """The share of its budget, 0 to 1."""


class PolicyState(Value, frozen=True):
    """A state that the hive is in while one of its budgets is low."""

    name: str
    budgets: tuple[Threshold, ...]
    """It is entered where so little is left of one of them."""
    until: float
    """It is left once each of them has at least so much."""
    hold_s: float = 3600
    """It lasts at least so long."""
    slots_share: float = 1.0
    slots_most: int = 0
    approve: bool = False
    freeze_landing: bool = False
    pin: tuple[Pinnable, ...] = ()
    """What is pinned of each work whose newest change was a worse one."""


class Policy(Value, frozen=True):
    states: tuple[PolicyState, ...] = ()
    enforce: bool = False
    """False is a dry run."""


class BudgetSeen(Value, frozen=True):
    name: str
    left: float | None = None
    """Of the whole; None where nothing happened yet."""
    surely_left: float = 1.0
    """At most so much is left, with the objective's confidence."""


class PolicyEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    policy_id: str
    at_ms: int


class PolicyConfigured(PolicyEvent, frozen=True):
    """The file says something else than before."""

    policy: Policy
    demanded: Restraints
    would: Restraints


class PolicyTightened(PolicyEvent, frozen=True):
    state: str
    because: tuple[BudgetSeen, ...]
    demanded: Restraints
    """In all, by every state that the hive is in; nothing in a dry run."""
    would: Restraints
    """The same, were it no dry run."""
    pins: tuple[Pin, ...] = ()
    """What this state pins until it is left."""


class PolicyRelaxed(PolicyEvent, frozen=True):
    state: str
    because: tuple[BudgetSeen, ...]
    demanded: Restraints
    would: Restraints


class PolicyOverridden(PolicyEvent, frozen=True):
    """A person lets all go on until then, whatever is demanded."""

    by: str
    until_ms: int
    reason: str


class PolicyOverrideEnded(PolicyEvent, frozen=True):
    by: str = ""
    """Empty: its time was over."""


AnyPolicyEvent = (
    PolicyConfigured | PolicyTightened | PolicyRelaxed | PolicyOverridden | PolicyOverrideEnded
)


class PolicyCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    at_ms: int


class ObserveBudgets(PolicyCommand, frozen=True):
    policy: Policy
    budgets: tuple[BudgetSeen, ...]
    """Of an objective that is not here nothing is known now."""
    pins: tuple[Pin, ...] = ()
    """What works had before they became worse."""


class OverridePolicy(PolicyCommand, frozen=True):
    by: str
    for_ms: int
    reason: str


class EndOverride(PolicyCommand, frozen=True):
    by: str


AnyPolicyCommand = ObserveBudgets | OverridePolicy | EndOverride


class Entered(Value, frozen=True):
    name: str
    since_ms: int
    because: tuple[BudgetSeen, ...] = ()
    pins: tuple[Pin, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """What has been recorded, folded."""

    policy: Policy = Policy()
    entered: tuple[Entered, ...] = ()
    demanded: Restraints = NOTHING
    would: Restraints = NOTHING
    override: PolicyOverridden | None = None

    def in_force(self, now_ms: int) -> Restraints:
        """What has to be obeyed at a moment: an override ends by its time, whoever is there."""
        if self.override is not None and now_ms < self.override.until_ms:
            return NOTHING
        return self.demanded


def evolve(standing: Standing, event: AnyPolicyEvent) -> Standing:
    replace = msgspec.structs.replace
    match event:
        case PolicyConfigured(policy=policy, demanded=demanded, would=would):
            return replace(standing, policy=policy, demanded=demanded, would=would)
        case PolicyTightened(state=name, because=because, demanded=demanded, would=would):
            entered = (*standing.entered, Entered(name, event.at_ms, because, event.pins))
            return replace(standing, entered=entered, demanded=demanded, would=would)
        case PolicyRelaxed(state=name, demanded=demanded, would=would):
            entered = tuple(each for each in standing.entered if each.name != name)
            return replace(standing, entered=entered, demanded=demanded, would=would)
        case PolicyOverridden():
            return replace(standing, override=event)
        case PolicyOverrideEnded():
            return replace(standing, override=None)
