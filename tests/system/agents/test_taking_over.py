"""A person takes a task from a real agent whose first change was turned down, goes on with its own
command in its own session or by hand, and gives it back.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest
from click.testing import CliRunner

from hive_cli.main import main
from hive_runner.testing import ScriptedModel, parse_scenario
from tests.component.client.repositories import run_git
from tests.system.agents import conftest as agents
from tests.system.agents.planted import BROKEN, FILE, HALF, MISSION, SOUND, change, hive_with
from tests.system.agents.terminal import Terminal
from tests.system.hive import running

SCENARIO = f"""
[[conversation]]
match = "A person has worked on this task"
[[conversation.turn]]
run = "echo 'bounds are compared' > NOTES"
[[conversation.turn]]
say = "I noted it."

[[conversation]]
match = "go on with the open bound"
[[conversation.turn]]
run = "{change(HALF, SOUND)}"
[[conversation.turn]]
run = "{change(HALF, SOUND)}"
[[conversation.turn]]
say = "Each bound is compared in its own way now."
[[conversation.turn]]
say = "Each bound is compared in its own way now."

[[conversation]]
match = "did not pass its gates"
[[conversation.turn]]
say = "I look at it again."
run = "{change(BROKEN, HALF)}"
[[conversation.turn]]
fault = {{kind = "stall"}}
say = "Fixed."

[[conversation]]
[[conversation.turn]]
say = "I look where bounds are compared."
run = "{change(BROKEN, HALF)}"
[[conversation.turn]]
say = "Fixed, all tests pass."
"""
TRUST = "Trustthisfolder?"
AGAIN_SECONDS = 2.0
HIVE = [sys.executable, "-m", "hive_cli.main"]
INTERRUPTED = "Conversationinterrupted"
"""How Codex shows a session whose turn was ended."""
MEND = change(HALF, SOUND)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("agent", "how"), [("codex", ["--done"]), ("opencode-acp", ["--note", "Note it down."])]
)
def test_a_person_takes_the_task_of_an_agent_at_work_and_gives_it_back(
    repository: Path,
    folder: Path,
    tmp_path: Path,
    agent: str,
    how: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ScriptedModel(parse_scenario(SCENARIO))
    home = tmp_path / "home"
    made = agents.codex(home, model) if agent == "codex" else agents.opencode(home, model, agent)
    profile = msgspec.to_builtins(made)
    profile["set_env"]["PATH"] = f"{Path(sys.executable).parent}:{profile['set_env']['PATH']}"
    mission, mine = tmp_path / "bounds.yaml", tmp_path / "mine"
    mission.write_text(MISSION.replace("AGENT", agent))
    monkeypatch.setenv("HIVE_PROFILES", json.dumps({agent: profile}))
    try:
        with running(hive_with(folder, profile, agent)) as hive:
            monkeypatch.setenv("HIVE_DATA", str(hive.data))
            with following(mission, repository) as followed:
                until(lambda: "stall" in became(model), 300)
                command = [*HIVE, "take", "bounds-1", "--agent", "--into", str(mine)]
                taken = Terminal(command, {**os.environ, "SHELL": "/bin/sh"}, repository)
                try:
                    (in_its_session if agent == "codex" else by_hand)(taken)
                    assert taken.ended() == 0, taken.shown
                finally:
                    taken.close()
                    ended_below(home)
                assert "bounds-1/fix/fixisstillyours" in taken.shown
                assert SOUND in (mine / FILE).read_text(), taken.shown
                monkeypatch.chdir(mine)
                given = CliRunner().invoke(main, ["give", *how])
                assert given.exit_code == 0, given.output
                said, _ = followed.communicate(timeout=400)
                assert followed.returncode == 0, said
                assert "after gate" in said, "the first change was turned down by the suite"
            landed = CliRunner().invoke(main, ["land", "bounds-1", "--repo", str(repository)])
            assert landed.exit_code == 0, landed.output
    finally:
        model.close()
    assert SOUND in (repository / FILE).read_text()
    assert (repository / "NOTES").exists() == (agent != "codex")
    assert "Hive-Attempt: bounds-1/fix/fix/" in run_git(repository, "log", "-5")


def in_its_session(taken: Terminal) -> None:
    """Types what comes next on Codex's own screen, and leaves it once that is done."""
    pressed = 0.0

    def ready() -> bool:
        nonlocal pressed
        resumed = INTERRUPTED in taken.shown.rpartition(TRUST)[2]
        # A key that comes before the question can be answered is lost.
        if not resumed and TRUST in taken.shown and time.monotonic() - pressed > AGAIN_SECONDS:
            pressed = time.monotonic()
            taken.type("\r")
        return resumed

    taken.until(ready)
    types(taken, "go on with the open bound")
    taken.until(lambda: "initsownwaynow" in taken.shown)
    types(taken, "/quit")


def by_hand(taken: Terminal) -> None:
    """In a shell, because OpenCode cannot go on from another folder."""
    taken.until(lambda: "cannotgoonwithasessionofitsownfromanotherfolder" in taken.shown)
    taken.until(lambda: "leavingitdoesnotgivethetaskback" in taken.shown)
    types(taken, f"{MEND}; exit")


def types(taken: Terminal, text: str) -> None:
    """A line; what comes faster than a person types would be taken for pasted text."""
    before = taken.shown.count(text.replace(" ", ""))
    taken.type(text)
    taken.until(lambda: taken.shown.count(text.replace(" ", "")) > before)
    time.sleep(0.5)
    taken.type("\r")


@contextmanager
def following(mission: Path, repository: Path) -> Iterator[subprocess.Popen[str]]:
    """`hive run`, which sees the mission through."""
    command = [*HIVE, "run", str(mission), "--repo", str(repository)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as followed:
        try:
            yield followed
        finally:
            followed.kill()


def became(model: ScriptedModel) -> list[str]:
    return [heard.became for heard in model.heard]


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    by = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < by
        time.sleep(0.1)


def ended_below(folder: Path) -> None:
    """Codex leaves a server running for its next terminal."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            process.kill()
