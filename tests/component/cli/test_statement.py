from pathlib import Path

import pytest

from hive_cli.statement import PROMPT, is_file, read_call, read_mission, read_statement
from hive_contracts.files import FileProblem
from hive_contracts.plan import CommandGate
from tests.component.client.repositories import commit, make_repository


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
    stated = read_statement(
        "Fix the flaky upload test, and its twin!", repository, ["make test"], False, lambda: ["cx"]
    )
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
    assert read_statement(str(file), repository, [], True, no_agents).plan.name == "m"


@pytest.mark.parametrize(
    ("agents", "said"),
    [
        ([], "no agent is named, and no runner has one"),
        (["b", "a", "a"], "no agent is named, and the runners have a, b"),
    ],
)
def test_an_agent_is_not_guessed(agents: list[str], said: str, repository: Path) -> None:
    with pytest.raises(FileProblem) as caught:
        read_statement("do it now", repository, [], True, lambda: agents)
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
