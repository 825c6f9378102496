"""Editors accept what the reader accepts, and show what each key means."""

from collections.abc import Callable
from importlib import resources
from typing import Any

import jsonschema
import msgspec
import pytest
from ruamel.yaml import YAML

from hive_contracts.files import FileProblem, parse_mission, parse_repository
from hive_contracts.files.__main__ import PAGE
from hive_contracts.files.described import ROOTS, keys_of, structs_of, summary_of
from hive_contracts.files.incidents import parse_incidents
from hive_contracts.files.policy import parse_policy
from hive_contracts.files.reference import reference
from hive_contracts.files.schema import schema_of
from hive_contracts.slo.objective import shipped
from tests.component.docs.pages import PAGES, ROOT, blocks

OBJECTIVES = {objective.name for objective in shipped()}


def parse_any_policy(text: str, where: str) -> object:
    return parse_policy(text, where, OBJECTIVES)


READ: dict[str, Callable[[str, str], object]] = {
    "mission": parse_mission,
    "repository": parse_repository,
    "incidents": parse_incidents,
    "policy": parse_any_policy,
}
WRITTEN = [
    *((note, text) for page in PAGES for note, text in blocks(page, "yaml")),
    *(("mission", path.read_text()) for path in sorted((ROOT / "examples").glob("*.yaml"))),
]
GOOD = [
    *WRITTEN,
    (
        "mission",
        "mission: 12\nprompt: 7\ngates: tests\nattempts: 3\ntimeouts: {run: 90, start: 2m}\n",
    ),
    ("mission", "mission: x\nrun: y\nprerequisites: metrics\nagents: {a: b}\nresult: branch\n"),
    ("repository", "setup: {run: x, timeout: 5m}\nenv: {pass: HOME, set: {PORT: 8080, ON: yes}}\n"),
]
WRONG = [
    ("mission", "mission: x\nrunn: y\n"),
    ("mission", "run: y\n"),
    ("mission", "mission: x\nattempts: many\nrun: y\n"),
    ("mission", "mission: x\nrun: y\ntimeouts: {run: soon}\n"),
    ("mission", "mission: x\nphases: {a: {for_each: {per: folder}}}\n"),
    ("mission", "mission: x\nphases: [a]\n"),
    ("repository", "setup: {timeout: 5m}\n"),
    ("repository", "gates: [a]\n"),
    ("incidents", "causes: [{alert: a, severity: huge}]\n"),
    ("incidents", "notify: {x: {url: http://a}}\n"),
    ("policy", "states: {x: {slots: 1}}\n"),
    ("policy", "states: {x: {budgets: {rework-rate: much}, slots: 1}}\n"),
]


def validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = msgspec.json.decode(
        (resources.files("hive_contracts.files") / "schemas" / f"{kind}.json").read_bytes()
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def data_of(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_what_the_reader_takes_the_schema_takes(kind: str, text: str) -> None:
    READ[kind](text, "file")
    assert list(validator(kind).iter_errors(data_of(text))) == []


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_what_the_reader_refuses_the_schema_refuses(kind: str, text: str) -> None:
    with pytest.raises(FileProblem):
        READ[kind](text, "file")
    assert list(validator(kind).iter_errors(data_of(text)))


def test_the_schemas_that_ship_and_the_page_are_in_sync_with_the_structs() -> None:
    for kind in ROOTS:
        assert validator(kind).schema == schema_of(kind), "make reference"
    assert PAGE.read_text() == reference(), "make reference"


@pytest.mark.parametrize("kind", ROOTS)
def test_every_key_says_what_it_means(kind: str) -> None:
    for struct in structs_of(ROOTS[kind]):
        assert summary_of(struct)
        for key in keys_of(struct):
            assert key.meaning, f"{struct.__name__}.{key.name} has no docstring"
