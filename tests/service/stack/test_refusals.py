"""What `hive up` refuses: one clear error, before anything is made."""

import shutil
import socket
import sys
from importlib import metadata
from pathlib import Path

import pytest

from hive_stack import Stack, StackError, binaries, checks, services
from tests.service.stack.conftest import MakeStack


def refused(stack: Stack) -> StackError:
    with pytest.raises(StackError) as raised:
        stack.up()
    return raised.value


def only(folder: Path, *programs: str) -> str:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for program in programs:
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(Path(found).resolve())
    return str(folder)


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use(make_stack: MakeStack, offset: int) -> None:
    stack = make_stack()
    port = stack.settings.port + offset
    with socket.create_server(("127.0.0.1", port)):
        error = refused(stack)
    assert (error.code, error.where) == ("port-in-use", f"127.0.0.1:{port}")
    assert "hive up --port" in error.remedy
    assert not stack.paths.data.exists()


def test_services_that_are_not_installed(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(services.MODULES, "github", "hive_nowhere.github")
    monkeypatch.setitem(services.MODULES, "health", "hive_nowhere")
    stack = make_stack()
    error = refused(stack)
    assert (error.code, error.message) == ("services-missing", "not installed: github, health")
    assert error.where == sys.executable
    assert "pip install 'agent-hive[embedded]'" in error.remedy
    assert not stack.paths.data.exists()


def test_what_the_remedy_installs_is_all_that_a_stack_starts() -> None:
    wanted = [name for name in services.MODULES if name != "relay"]
    required = metadata.requires("agent-hive") or []
    embedded = {each.partition(";")[0].strip() for each in required if "'embedded'" in each}
    assert embedded >= {f"hive-{name}" for name in wanted}, "the relay is shared's"


def test_no_git(make_stack: MakeStack, tmp_path: Path) -> None:
    stack = make_stack(PATH=only(tmp_path / "bin", "sh"))
    assert refused(stack).code == "no-git"
    assert not stack.paths.data.exists()


def test_a_wheel_without_a_build_for_this_system(
    make_stack: MakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "postgres"
    broken.write_bytes(b"\x7fELF for another machine")
    broken.chmod(0o755)
    (tmp_path / "initdb").touch()
    monkeypatch.setattr(binaries, "wheel_postgres", lambda: broken)
    stack = make_stack(PATH=only(tmp_path / "bin", "git"))
    error = refused(stack)
    assert error.code == "no-postgres"
    assert "agent-hive[embedded]" in error.remedy
    assert not stack.paths.data.exists()


def test_no_nats_that_is_new_enough(
    make_stack: MakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = only(tmp_path / "bin", "git")
    old = tmp_path / "bin" / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.9.10\n")
    old.chmod(0o755)
    monkeypatch.setattr(binaries, "wheel_nats", lambda: tmp_path / "absent")
    error = refused(make_stack(PATH=path))
    assert error.code == "no-nats"
    assert "2.10" in error.message


def test_an_old_program_on_path_gives_way_to_the_wheel(tmp_path: Path) -> None:
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.9.10\n")
    old.chmod(0o755)
    assert binaries.find_nats(str(tmp_path)).path == binaries.wheel_nats()


def test_not_enough_disk(make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack()
    with pytest.raises(StackError) as raised:
        checks.require_disk(stack.paths.data, needed=1 << 60)
    assert raised.value.code == "disk-full"
    assert raised.value.where == str(stack.paths.data)


def test_a_data_directory_that_is_a_file(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.paths.data.write_text("mine")
    assert "it is no directory" in refused(stack).message
    assert stack.paths.data.read_text() == "mine"


def test_a_folder_with_other_peoples_files(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.paths.data.mkdir()
    (stack.paths.data / "thesis.tex").touch()
    assert "it holds other files" in refused(stack).message
    assert [path.name for path in stack.paths.data.iterdir()] == ["thesis.tex"]


def test_a_record_that_is_no_postgresql_data(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.paths.postgres.mkdir(parents=True)
    stack.paths.lock.touch()
    error = refused(stack)
    assert (error.code, error.where) == ("broken-data-directory", str(stack.paths.postgres))


def test_a_state_that_cannot_be_read(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.paths.data.mkdir()
    stack.paths.state.write_text("{")
    error = refused(stack)
    assert (error.code, error.where) == ("broken-data-directory", str(stack.paths.state))
    stack.paths.state.unlink()


def test_a_setting_of_a_service_that_cannot_be_taken(make_stack: MakeStack) -> None:
    stack = make_stack(HIVE_SCHEDULER_FENCE="never")
    error = refused(stack)
    assert (error.code, error.where) == ("settings", "HIVE_SCHEDULER_FENCE")
    assert not stack.paths.data.exists()


def test_data_of_a_postgresql_that_is_not_here(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.paths.postgres.mkdir(parents=True)
    stack.paths.lock.touch()
    (stack.paths.postgres / "PG_VERSION").write_text("99\n")
    error = refused(stack)
    assert error.code == "no-postgres"
    assert "PostgreSQL 99" in error.message
