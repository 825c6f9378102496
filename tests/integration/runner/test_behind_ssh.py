"""A repository behind SSH: the runner has its person's keys, nobody is asked, and agents get none.

In OpenSSH's place stands a script that tells of what it was given, and serves what it was asked
for from this machine.
"""

import asyncio
import os
from pathlib import Path

import pytest

from hive_contracts.orders import Lease
from hive_contracts.plan import Repository
from tests.integration.runner.test_behind_login import LOOKS_AROUND, files_with
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    lease,
    with_repository,
)

HOST = "forge.example"
KEY = "the-private-key"
SSH = """\
#!/bin/sh
{{ echo "called: $*"; env; echo "session: $(cut -d' ' -f6 /proc/$$/stat)"; }} >> '{seen}'
while test "${{1#-}}" != "$1"; do
    case "$1" in -o | -p) shift 2 ;; *) shift ;; esac
done
{asks}
if test "$(cat "$HOME/.ssh/id_ed25519")" != {key}; then
    echo "$1: Permission denied (publickey)." >&2
    exit 255
fi
exec sh -c "$2"
"""
ASKS = """\
if (exec < /dev/tty) 2> /dev/null; then
    read -r answer < /dev/tty
else
    echo 'Host key verification failed.' >&2
    exit 255
fi
"""
"""What OpenSSH does about a host that it has never seen."""


class Person:
    """Whose runner it is: with a key in HOME, an SSH agent, and an `ssh` of their own."""

    def __init__(self, folder: Path, way: str) -> None:
        self._program = folder / "bin" / "ssh"
        self._told = folder / "told"
        self.env = PERSON | {"HOME": str(folder / "home"), "SSH_AUTH_SOCK": "/run/agent.sock"}
        (folder / "bin").mkdir()
        (folder / "home" / ".ssh").mkdir(parents=True)
        self.key = folder / "home" / ".ssh" / "id_ed25519"
        self.key.write_text(KEY)
        self.answers("")
        if way == "GIT_SSH_COMMAND":
            self.env["GIT_SSH_COMMAND"] = f"'{self._program}' -v"
        elif way == "core.sshCommand":
            configured = f'[core]\n\tsshCommand = "{self._program} -v"\n'
            (folder / "home" / ".gitconfig").write_text(configured)
        else:
            self.env["PATH"] = f"{folder / 'bin'}{os.pathsep}{self.env['PATH']}"

    def answers(self, asks: str) -> None:
        self._program.write_text(SSH.format(seen=self._told, asks=asks, key=KEY))
        self._program.chmod(0o755)

    def told(self) -> list[str]:
        """What ssh was given, all calls together."""
        return self._told.read_text().splitlines()


@pytest.fixture(params=["GIT_SSH_COMMAND", "core.sshCommand", "PATH"])
def person(request: pytest.FixtureRequest, tmp_path: Path) -> Person:
    (tmp_path / "theirs").mkdir()
    return Person(tmp_path / "theirs", request.param)


def by_ssh(source: Source, asked: Lease, form: str = "ssh://git@{host}{path}") -> Lease:
    url = form.format(host=HOST, path=source.path / ".git")
    return with_repository(asked, Repository(url, source.head, "main"))


async def test_the_runner_fetches_with_the_persons_keys_and_the_agent_gets_none(
    source: Source, tmp_path: Path, person: Person
) -> None:
    workshop = Workshop(tmp_path / "data", person.env)
    result = done(await workshop.perform(by_ssh(source, lease(source, run=LOOKS_AROUND))))
    told = person.told()
    assert f"HOME={person.env['HOME']}" in told
    assert "SSH_AUTH_SOCK=/run/agent.sock" in told
    seen = workshop.files_of(result.commit)["seen.txt"]
    assert "HIVE_MISSION=fix-1" in seen
    for secret in (HOST, "SSH_AUTH_SOCK", "/run/agent.sock", "GIT_SSH", "sshCommand", KEY):
        assert secret not in seen
    assert files_with(workshop.options.folder, KEY) == []


async def test_an_address_as_scp_writes_it_is_fetched_as_well(
    source: Source, tmp_path: Path
) -> None:
    person = Person(tmp_path, "PATH")
    workshop = Workshop(tmp_path / "data", person.env)
    asked = by_ssh(source, lease(source, run="echo 1 > one"), "git@{host}:{path}")
    assert "one" in workshop.files_of(done(await workshop.perform(asked)).commit)
    assert any(f"git@{HOST} git-upload-pack" in line for line in person.told())


async def test_a_question_that_ssh_would_ask_is_an_error_that_says_what_to_do(
    source: Source, tmp_path: Path, person: Person
) -> None:
    person.answers(ASKS)
    workshop = Workshop(tmp_path / "data", person.env)
    async with asyncio.timeout(30):
        found = failure(await workshop.perform(by_ssh(source, lease(source, run="true"))))
    assert found.kind == "permanent"
    assert "nobody has agreed to its host's key. Connect to it once by hand" in found.detail
    # Of a session that has no terminal, whoever started the runner.
    sessions = {int(line.split()[1]) for line in person.told() if line.startswith("session: ")}
    assert sessions
    assert os.getsid(0) not in sessions


async def test_a_key_that_is_not_let_in_is_one_clear_error(
    source: Source, tmp_path: Path, person: Person
) -> None:
    person.key.write_text("another")
    workshop = Workshop(tmp_path / "data", person.env)
    found = failure(await workshop.perform(by_ssh(source, lease(source, run="true"))))
    assert found.kind == "permanent"
    assert found.detail.endswith(
        "cannot be read by the runner: give its user access, by a key without a passphrase or one"
        " that its SSH agent holds"
    )
