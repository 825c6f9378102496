"""A runner and its sessions: given a history, when a command comes, then these events."""

import pytest

from hive_contracts.runner import (
    AnyRunnerCommand,
    AnyRunnerEvent,
    CloseSession,
    OpenSession,
    SessionClosed,
    SessionOpened,
)
from hive_orchestrator.deciders import runner
from hive_orchestrator.deciders.rejected import Rejected

R = "r" * 32
OPENED = SessionOpened(R, "session 2", "anvil", 4, ("codex",))


def again(session: str = "session 2", agents: tuple[str, ...] = ("codex",)) -> OpenSession:
    return OpenSession(R, session, "anvil", 4, agents)


@pytest.mark.parametrize(
    ("history", "command", "events"),
    [
        pytest.param([], again(), [OPENED], id="a runner is heard for the first time"),
        pytest.param([OPENED], again(), [], id="what is open is not opened again"),
        pytest.param(
            [OPENED],
            again(agents=("claude", "codex")),
            [SessionOpened(R, "session 2", "anvil", 4, ("claude", "codex"))],
            id="somebody logged in to another agent",
        ),
        pytest.param(
            [OPENED],
            again(agents=()),
            [SessionOpened(R, "session 2", "anvil", 4)],
            id="the only agent was logged out",
        ),
        pytest.param(
            [OPENED],
            again("session 3"),
            [
                SessionClosed(R, "session 2", "superseded"),
                SessionOpened(R, "session 3", "anvil", 4, ("codex",)),
            ],
            id="a new process takes the place of the old one",
        ),
        pytest.param(
            [OPENED],
            CloseSession(R, "session 2", "drained"),
            [SessionClosed(R, "session 2", "drained")],
            id="a drained session is closed",
        ),
        pytest.param(
            [OPENED], CloseSession(R, "session 1", "expired"), [], id="another session stays"
        ),
    ],
)
def test_sessions(
    history: list[AnyRunnerEvent], command: AnyRunnerCommand, events: list[AnyRunnerEvent]
) -> None:
    state: runner.Runner = runner.INITIAL
    for event in history:
        state = runner.evolve(state, event)
    assert runner.decide(state, command) == events


def test_an_older_process_is_turned_away() -> None:
    with pytest.raises(Rejected):
        runner.decide(runner.evolve(runner.INITIAL, OPENED), again("session 1"))
