from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from hive_cli.new import TEMPLATES, template_text
from hive_contracts.files import RepositoryFile, compile_plan, parse_mission
from tests.component.client.repositories import make_repository


def hive(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_a_mission_as_it_stands_and_with_its_proposals(template: str) -> None:
    text = template_text(template, "tidy", "tidy.yaml")
    file = RepositoryFile(gates={"tests": "pytest -q"}, agent="claude")
    plan = compile_plan(parse_mission(text, "tidy.yaml"), file, None)
    assert plan.name == "tidy"
    assert "NAME" not in text
    # What is proposed at the top level can be taken by removing its `# `.
    for line in text.splitlines():
        if line.startswith(("# agent:", "# gates:", "# attempts:", "# timeouts:")):
            added = f"{text}\n{line.removeprefix('# ')}\n"
            assert compile_plan(parse_mission(added, "tidy.yaml"), file, None)


@pytest.mark.parametrize("template", TEMPLATES)
def test_new_writes_a_file_that_a_plan_can_be_shown_of(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = hive("mission", "new", "tidy", "--template", template)
    assert result.output == "wrote tidy.yaml · next: edit it, then hive run --plan tidy.yaml\n"
    assert (
        parse_mission((tmp_path / "tidy.yaml").read_text(), "tidy.yaml").mission.mission == "tidy"
    )


def test_a_file_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidy.yaml").write_text("mine")
    result = hive("mission", "new", "tidy")
    assert (result.exit_code, "there already" in result.stderr) == (2, True)
    assert (tmp_path / "tidy.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["tidy.yaml"]


def test_a_name_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("../x", "Fix It", "a/b"):
        assert hive("mission", "new", name).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_in_a_repository_the_file_names_its_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_repository(tmp_path / "app")
    (top / "missions").mkdir()
    monkeypatch.chdir(top / "missions")
    assert hive("mission", "new", "tidy").exit_code == 0
    first = (top / "missions/tidy.yaml").read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (top / "missions" / named).resolve() == top / ".hive/schema/mission.json"
