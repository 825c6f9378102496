"""A runner and its sessions: one at a time, the newest process wins."""

from typing import Final, assert_never

from msgspec import Struct

from hive_contracts.runner import (
    AnyRunnerCommand,
    AnyRunnerEvent,
    CloseSession,
    OpenSession,
    SessionClosed,
    SessionOpened,
)
from hive_orchestrator.deciders.rejected import Rejected


class Offline(Struct, frozen=True):
    newest: str = ""
    """The newest session so far: ids are time-ordered, and an older process must not come back."""


class Online(Struct, frozen=True):
    session: SessionOpened

    @property
    def newest(self) -> str:
        return self.session.session_id


Runner = Offline | Online
INITIAL: Final = Offline()


def decide(runner: Runner, command: AnyRunnerCommand) -> list[AnyRunnerEvent]:
    """What a command brings about. Raises Rejected for the session of an older process."""
    match command, runner:
        case OpenSession(session_id=session), _ if session < runner.newest:
            raise Rejected("stale", "a newer process of this runner has a session")
        case OpenSession(), Online(session=open) if open.session_id == command.session_id:
            # The same process again: its agents may be others now, since somebody logged in.
            return [] if open.agents == command.agents else [_opened(command)]
        case OpenSession(), Online(session=open):
            old = SessionClosed(command.runner_id, open.session_id, "superseded")
            return [old, _opened(command)]
        case OpenSession(), Offline():
            return [_opened(command)]
        case CloseSession(), Online(session=open) if open.session_id == command.session_id:
            return [SessionClosed(command.runner_id, command.session_id, command.reason)]
    return []


def _opened(command: OpenSession) -> SessionOpened:
    return SessionOpened(
        command.runner_id, command.session_id, command.name, command.slots, command.agents
    )


def evolve(runner: Runner, event: AnyRunnerEvent) -> Runner:
    match event:
        case SessionOpened():
            return Online(event)
        case SessionClosed(session_id=session):
            if isinstance(runner, Online) and runner.session.session_id == session:
                return Offline(session)
            return runner
    assert_never(event)
