"""Whatever stands in a file, the answer is a plan or a FileProblem that says where."""

import re
import time
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hive_contracts import wire
from hive_contracts.files import FileProblem, RepositoryFile, compile_plan, parse_mission
from hive_contracts.files.described import ROOTS, keys_of, structs_of
from hive_contracts.files.repository import parse_repository
from hive_contracts.plan import Plan
from hive_contracts.v1 import plan_pb2
from tests.component.docs.pages import PAGES, blocks

FILE = RepositoryFile(gates={"tests": "pytest -q"}, agent="claude")
KEYS = sorted(
    {key.name for root in ROOTS.values() for struct in structs_of(root) for key in keys_of(struct)}
)
EXAMPLES = [text for page in PAGES for note, text in blocks(page, "yaml") if note == "mission"]
PATIENT = settings(
    # Wall time says little on a busy machine; `judge` measures.
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_PLACE = re.compile(r"fix\.yaml(:\d+)?")

texts = st.one_of(
    st.sampled_from(
        ["tests", "a b", "${item}", "${", "$${x}", "30m", "1e999", "src/*/", "-", "x-1"]
    ),
    st.text(max_size=12),
)
scalars = st.one_of(
    texts, st.integers(), st.floats(), st.booleans(), st.none(), st.just(9**40), st.just("9" * 400)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), texts), inner, max_size=4),
    ),
    max_leaves=16,
)


def judge(text: str) -> None:
    plan: Plan | FileProblem
    began = time.process_time()
    try:
        file = parse_mission(text, "fix.yaml")
        plan = compile_plan(file, FILE, None, read_prompt=lambda name, where: f"read {name}")
    except FileProblem as problem:
        plan = problem
    assert time.process_time() - began < 1
    if isinstance(plan, FileProblem):
        assert plan.message
        assert plan.remedy
        assert _PLACE.fullmatch(plan.where), plan.where
        return
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan
    assert wire.from_proto(wire.to_proto(plan, plan_pb2.Plan), Plan) == plan


@PATIENT
@given(st.text())
@example("mission: \ud800")
@example('mission: "\\ud800"')
@example('mission: x\nrun: "\\ud800"')
@example('"\\uD800": x')
@example('mission: "\\U00110000"')
@example("mission: !!timestamp x\nrun: y")
@example("mission: x\nrun: y\nattempts: 1__0")
@example("mission: x\nrun: y\nattempts: 0x")
@example("mission: x\nrun: y\ntimeouts: {run: 99999999999999999999d}")
@example("mission: x\nresult: [branch]\nrun: y")
@example("? [a]\n: b")
@example("&a [*a]")
@example("mission: &m x\nrun: *n")
@example("%YAML 9.9\n---\nmission: x")
@example("<<: {mission: x}\nrun: y")
@example("mission: x\nrun: y\n--- \nmission: z")
@example("[" * 5_000)
@example("{a: " * 5_000)
def test_any_text_is_a_plan_or_a_problem(text: str) -> None:
    judge(text)


@PATIENT
@given(values)
def test_known_keys_with_any_values_are_a_plan_or_a_problem(value: Any) -> None:
    written = {"mission": "m", "run": "make", **value} if isinstance(value, dict) else value
    judge(_yaml(written))


@PATIENT
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_good_file_with_a_part_replaced_is_a_plan_or_a_problem(
    text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    judge(text[:start] + data.draw(st.one_of(st.just(""), texts)) + text[end:])


@PATIENT
@given(st.one_of(st.text(), values.map(lambda value: _yaml(value))))
def test_any_repository_file_is_one_or_a_problem(text: str) -> None:
    file: RepositoryFile | FileProblem
    try:
        file = parse_repository(text, "fix.yaml")
    except FileProblem as problem:
        file = problem
    if isinstance(file, FileProblem):
        assert _PLACE.fullmatch(file.where), file.where
        assert file.remedy


def _yaml(value: Any) -> str:
    """JSON is YAML, but for what neither can say."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_yaml(str(k))}: {_yaml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_yaml, value)) + "]"
        case str():
            return f'"{"".join(map(_escaped, value))}"'
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case _:
            return repr(value)


def _escaped(character: str) -> str:
    odd = character in '"\\' or ord(character) < 32
    return f"\\U{ord(character):08x}" if odd else character
