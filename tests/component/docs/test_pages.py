"""What the pages name is there, and what they show works."""

import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from google.protobuf import json_format

from hive_cli.main import main
from hive_contracts.files import (
    RepositoryFile,
    compile_plan,
    parse_mission,
    parse_repository,
)
from hive_contracts.files.incidents import parse_incidents
from hive_contracts.files.policy import parse_policy
from hive_contracts.ids import is_id
from hive_contracts.plan import Plan
from hive_contracts.slo.objective import shipped as shipped_objectives
from hive_contracts.v1 import event_pb2, github_pb2, mission_pb2, operations_pb2
from hive_runner.testing import parse_scenario
from hive_shared.profiles import Login, Profile, shipped
from hive_shared.settings import Sources, load
from hive_shared.settings.values import RunnerSettings
from tests.component.docs.pages import PAGES, ROOT, blocks, name_of

REPOSITORY = RepositoryFile(gates={"tests": "pytest -q", "lint": "ruff check ."}, agent="claude")
SERVICES = {
    service.full_name: service
    for file in (mission_pb2, event_pb2, operations_pb2, github_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`hive ([a-z][^`]*)`")
_TYPED = re.compile(r"^(?:\.venv/bin/)?hive ([a-z].*?)(?:\s+#.*)?$", re.MULTILINE)
_TEST = re.compile(r"\]\((\.\./tests/[^)]*)\): (.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    for line in commands(page):
        for words in alternatives(line):
            assert_exists(words)


def commands(page: Path) -> Iterator[str]:
    yield from _NAMED.findall(page.read_text())
    for _, text in blocks(page, "sh"):
        yield from _TYPED.findall(text)


def alternatives(line: str) -> Iterator[list[str]]:
    """`parked list|show ID` stands for `parked list ID` and `parked show ID`."""
    words = shlex.split(line)
    for number, word in enumerate(words):
        if "|" in word:
            for one in word.split("|"):
                yield from alternatives(shlex.join([*words[:number], one, *words[number + 1 :]]))
            return
    yield words


def assert_exists(words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    known |= set(command.get_help_option_names(context))
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in known, (command.name, word)


def test_every_test_that_the_guarantees_name_is_where_they_say() -> None:
    page = ROOT / "docs/guarantees.md"
    named = _TEST.findall(page.read_text())
    assert len(named) > 20
    for file, tests in named:
        text = (page.parent / file).read_text()
        for test in re.findall(r"`(\w+)`", tests):
            assert f"def {test}(" in text, f"{file}::{test}"


_HELD = re.compile(r"\[`(test_\w+)`\]\((\.\./tests/[^)#]*)\)")


def test_what_goes_wrong_with_agents_is_held_by_tests_that_there_are() -> None:
    page = ROOT / "docs" / "agents.md"
    section = page.read_text().partition("## What is known to go wrong")[2].partition("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")][2:]
    assert len(rows) > 10
    for row in rows:
        held = _HELD.findall(row)
        assert held, row
        for test, file in held:
            assert f"def {test}(" in (page.parent / file).read_text(), f"{file}::{test}"


def examples(note: str, language: str = "yaml") -> list[Any]:
    return [
        pytest.param(text, id=f"{name_of(page)} {number}")
        for page in PAGES
        for number, (about, text) in enumerate(blocks(page, language))
        if about == note
    ]


def test_every_example_in_yaml_says_what_it_is() -> None:
    notes = {about for page in PAGES for about, _ in blocks(page, "yaml")}
    assert notes == {"mission", "repository", "incidents", "policy"}


@pytest.mark.parametrize("text", examples("incidents"))
def test_a_file_of_incidents_of_the_pages_is_one(text: str) -> None:
    assert parse_incidents(text, "page").notify


@pytest.mark.parametrize("text", examples("policy"))
def test_a_policy_of_the_pages_is_one(text: str) -> None:
    names = {objective.name for objective in shipped_objectives()}
    assert parse_policy(text, "page", names).enforce


@pytest.mark.parametrize("text", examples("mission"))
def test_a_mission_of_the_pages_is_a_plan(text: str) -> None:
    file = parse_mission(text, "page")
    plan = compile_plan(file, REPOSITORY, None, read_prompt=lambda name, where: f"as {name} says")
    assert isinstance(plan, Plan)
    assert plan.phases
    assert plan.criteria


@pytest.mark.parametrize("text", examples("repository"))
def test_a_repository_file_of_the_pages_is_one(text: str) -> None:
    assert parse_repository(text, "page").gates


@pytest.mark.parametrize("text", examples("hive.toml", "toml"))
def test_settings_of_the_pages_can_be_taken(text: str, tmp_path: Path) -> None:
    (tmp_path / "hive.toml").write_text(text)
    settings = load(RunnerSettings, Sources(env={}, home=tmp_path / "nobody", cwd=tmp_path))
    assert settings.profiles.keys() == tomllib.loads(text).get("profiles", {}).keys()


@pytest.mark.parametrize("text", examples("scenario", "toml"))
def test_a_scenario_of_the_pages_can_be_played(text: str) -> None:
    assert parse_scenario(text).conversations


def test_the_agents_page_names_every_key_of_a_profile_and_every_profile_that_ships() -> None:
    text = (ROOT / "docs/agents.md").read_text()
    keys = {name for name in Profile.__struct_fields__ if name != "login"}
    keys |= {f"login.{name}" for name in Login.__struct_fields__}
    for name in keys | shipped().keys():
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("text", examples("grpcurl", "sh"))
def test_requests_of_the_pages_are_what_their_methods_take(text: str) -> None:
    calls = re.findall(r"(?:-d '(.*?)' )?127\.0\.0\.1:8001 (hive\S+)", text, re.DOTALL)
    assert len(calls) > 6
    for body, method in calls:
        service, _, name = method.partition("/")
        kind = SERVICES[service].methods_by_name[name].input_type._concrete_class
        message = json_format.Parse(body or "{}", kind())
        if command_id := getattr(message, "command_id", ""):
            assert is_id(command_id)


@pytest.mark.parametrize("text", examples("command id", "sh"))
def test_the_way_to_mint_a_command_id_yields_one(text: str) -> None:
    said = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    id = said.stdout.strip()
    assert is_id(id)
    assert (id[12], int(id[16], 16) >> 2) == ("7", 2)


@pytest.mark.parametrize("text", [*examples("run", "python"), *examples("compile", "python")])
def test_python_of_the_pages_is_python(text: str) -> None:
    compile(text, "page", "exec")


def test_the_calls_of_the_page_are_those_of_the_service() -> None:
    text = (ROOT / "docs/api.md").read_text()
    for name in SERVICES:
        assert name.removeprefix("hive.v1.") in text, json.dumps(sorted(SERVICES))
