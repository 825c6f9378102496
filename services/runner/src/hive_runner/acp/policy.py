"""What an agent is answered when it asks for permission. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    PermissionOptionKind,
    RequestPermissionResponse,
)

ANY: Final = "*"
# Never for ever, if it can be once: an agent may write down what it is allowed for ever.
_CHOICES: Final[Mapping[str, tuple[PermissionOptionKind, ...]]] = {
    "allow": ("allow_once", "allow_always"),
    "deny": ("reject_once", "reject_always"),
}


def decide(permissions: Mapping[str, str], kind: str) -> str:
    """`allow` or `deny`, for a kind of tool."""
    return permissions.get(kind) or permissions.get(ANY) or "allow"


def answer(decision: str, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
    """The option that says it; where none does, the question is turned down."""
    for wanted in _CHOICES[decision]:
        for option in options:
            if option.kind == wanted:
                chosen = AllowedOutcome(outcome="selected", option_id=option.option_id)
                return RequestPermissionResponse(outcome=chosen)
    return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
