"""Events of an issue: its stream is `issue-<repository id>-<number>`.

An issue is in the record once somebody asked the hive for something there.
"""

from typing import Final, Literal, get_args

import msgspec

from hive_contracts.plan import Value

Verb = Literal["run", "pause", "resume", "cancel", "approve", "reject", "status", "unknown"]
"""What may be asked; `unknown` is a command of no meaning here."""
VERBS: Final[tuple[str, ...]] = tuple(verb for verb in get_args(Verb) if verb != "unknown")
Via = Literal["label", "assignment", "comment"]


class IssueEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    issue_id: str


class IssuePlace(Value, frozen=True):
    """Where an issue is, as GitHub showed it."""

    repository_id: str
    repository: str
    """`owner/name` at that moment."""
    number: int
    installation: int = 0


class IssueAsked(IssueEvent, frozen=True):
    """Somebody asked for something. Whether they may is looked at when it is carried out."""

    ask: str
    """Unlike any other of this issue: `label-`, `assignment-` or `comment-` and GitHub's number of
    the event or comment."""
    place: IssuePlace
    by: str
    """A login."""
    via: Via
    verb: Verb
    argument: str = ""
    """Of a command, what is behind the verb; else the label, or who is assigned."""
    at_ms: int = 0
    """When, by GitHub's clock: milliseconds since 1970."""


class CommandPrepared(IssueEvent, frozen=True):
    """What is to be sent to the orchestrator is settled: each try from now on sends the same."""

    ask: str
    command: str
    """Digest of the command, an artifact."""
    mission_id: str = ""
    """Of whom it is about; empty where it launches one."""
    commit: str = ""
    """Of the default branch, where the files were read that a launch was made of."""


class AskObeyed(IssueEvent, frozen=True):
    ask: str
    mission_id: str = ""
    mission: str = ""
    """Its short name."""
    launched: bool = False
    """It was launched for this."""


class AskRefused(IssueEvent, frozen=True):
    ask: str
    why: Literal["stranger", "edited", "late", "invalid", "gone"]
    """`stranger`: has no write access; `edited`: the comment is not as it was written; `late`: it
    is older than what GitHub would still deliver; `gone`: the issue is not there any more."""
    reason: str = ""
    answer: int = 0
    """GitHub's number of the comment that says so; 0 where nobody was answered."""


class MissionCommented(IssueEvent, frozen=True):
    """The comment that shows how a mission stands was written, or written anew."""

    mission_id: str
    mission: str
    """Its short name."""
    comment: int
    """GitHub's number of it."""
    digest: str
    """SHA-256 of its text, in hex."""
    position: int
    """All events up to this one are told."""
    at_ms: int
    """Milliseconds since 1970."""


class CommentRefused(IssueEvent, frozen=True):
    """GitHub does not take the comment: the issue is gone, or locked to us."""

    mission_id: str
    reason: str


class IssueClosed(IssueEvent, frozen=True):
    """The hive closed it: what a mission did for it is merged."""

    mission_id: str


class IssueLeftOpen(IssueEvent, frozen=True):
    """What a mission did for it is merged, and the hive does not close it."""

    mission_id: str
    reason: str


AnyIssueEvent = (
    IssueAsked
    | CommandPrepared
    | AskObeyed
    | AskRefused
    | MissionCommented
    | CommentRefused
    | IssueClosed
    | IssueLeftOpen
)


class IssueCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    issue_id: str


class NoteAsk(IssueCommand, frozen=True):
    ask: str
    place: IssuePlace
    by: str
    via: Via
    verb: Verb
    argument: str = ""
    at_ms: int = 0
    is_edited: bool = False
    """The comment is not as it was written."""


class PrepareCommand(IssueCommand, frozen=True):
    ask: str
    command: str
    mission_id: str = ""
    commit: str = ""


class ObeyAsk(IssueCommand, frozen=True):
    ask: str
    mission_id: str = ""
    mission: str = ""
    launched: bool = False


class RefuseAsk(IssueCommand, frozen=True):
    ask: str
    why: Literal["stranger", "edited", "late", "invalid", "gone"]
    reason: str = ""
    answer: int = 0


class NoteComment(IssueCommand, frozen=True):
    mission_id: str
    mission: str
    comment: int
    digest: str
    position: int
    at_ms: int


class RefuseComment(IssueCommand, frozen=True):
    mission_id: str
    reason: str


class NoteClosed(IssueCommand, frozen=True):
    mission_id: str


class NoteLeftOpen(IssueCommand, frozen=True):
    mission_id: str
    reason: str


AnyIssueCommand = (
    NoteAsk
    | PrepareCommand
    | ObeyAsk
    | RefuseAsk
    | NoteComment
    | RefuseComment
    | NoteClosed
    | NoteLeftOpen
)
