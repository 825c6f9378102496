"""What an agent is answered when it asks for permission. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    PermissionOptionKind,
    RequestPermissionResponse,
)

from hive_contracts.dialogue import Ruling
from hive_shared.profiles import Rules
from hive_shared.profiles.rules import strictest

ANY: Final = "*"
# Never for ever, if it can be once: an agent may write down what it is allowed for ever.
_CHOICES: Final[Mapping[str, tuple[PermissionOptionKind, ...]]] = {
    "allow": ("allow_once", "allow_always"),
    "deny": ("reject_once", "reject_always"),
}


def decide(
    permissions: Mapping[str, Ruling],
    kind: str,
    rules: Rules | None = None,
    command: str | None = None,
) -> Ruling:
    """For a kind of tool, and the command that it is to run, where it is known. The profile's word
    and the mission's both count: the stricter one."""
    own = permissions.get(kind) or permissions.get(ANY) or "allow"
    return own if rules is None else strictest([own, rules.of_protocol(kind, command)])


def command_of(raw: Any) -> str | None:
    """The command line in what a tool is called with; None where there is none."""
    said = raw.get("command") if isinstance(raw, dict) else None
    if isinstance(said, list) and all(isinstance(word, str) for word in said):
        return " ".join(said)
    return said if isinstance(said, str) else None


def answer(decision: str, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
    """The option that says it; where none does, the question is turned down."""
    for wanted in _CHOICES[decision]:
        for option in options:
            if option.kind == wanted:
                chosen = AllowedOutcome(outcome="selected", option_id=option.option_id)
                return RequestPermissionResponse(outcome=chosen)
    return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
