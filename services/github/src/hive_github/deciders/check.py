"""What of a mission is shown as checks on GitHub: which of them, and what each says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from hive_contracts.github.check import (
    AnyCheckCommand,
    AnyCheckEvent,
    ButtonPressed,
    CheckPlace,
    CheckShown,
    ChecksRefused,
    NoteButton,
    NoteCheck,
    RefuseChecks,
)


class Checks(msgspec.Struct, frozen=True):
    shown: Mapping[CheckPlace, CheckShown] = MappingProxyType({})
    refused: ChecksRefused | None = None
    """Why none is shown; None once one was."""
    pressed: ButtonPressed | None = None
    """The last button."""


INITIAL: Final = Checks()


def decide(state: Checks, command: AnyCheckCommand) -> list[AnyCheckEvent]:
    """Said twice is done once."""
    id = command.mission_id
    match command:
        case NoteCheck(place=place, name=name, digest=digest, number=number, conclusion=ended):
            shown = CheckShown(id, place, name, digest, number, ended)
            return [] if state.shown.get(place) == shown else [shown]
        case RefuseChecks(reason=reason, remedy=remedy):
            refused = ChecksRefused(id, reason, remedy)
            return [] if state.refused == refused else [refused]
        case NoteButton():
            if state.pressed is not None and state.pressed.id == command.id:
                return []
            return [
                ButtonPressed(
                    id, command.id, command.place, command.button, command.by, command.outcome,
                    command.reason,
                )
            ]  # fmt: skip
    assert_never(command)


def evolve(state: Checks, event: AnyCheckEvent) -> Checks:
    replace = msgspec.structs.replace
    match event:
        case CheckShown(place=place):
            return replace(state, shown={**state.shown, place: event}, refused=None)
        case ChecksRefused():
            return replace(state, refused=event)
        case ButtonPressed(place=place):
            state = replace(state, pressed=event)
            if place not in state.shown:
                return state
            # GitHub puts a check that is to run again back to queued: it has to be told anew.
            stale = replace(state.shown[place], digest="")
            return replace(state, shown={**state.shown, place: stale})
    assert_never(event)
