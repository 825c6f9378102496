from pathlib import Path

import pytest

from hive_cli.statement import (
    PROMPT,
    Statement,
    is_file,
    read_call,
    read_mission,
    read_statement,
)
from hive_client.tracked import found
from hive_contracts.files import FileProblem
from hive_contracts.plan import CommandGate, Globbed, Repository
from tests.component.client.repositories import commit, head, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = make_repository(tmp_path / "app")
    commit(path, "a.txt", "1\n")
    return path


def no_agents() -> list[str]:
    raise AssertionError("the runners need not be asked")


@pytest.mark.parametrize(
    ("what", "file"),
    [
        ("fix.yaml", True),
        ("missions/fix.yml", True),
        ("my missions/fix.yaml", True),
        ("./fix", True),
        ("fix the upload test", False),
        ("fix src/upload.py please", False),
        ("tidy", False),
    ],
)
def test_a_file_is_told_from_a_prompt(what: str, file: bool) -> None:
    assert is_file(what) is file


def test_a_file_without_an_ending_is_found_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fix").write_text("mission: m\nrun: x\n")
    assert is_file("fix")


def test_a_prompt_is_named_after_its_first_words(repository: Path) -> None:
    asked = "Fix the flaky upload test, and its twin!"
    with read_statement(asked, repository, ["make test"], False, lambda: ["cx"]) as stated:
        assert stated.what == PROMPT
    assert stated.plan.name == "fix-the-flaky-upload-test-and"
    assert stated.plan.criteria == (CommandGate("make-test", "make test"),)
    assert stated.plan.phases[0].tasks[0].agent == "cx"
    assert stated.plan.repository == stated.checkout.repository


def test_runners_are_asked_only_where_nobody_named_an_agent(
    repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text("mission: m\nprompt: do it\nagent: claude\n")
    with read_statement(str(file), repository, [], True, no_agents) as stated:
        assert stated.plan.name == "m"


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([], "no agent is named, and no runner has one"),
        (["b", "a", "a"], "no agent is named, and the runners have a, b"),
    ],
)
def test_an_agent_is_not_guessed(agents: list[str], said: str, repository: Path) -> None:
    with (
        pytest.raises(FileProblem) as caught,
        read_statement("do it now", repository, [], True, lambda: agents),
    ):
        raise AssertionError("an agent was guessed")
    assert caught.value.message == said


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nowhere.yaml", "nowhere.yaml: the file cannot be read: No such file or directory"),
        ("  ", "the prompt is empty"),
    ],
)
def test_what_is_not_there_is_said(what: str, said: str) -> None:
    with pytest.raises(FileProblem) as caught:
        read_mission(what)
    assert said in str(caught.value)


def test_a_file_of_ten_megabytes_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as out:
        out.truncate(10_000_000)
    with pytest.raises(FileProblem, match="10,000,000 bytes"):
        read_mission(str(file))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileProblem, match="not UTF-8"):
        read_mission(str(file))


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "qa-test-guardian", "remaining_tasks": ["a", "b"]}',
        "type: qa-test-guardian\nremaining_tasks: [a, b]\n",
    ],
)
def test_an_original_call_is_read_from_json_or_yaml(
    text: str, tmp_path: Path, repository: Path
) -> None:
    file = tmp_path / "call"
    file.write_text(text)
    plan = read_call(file, repository)
    assert (plan.type, [task.prompt for task in plan.phases[0].tasks]) == (
        "qa-test-guardian",
        ["a", "b"],
    )


def state(what: Path, repository: Path | None = None) -> Statement:
    with read_statement(str(what), repository, ["make test"], False, no_agents) as stated:
        return stated


def test_a_mission_names_its_repository_and_base_and_the_command_line_goes_before(
    repository: Path, tmp_path: Path
) -> None:
    first = head(repository)
    commit(repository, "b.txt", "2\n")
    other = make_repository(tmp_path / "other")
    commit(other, "c.txt", "3\n")
    file = tmp_path / "m.yaml"
    file.write_text(f"mission: m\nrun: x\nrepo: {{url: app, base: {first}}}\n")
    plan = state(file).plan
    assert plan.repository == Repository(str(repository), first)
    file.write_text("mission: m\nrun: x\nrepo: {url: app, base: main}\n")
    assert state(file).plan.repository == Repository(str(repository), head(repository), "main")
    assert state(file, other).plan.repository == Repository(str(other), head(other), "main")


def test_a_repository_elsewhere_is_fetched_only_to_be_looked_at(
    repository: Path, tmp_path: Path
) -> None:
    (repository / ".hive").mkdir()
    commit(repository, ".hive/repo.yaml", "gates: {tests: make test}\n")
    url = repository.as_uri()
    file = tmp_path / "m.yaml"
    file.write_text(f"mission: m\nprompt: x\nagent: cx\ngates: [tests]\nrepo: {url}\n")
    with read_statement(str(file), None, [], False, no_agents) as stated:
        looked_at = stated.checkout.path
        assert stated.checkout.file.gates == {"tests": "make test"}
        assert [item.value for item in found(stated.checkout, Globbed(("*.txt",)))] == ["a.txt"]
    assert stated.plan.repository == Repository(url, head(repository), "main")
    assert not looked_at.exists()


@pytest.mark.parametrize(
    ("repo", "said"),
    [
        ("{url: 'ext::sh -c touch% x'}", "is no repository's address"),
        ("{url: '--upload-pack=x'}", "is no repository's address"),
        ("{url: app, base: '--output=x'}", "is no name of a branch, tag or commit"),
        ("{url: app, base: 'main~1'}", "is no name of a branch, tag or commit"),
        ("{url: app, base: gone}", "there is no branch, tag or commit `gone`"),
        ("{url: nowhere}", "there is no such folder"),
        ("{url: 'file:///nowhere/at/all'}", "git cannot fetch HEAD"),
    ],
)
def test_a_repository_that_cannot_be_is_named(
    repo: str, said: str, repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(f"mission: m\nrun: x\nrepo: {repo}\n")
    with pytest.raises(FileProblem) as caught:
        state(file)
    assert said in str(caught.value)


def test_a_prompt_file_is_read_beside_the_mission_file(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/it.md").write_text("Do it.\n")
    file = tmp_path / "m.yaml"
    file.write_text("mission: m\nagent: cx\nprompt_file: prompts/it.md\n")
    assert state(file, repository).plan.phases[0].tasks[0].prompt == "Do it.\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret", "outside the mission file's folder"),
        ("/etc/passwd", "outside the mission file's folder"),
        ("~/.netrc", "outside the mission file's folder"),
        ("link", "a link that leads out"),
        ("none", "cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("raw", "is not UTF-8 text"),
        ("nul", "has a NUL character"),
        ("long", "300,000 bytes"),
    ],
)
def test_a_prompt_file_is_text_of_the_mission_s_folder(
    name: str, said: str, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "missions"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "raw").write_bytes(b"\xff")
    (folder / "nul").write_bytes(b"a\0b")
    (folder / "long").write_text("x" * 300_000)
    (folder / "m.yaml").write_text(f"mission: m\nagent: cx\nprompt_file: {name}\n")
    with pytest.raises(FileProblem) as caught:
        state(folder / "m.yaml", repository)
    assert said in str(caught.value)
    assert caught.value.where == f"{folder / 'm.yaml'}:3"


def test_a_repository_file_that_is_not_committed_is_named_where_it_would_have_counted(
    repository: Path,
) -> None:
    (repository / ".hive").mkdir()
    (repository / ".hive/repo.yaml").write_text("gates: {tests: make test}\n")
    with (
        pytest.raises(FileProblem) as caught,
        read_statement("do it now", repository, [], False, lambda: ["cx"]),
    ):
        raise AssertionError("it went on without gates")
    assert (caught.value.where, caught.value.remedy) == (
        ".hive/repo.yaml", "commit it: hive init --commit",
    )  # fmt: skip
    with read_statement("do it now", repository, ["x y"], False, lambda: ["cx"]) as stated:
        assert stated.checkout.file_is_new
