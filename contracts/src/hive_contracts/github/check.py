"""Events of what of a mission is shown as checks on GitHub: its stream is `check-<mission_id>`."""

from typing import Literal

import msgspec

from hive_contracts.plan import Value

Conclusion = Literal[
    "", "success", "failure", "neutral", "cancelled", "timed_out", "action_required"
]
"""Empty while it goes on."""

Button = Literal["rerun", "approve"]


class CheckEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    mission_id: str


class CheckPlace(Value, frozen=True):
    """Of one check: there is one of these at most."""

    external_id: str
    """The attempt, the gate or the approval that it is about."""
    head: str
    """The commit."""


class CheckShown(CheckEvent, frozen=True):
    """A check run, or with a token a commit status, was made, found or changed."""

    place: CheckPlace
    name: str
    digest: str
    """SHA-256, in hex, of all that it says."""
    number: int = 0
    """GitHub's number of the check run; 0 of a commit status."""
    conclusion: Conclusion = ""


class ChecksRefused(CheckEvent, frozen=True):
    """GitHub takes none until somebody does something about it."""

    reason: str
    remedy: str = ""


class ButtonPressed(CheckEvent, frozen=True):
    """A person pressed a button of a check."""

    id: str
    """Of the delivery's effect, with the check where several were meant: the same press is told
    once."""
    place: CheckPlace
    button: Button
    by: str
    """A login, after `github:`."""
    outcome: Literal["done", "refused"]
    reason: str = ""
    """Why it was refused, or what came of it."""


AnyCheckEvent = CheckShown | ChecksRefused | ButtonPressed


class CheckCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    mission_id: str


class NoteCheck(CheckCommand, frozen=True):
    place: CheckPlace
    name: str
    digest: str
    number: int = 0
    conclusion: Conclusion = ""


class RefuseChecks(CheckCommand, frozen=True):
    reason: str
    remedy: str = ""


class NoteButton(CheckCommand, frozen=True):
    id: str
    place: CheckPlace
    button: Button
    by: str
    outcome: Literal["done", "refused"]
    reason: str = ""


AnyCheckCommand = NoteCheck | RefuseChecks | NoteButton
