"""Agents that are given a part of HOME, with a sandbox and without; stand-ins for the real ones."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hive_runner.processes import sandbox
from hive_runner.processes.confinement import Confinement
from hive_runner.processes.home import Home, link
from hive_runner.processes.sandbox import Sandbox
from hive_runner.repositories.retire import left_behind, retire_left
from hive_shared.profiles import Login, Profile
from tests.integration.runner.workshop import PERSON, Source, Workshop, done, failure, lease

LOGIN = Login(folder="~/.agent", files=("auth.json",), command="agent login")
ACP_AGENT = Path(__file__).with_name("acp_agent.py")

Hire = Callable[..., Workshop]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A HOME with a login and a secret."""
    home = tmp_path / "home"
    for name, content in ((".agent/auth.json", "token"), (".ssh/id", "s3cret"), (".rc", "rc")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    return home


def workshop_of(
    data: Path, person: dict[str, str], box: Sandbox | None, **named: Profile
) -> Workshop:
    return Workshop(data, person, Confinement(sandbox=box), profiles=named)


@pytest.fixture
def bare(tmp_path: Path, home: Path) -> Hire:
    """A runner without a sandbox, whose agent is a shell script that gets a part of HOME."""

    def hire(script: str, *parts: str) -> Workshop:
        profile = Profile(("/bin/sh", "-c", script), login=LOGIN, home=parts or (".agent",))
        return workshop_of(tmp_path / "data", PERSON | {"HOME": str(home)}, None, agent=profile)

    return hire


@pytest.fixture
async def boxed(tmp_path: Path, home: Path) -> Hire:
    """The same with a sandbox, its data where it lies by default: in HOME."""
    data = home / ".local" / "share" / "agent-hive"
    path = f"{home}/npm/bin:{home}/.agent/bin:{PERSON['PATH']}"
    person = PERSON | {"HOME": str(home), "PATH": path}
    data.mkdir(parents=True)
    found = await sandbox.find("auto", data, person)
    if not isinstance(found, Sandbox):
        pytest.skip(f"no sandbox: {found}")

    def hire(script: str, *parts: str, program: str = "/bin/sh") -> Workshop:
        profile = Profile((program, "-c", script), login=LOGIN, home=parts or (".agent",))
        return workshop_of(data, person, found, agent=profile)

    return hire


async def files_made(workshop: Workshop, source: Source) -> dict[str, str]:
    """What an agent's work has, which is all that is left of the attempt."""
    result = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert workshop.folders_left() == []
    return workshop.files_of(result.commit)


async def test_an_agent_finds_of_home_what_its_profile_names_and_no_secret(
    source: Source, boxed: Hire, home: Path
) -> None:
    script = f"ls -A ~ > listed; cat ~/.ssh/id {home}/.ssh/id ~/.rc > read 2>&1; echo ~ > home"
    files = await files_made(boxed(script), source)
    assert "s3cret" not in files["read"]
    assert files["read"].count("No such file") == 3
    assert files["home"] == str(home)
    assert set(files["listed"].split()) == {".agent", ".local"}


async def test_a_login_is_refreshed_and_what_else_is_written_in_home_goes(
    source: Source, boxed: Hire, home: Path
) -> None:
    script = (
        "set -e; cat ~/.agent/auth.json > login; echo new > ~/.agent/next;"
        " mv ~/.agent/next ~/.agent/auth.json; echo evil >> ~/.rc; mkdir -p ~/.ssh ~/.cache/x;"
        " echo evil > ~/.ssh/id; cat ~/.ssh/id > wrote"
    )
    files = await files_made(boxed(script), source)
    assert (files["login"], files["wrote"]) == ("token", "evil")
    assert (home / ".agent/auth.json").read_text() == "new\n"
    assert ((home / ".rc").read_text(), (home / ".ssh/id").read_text()) == ("rc", "s3cret")
    assert not (home / ".cache").exists()


async def test_the_next_attempt_finds_the_sessions_of_the_one_before_and_nothing_else(
    source: Source, boxed: Hire
) -> None:
    script = (
        "ls ~/.agent/sessions ~/.cache > found 2>/dev/null; mkdir -p ~/.agent/sessions ~/.cache;"
        " touch ~/.agent/sessions/s-1 ~/.cache/c-1"
    )
    workshop = boxed(script)
    assert (await files_made(workshop, source))["found"] == ""
    found = (await files_made(workshop, source))["found"]
    assert ("s-1" in found, "c-1" in found) == (True, False)


async def test_a_file_that_is_named_is_written_and_cannot_be_replaced(
    source: Source, boxed: Hire, home: Path
) -> None:
    script = "echo new > ~/.next; mv ~/.next ~/.rc 2> said; echo more >> ~/.rc"
    files = await files_made(boxed(script, ".rc"), source)
    assert "busy" in files["said"]
    assert (home / ".rc").read_text() == "rcmore\n"


async def test_a_program_that_lies_in_home_starts_and_cannot_be_changed(
    source: Source, boxed: Hire, home: Path
) -> None:
    packages = home / "npm/lib/node_modules"
    (packages / "agent").mkdir(parents=True)
    (packages / "other").mkdir()
    (packages / "other/words").write_text("imported")
    program = packages / "agent/cli"
    program.write_text('#!/bin/sh\ncat "$(dirname "$(readlink -f "$0")")/../other/words" > words\n'
                       'echo x >> "$(readlink -f "$0")" || echo no > changed\n')  # fmt: skip
    program.chmod(0o755)
    (home / "npm/bin").mkdir()
    (home / "npm/bin/agent").symlink_to("../lib/node_modules/agent/cli")
    before = program.read_text()
    files = await files_made(boxed("", program="agent"), source)
    assert (files["words"], files["changed"]) == ("imported", "no")
    assert program.read_text() == before


async def test_no_link_that_an_agent_leaves_opens_more_to_the_next(
    source: Source, boxed: Hire, home: Path
) -> None:
    """A folder on PATH lies in what it may change."""
    (home / ".agent/bin").mkdir()
    script = (
        "cat ~/.ssh/id ~/.agent/bin/id > read 2>/dev/null; rm -rf ~/.agent/bin;"
        f" ln -s {home}/.ssh ~/.agent/bin; echo x > new"
    )
    workshop = boxed(script)
    for _ in range(2):
        assert (await files_made(workshop, source))["read"] == ""
    assert (home / ".agent/bin").is_symlink()


@pytest.fixture
def behind_a_link(tmp_path: Path, home: Path) -> None:
    """The hive's data lies on another disk, and a link in HOME leads there."""
    (tmp_path / "disk").mkdir()
    (home / ".local").symlink_to("../disk")


@pytest.mark.usefixtures("behind_a_link")
async def test_the_hives_data_may_lie_behind_a_link_in_home(
    source: Source, boxed: Hire, home: Path
) -> None:
    script = "ls -A ~ > listed; git log --format=%s > log; cat ~/.agent/auth.json > login"
    files = await files_made(boxed(script), source)
    assert files["listed"].split() == [".agent", ".local"]
    assert (files["log"], files["login"]) == ("change", "token")


async def test_caches_of_the_repository_file_and_the_checkout_are_there(
    source: Source, boxed: Hire, home: Path
) -> None:
    source.commit({".hive/repo.yaml": "cache: [~/.cache/tool]\n"})
    there = Source(home / "shop")
    there.commit({"README": "in home\n", ".hive/repo.yaml": "cache: [~/.cache/tool]\n"})
    script = f"cat {home}/shop/README > copy; echo x > {home}/shop/x; echo y > ~/.cache/tool/y"
    files = await files_made(boxed(script), there)
    assert files["copy"] == "in home"
    assert not (home / "shop/x").exists()
    assert (home / ".cache/tool/y").read_text() == "y\n"


async def test_the_hives_own_client_of_the_protocol_starts_where_it_lies_in_home(
    source: Source, tmp_path: Path
) -> None:
    home = Path(os.path.commonpath([sys.prefix, ACP_AGENT]))
    person = PERSON | {"HOME": str(home)}
    found = await sandbox.find("auto", tmp_path / "data", person)
    if not isinstance(found, Sandbox) or home == Path("/"):
        pytest.skip(f"no sandbox, or no folder with Python and tests: {found}")
    profile = Profile(
        (sys.executable, str(ACP_AGENT)),
        protocol="acp",
        home=(str(ACP_AGENT.relative_to(home)),),
    )
    workshop = workshop_of(tmp_path / "data", person, found, agent=profile)
    assert "Do it." in (await files_made(workshop, source))["asked"]


async def test_a_plain_command_has_all_of_home(source: Source, boxed: Hire) -> None:
    result = done(await boxed("").perform(lease(source, run="cat ~/.ssh/id > read")))
    assert boxed("").files_of(result.commit)["read"] == "s3cret"


async def test_without_a_sandbox_home_is_a_folder_of_the_attempt_with_links(
    source: Source, bare: Hire, home: Path, tmp_path: Path
) -> None:
    source.commit({".hive/repo.yaml": "cache: [~/.cache/tool]\nenv: {set: {HOME: /elsewhere}}\n"})
    script = (
        "echo ~ > home; ls -A ~ > listed; cat ~/.agent/auth.json > login; echo new >"
        " ~/.agent/auth.json; echo y > ~/.cache/tool/y; echo evil > ~/.rc; cat ~/.ssh/id > read;"
        f" cat {home}/.ssh/id > all-the-same"
    )
    files = await files_made(bare(script), source)
    assert f"{tmp_path}/data/" in files["home"]
    assert files["listed"].split() == [".agent", ".cache"]
    assert (files["login"], files["read"]) == ("token", "")
    assert files["all-the-same"] == "s3cret", "docs/security.md says so"
    assert (home / ".agent/auth.json").read_text() == "new\n"
    assert (home / ".cache/tool/y").read_text() == "y\n"
    assert (home / ".rc").read_text() == "rc"


async def test_somebody_has_to_be_logged_in_in_the_persons_own_home(
    source: Source, bare: Hire, home: Path
) -> None:
    (home / ".agent/auth.json").unlink()
    refused = failure(
        await bare("echo x > new").perform(lease(source, agent="agent", prompt="Do."))
    )
    assert "`agent login`" in refused.detail


async def test_without_a_home_there_is_no_part_of_it(source: Source, tmp_path: Path) -> None:
    profile = Profile(("/bin/sh", "-c", "echo x > new"), home=())
    workshop = workshop_of(tmp_path / "data", PERSON, None, agent=profile)
    refused = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert refused.kind == "permanent"
    assert "`profiles.agent.home` in hive.toml" in refused.detail
    assert "/nonexistent" in refused.detail


async def test_a_home_that_a_killed_runner_left_goes_and_the_persons_stays(
    bare: Hire, home: Path
) -> None:
    workshop = bare("")
    left = workshop.place.attempts / "task-1" / "home"
    (left / "closed").mkdir(parents=True)
    (left / "closed" / "file").write_text("x")
    link(Home(left, home), [Path(".agent"), Path(".rc")])
    (left / "closed").chmod(0)
    await retire_left(workshop.place, left_behind(workshop.place))
    assert workshop.folders_left() == []
    assert (home / ".agent/auth.json").read_text() == "token"
    assert (home / ".rc").read_text() == "rc"
