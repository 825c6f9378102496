"""An issue: what was asked there, what became of it, and the comments that show how missions stand.

IssueAsked ──CommandPrepared──▶ AskObeyed        each ask is answered once, whatever is tried
         └──────────────────▶ AskRefused
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from hive_contracts.github.issue import (
    AnyIssueCommand,
    AnyIssueEvent,
    AskObeyed,
    AskRefused,
    CommandPrepared,
    CommentRefused,
    IssueAsked,
    IssueClosed,
    IssueLeftOpen,
    MissionCommented,
    NoteAsk,
    NoteClosed,
    NoteComment,
    NoteLeftOpen,
    ObeyAsk,
    PrepareCommand,
    RefuseAsk,
    RefuseComment,
)

EDITED: Final = "the comment was edited: what it asks counts as its author first wrote it"

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Issue(msgspec.Struct, frozen=True):
    asked: Mapping[str, IssueAsked] = MappingProxyType({})
    answered: frozenset[str] = frozenset()
    prepared: Mapping[str, CommandPrepared] = MappingProxyType({})
    missions: Mapping[str, str] = _NOTHING
    """Short names of those that were launched from here, by their ids, the oldest first."""
    comments: Mapping[str, MissionCommented] = MappingProxyType({})
    """As they were written last, by the mission's id."""
    refused: Mapping[str, str] = _NOTHING
    """Why GitHub took no comment, by the mission's id."""
    settled: frozenset[str] = frozenset()
    """Missions whose work is merged, and for which it was closed, or left open, once and for all.
    """


INITIAL: Final = Issue()


def decide(state: Issue, command: AnyIssueCommand) -> list[AnyIssueEvent]:
    """Said twice is done once."""
    id = command.issue_id
    match command:
        case NoteAsk(ask=ask):
            if ask in state.asked:
                return []
            asked = IssueAsked(
                id, ask, command.place, command.by, command.via, command.verb, command.argument,
                command.at_ms,
            )  # fmt: skip
            if not command.is_edited:
                return [asked]
            # In one append with it: nobody must find it unanswered, and carry it out.
            return [asked, AskRefused(id, ask, "edited", EDITED)]
        case PrepareCommand(ask=ask):
            if ask not in state.asked or ask in state.answered or ask in state.prepared:
                return []
            return [CommandPrepared(id, ask, command.command, command.mission_id, command.commit)]
        case ObeyAsk(ask=ask):
            if ask not in state.asked or ask in state.answered:
                return []
            return [AskObeyed(id, ask, command.mission_id, command.mission, command.launched)]
        case RefuseAsk(ask=ask):
            if ask not in state.asked or ask in state.answered:
                return []
            return [AskRefused(id, ask, command.why, command.reason, command.answer)]
        case NoteComment(mission_id=mission_id):
            told = MissionCommented(
                id, mission_id, command.mission, command.comment, command.digest,
                command.position, command.at_ms,
            )  # fmt: skip
            return [] if state.comments.get(mission_id) == told else [told]
        case RefuseComment(mission_id=mission_id, reason=reason):
            if state.refused.get(mission_id) == reason:
                return []
            return [CommentRefused(id, mission_id, reason)]
        case NoteClosed(mission_id=mission_id):
            return [] if mission_id in state.settled else [IssueClosed(id, mission_id)]
        case NoteLeftOpen(mission_id=mission_id, reason=reason):
            return [] if mission_id in state.settled else [IssueLeftOpen(id, mission_id, reason)]
    assert_never(command)


def evolve(state: Issue, event: AnyIssueEvent) -> Issue:
    replace = msgspec.structs.replace
    match event:
        case IssueAsked(ask=ask):
            return replace(state, asked={**state.asked, ask: event})
        case CommandPrepared(ask=ask):
            return replace(state, prepared={**state.prepared, ask: event})
        case AskObeyed(ask=ask, mission_id=mission_id):
            answered = replace(state, answered=state.answered | {ask})
            if not event.launched:
                return answered
            return replace(answered, missions={**state.missions, mission_id: event.mission})
        case AskRefused(ask=ask):
            return replace(state, answered=state.answered | {ask})
        case MissionCommented(mission_id=mission_id):
            left = {id: why for id, why in state.refused.items() if id != mission_id}
            comments = {**state.comments, mission_id: event}
            # One that a person had done again, from elsewhere, is told here first.
            missions = {**state.missions, mission_id: event.mission}
            return replace(state, comments=comments, refused=left, missions=missions)
        case CommentRefused(mission_id=mission_id, reason=reason):
            return replace(state, refused={**state.refused, mission_id: reason})
        case IssueClosed(mission_id=mission_id) | IssueLeftOpen(mission_id=mission_id):
            return replace(state, settled=state.settled | {mission_id})
    assert_never(event)
