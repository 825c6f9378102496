"""A repository whose server asks for a login: the runner has it, and agents do not get it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hive_contracts.orders import Lease
from hive_contracts.plan import Repository
from hive_shared.profiles import Profile
from tests.integration.runner.behind_login import LOGIN, PASSWORD, Door, behind_login
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    lease,
    merge_of,
    merged,
    with_repository,
)

LOOKS_AROUND = """
{ env; cat /proc/self/environ; tr '\\0' ' ' < /proc/$PPID/cmdline
  git config --list --show-origin; git remote -v; cat .git
  cat "$(git rev-parse --git-dir)"/config "$(git rev-parse --git-common-dir)"/config
  git for-each-ref; cat "$HIVE_PROMPT_FILE"; } > seen.txt 2>&1
"""
SECRETS = (PASSWORD, LOGIN)


@pytest.fixture
def door(source: Source) -> Iterator[Door]:
    with behind_login(source.path.parent) as door:
        yield door


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of the person whose runner it is: their git has a helper, which has the login elsewhere."""
    home = tmp_path / "home"
    home.mkdir()
    keyring = tmp_path / "keyring"
    keyring.write_text(f"username=ada\npassword={PASSWORD}\n")
    helper = f"!f() {{ echo $1 >> {tmp_path}/asked; test $1 != get || cat {keyring}; }}; f"
    (home / ".gitconfig").write_text(f'[credential]\n\thelper = "{helper}"\n')
    return home


def runner(tmp_path: Path, home: Path) -> Workshop:
    profiles = {"looks": Profile(("sh", "-c", LOOKS_AROUND))}
    return Workshop(tmp_path / "data", PERSON | {"HOME": str(home)}, profiles=profiles)


def on(door: Door, source: Source, asked: Lease) -> Lease:
    repository = Repository(f"{door.url}/{source.path.name}/.git", source.head, "main")
    return with_repository(asked, repository)


def files_with(folder: Path, secret: str) -> list[str]:
    found: list[str] = []
    for parent, _, names in os.walk(folder):
        paths = (Path(parent) / name for name in names)
        found += [
            str(path) for path in paths if path.is_file() and secret.encode() in path.read_bytes()
        ]
    return found


async def test_the_runner_fetches_with_the_persons_helper_and_the_agent_does_not_see_the_login(
    source: Source, door: Door, home: Path, tmp_path: Path
) -> None:
    workshop = runner(tmp_path, home)
    work = lease(source, agent="looks", prompt="Look around.")
    result = done(await workshop.perform(on(door, source, work)))
    assert door.refused > 0, "without the login nobody gets in"
    assert door.let_in > 0
    assert "get" in (tmp_path / "asked").read_text().split()
    seen = workshop.files_of(result.commit)["seen.txt"]
    assert "HIVE_MISSION=fix-1" in seen
    for secret in SECRETS:
        assert secret not in seen
        assert secret not in str(result)
        assert files_with(workshop.options.folder, secret) == []
    assert door.url not in seen, "an attempt has no remote"


async def test_what_goes_on_from_there_needs_no_login_again(
    source: Source, door: Door, home: Path, tmp_path: Path
) -> None:
    workshop = runner(tmp_path, home)
    result = done(await workshop.perform(on(door, source, lease(source, run="echo b > b"))))
    fetched = door.let_in
    (tmp_path / "keyring").write_text("")
    merge = lease(source, "merge", merge=merge_of(result))
    assert merged(await workshop.perform(on(door, source, merge))).old == source.head
    assert door.let_in == fetched


async def test_a_login_that_is_refused_is_named_and_told_to_nobody(
    source: Source, door: Door, home: Path, tmp_path: Path
) -> None:
    wrong = "wr0ng-s3cret"
    (tmp_path / "keyring").write_text(f"username=ada\npassword={wrong}\n")
    workshop = runner(tmp_path, home)
    ended = failure(await workshop.perform(on(door, source, lease(source, run="true"))))
    assert ended.kind == "permanent"
    assert "cannot be read by the runner: give its user access" in ended.detail
    assert wrong not in str(ended)
    assert door.let_in == 0


async def test_without_a_helper_nobody_is_asked_and_the_remedy_is_named(
    source: Source, door: Door, home: Path, tmp_path: Path
) -> None:
    (home / ".gitconfig").unlink()
    workshop = runner(tmp_path, home)
    ended = failure(await workshop.perform(on(door, source, lease(source, run="true"))))
    assert "cannot be read by the runner: give its user access" in ended.detail
    assert door.let_in == 0
