"""Events and commands of a runner and its sessions: its stream is `runner-<runner_id>`."""

from typing import Literal

import msgspec

CloseReason = Literal["superseded", "expired", "drained"]


class RunnerEvent(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    runner_id: str


class SessionOpened(RunnerEvent, frozen=True):
    """A runner's process was heard for the first time, again after its session was closed, or with
    other agents than before."""

    session_id: str
    name: str
    slots: int
    agents: tuple[str, ...] = ()


class SessionClosed(RunnerEvent, frozen=True):
    """What this session had leased is leased anew."""

    session_id: str
    reason: CloseReason


AnyRunnerEvent = SessionOpened | SessionClosed


class RunnerCommand(msgspec.Struct, frozen=True, tag=True, tag_field="type", omit_defaults=True):
    runner_id: str


class OpenSession(RunnerCommand, frozen=True):
    session_id: str
    name: str
    slots: int
    agents: tuple[str, ...] = ()


class CloseSession(RunnerCommand, frozen=True):
    session_id: str
    reason: CloseReason


AnyRunnerCommand = OpenSession | CloseSession
