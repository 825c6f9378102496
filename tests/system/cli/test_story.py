"""One mission from `hive init` to `hive land`: a person types only what the screen offers."""

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hive_cli.main import main
from tests.component.client.repositories import commit, make_repository
from tests.system.agents.terminal import Terminal
from tests.system.hive import RealHive, open_folder, running

AGENT = """\
#!/bin/sh
# Until it is taken over it works and comes to no end; then it does what it is told, or harm.
prompt=$(cat)
tool() {{
  printf '{{"type":"assistant","message":{{"id":"%s","usage":{{"input_tokens":%s}},' "$1" "$2"
  printf '"content":[{{"type":"tool_use","name":"Edit","input":{{"file_path":"%s"}}}}]}}}}\\n' "$3"
}}
if test ! -e {marks}/taken; then
  echo half > half.txt
  tool m1 41500 src/upload.py
  exec sleep 600
fi
until test -e {marks}/told; do sleep 0.1; done
case "$prompt" in
  *"mind the clock"*) echo "$prompt" > asked.txt; rm -f bad.txt; tool m2 900 asked.txt ;;
  *) touch bad.txt; tool m3 900 bad.txt ;;
esac
"""
AT_WORK = "running +attempt 1 of 2"
DOING = f"{AT_WORK}, ▸ Edit src/upload.py, 41.5k tokens"


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with open_folder("story", request.session) as made:
        yield made


@pytest.fixture
def hive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealHive]:
    agent = folder / "agent"
    agent.write_text(AGENT.format(marks=folder))
    agent.chmod(0o755)
    profiles = json.dumps({"mender": {"command": [str(agent)]}})
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    hive = RealHive(folder / "hive", HIVE_PROFILES=profiles, PATH=path)
    monkeypatch.setenv("HIVE_DATA", str(hive.data))
    with running(hive):
        yield hive


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_repository(tmp_path / "shop")
    commit(path, "Makefile", "test:\n\ttest ! -e bad.txt\n")
    monkeypatch.chdir(path)
    return path


class Person:
    """Who reads what was shown last, and types a command out of it."""

    def __init__(self) -> None:
        self.shown = ""

    def types(self, *words: str, says: str = "", exit: int = 0) -> str:
        """The command on the screen that begins so, with its text in quotes as the person's own."""
        result = CliRunner().invoke(main, self.offered(*words, says=says))
        self.shown = result.output
        assert result.exit_code == exit, self.shown
        return self.shown

    def offered(self, *words: str, says: str = "") -> list[str]:
        begin = r"hive " + " ".join(map(re.escape, words))
        # A command ends where its line, its code quotes or its column does.
        found = re.search(rf"{begin}\b.*?(?= · |`|  |;|$)", self.shown, re.MULTILINE)
        assert found is not None, f"no `hive {' '.join(words)}` in: {self.shown}"
        typed = shlex.split(found[0])[1:]
        if says:
            typed[-1] = says
        assert not any("…" in word for word in typed), "a person has no more to say here"
        return typed

    def sits_at(self, *words: str, says: str = "", until: str) -> str:
        """The same on a terminal: they look until that pattern is shown, and leave by Ctrl-C."""
        command = [sys.executable, "-m", "hive_cli.main", *self.offered(*words, says=says)]
        terminal = Terminal(command, os.environ, Path.cwd())
        try:
            terminal.until(lambda: re.search(until, terminal.text), 60)
            terminal.type("\x03")
            assert terminal.ended() == 130, terminal.text
            self.shown = terminal.text
        finally:
            terminal.close()
        return self.shown


def test_a_person_gets_from_a_repository_to_what_is_landed_by_what_the_screen_says(
    hive: RealHive, repository: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person()
    person.shown = "hive init"
    assert "gate   tests: make test" in person.types("init")
    person.types("init", "--commit")
    at_work = DOING if hive.state.redis else AT_WORK
    person.sits_at("run", says="Mend the upload.", until=at_work)
    person.sits_at("watch", until=at_work)
    person.types("mission", "show")

    person.types("take")
    worktree = Path(re.search(r"files  (.+), branch ", person.shown)[1]).expanduser()  # type: ignore[index]
    assert (worktree / "half.txt").read_text() == "half\n"
    (worktree / "by-hand.txt").write_text("mine\n")
    (folder / "taken").touch()
    monkeypatch.chdir(worktree)
    person.types("give", "--note", says="the rest of it")
    monkeypatch.chdir(repository)

    person.types("why")
    person.sits_at("watch", until=AT_WORK)
    offered = person.types("mission", "show")
    person.types("tell", says="mind the clock")
    (folder / "told").touch()
    person.shown = offered
    logs = person.types("logs")
    assert "▸ Edit bad.txt" in logs, "the first attempt has not heard of it"
    assert "▸ Edit asked.txt" in logs

    person.shown = offered
    ended = person.types("watch")
    assert "✓ succeeded" in ended
    person.types("diff")
    person.shown = ended
    person.types("land")
    assert (repository / "by-hand.txt").read_text() == "mine\n"
    asked = (repository / "asked.txt").read_text()
    assert all(said in asked for said in ("Mend the upload.", "the rest of it", "mind the clock"))
    assert not (repository / "bad.txt").exists()
