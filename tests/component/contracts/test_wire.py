import math
from types import ModuleType
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from hive_contracts import orders, outcome, plan, task
from hive_contracts.v1 import plan_pb2, runner_pb2
from hive_contracts.wire import Misfit, from_proto, to_proto


def _structs(module: ModuleType) -> list[type[msgspec.Struct]]:
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type)
        and issubclass(member, msgspec.Struct)
        and member.__module__ == module.__name__
    ]


# These two never cross the gRPC interface.
_INTERNAL = {plan.Value, plan.Link, orders.Canary}
_PAIRS: list[tuple[type[msgspec.Struct], type[Message]]] = [
    (struct, getattr(proto, struct.__name__))
    for module, proto in ((plan, plan_pb2), (outcome, plan_pb2), (orders, runner_pb2))
    for struct in _structs(module)
    if struct not in _INTERNAL
] + [(task.TaskPlanned, runner_pb2.LeasedTask)]


def _values(type: inspect.Type) -> st.SearchStrategy[Any]:
    match type:
        case inspect.StrType():
            return st.text(max_size=8)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(-(2**31), 2**31 - 1)
        case inspect.FloatType():
            # At zero a field without presence cannot be told from an unset one.
            return st.floats(allow_nan=False, allow_infinity=False).filter(bool)
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.VarTupleType(item_type=item):
            return st.lists(_values(item), max_size=2).map(tuple)
        case inspect.DictType():
            return st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)
        case inspect.UnionType(types=types):
            return st.one_of(*map(_values, types))
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: _values(field.type) for field in fields})
    raise AssertionError(type)


@pytest.mark.parametrize(("struct", "message"), _PAIRS, ids=lambda pair: pair.__name__)
def test_a_struct_comes_back_as_it_was(
    struct: type[msgspec.Struct], message: type[Message]
) -> None:
    @settings(max_examples=12, deadline=None)
    @given(_values(inspect.type_info(struct)))
    def comes_back(value: msgspec.Struct) -> None:
        wire = to_proto(value, message).SerializeToString()
        assert from_proto(message.FromString(wire), struct) == value

    comes_back()


def test_what_is_unset_takes_the_default_of_the_struct() -> None:
    spec = from_proto(plan_pb2.TaskSpec(name="t"), plan.TaskSpec)
    assert spec == plan.TaskSpec(name="t")
    assert from_proto(plan_pb2.Globbed(patterns=["*"]), plan.Globbed).per == "path"
    assert from_proto(runner_pb2.Holding(task_id="t"), orders.Holding).state == "running"


def test_an_optional_field_at_zero_is_not_the_default() -> None:
    message = plan_pb2.ForEach(min=0)
    message.list.SetInParent()
    message.template.name = "t"
    assert from_proto(message, plan.ForEach).min == 0


def test_a_result_with_nothing_in_it_is_still_a_result() -> None:
    lease = orders.Lease(
        epoch=1,
        step="gates",
        attempt=1,
        result=outcome.WorkDone(),
        task=task.TaskPlanned(
            task_id="t",
            mission_id="m",
            mission="m-1",
            phase="p",
            kind="work",
            spec=plan.TaskSpec(name="t"),
        ),
    )
    assert from_proto(to_proto(lease, runner_pb2.Lease), orders.Lease) == lease


def _plan_with(change: Any) -> plan_pb2.Plan:
    message = plan_pb2.Plan(name="p")
    phase = message.phases.add(name="a")
    phase.tasks.add(name="t")
    change(message, phase)
    return message


GATE_KINDS = "command, approval, http, metric, github_check"


def _unknown_way(message: plan_pb2.Plan, phase: plan_pb2.Phase) -> None:
    phase.for_each.glob.per = "planet"
    phase.for_each.template.name = "t"


def _no_source(message: plan_pb2.Plan, phase: plan_pb2.Phase) -> None:
    phase.for_each.template.name = "t"


def _no_template(message: plan_pb2.Plan, phase: plan_pb2.Phase) -> None:
    phase.for_each.list.SetInParent()


def _empty_gate(message: plan_pb2.Plan, phase: plan_pb2.Phase) -> None:
    phase.tasks[0].gates.add().command.name = "g"
    phase.tasks[0].gates.add()


def _no_number(message: plan_pb2.Plan, phase: plan_pb2.Phase) -> None:
    phase.tasks[0].timeouts.run = math.nan


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_unknown_way, "phases[0].for_each.glob.per: 'planet' is not one of 'directory', 'path'"),
        (_no_source, "phases[0].for_each.source: is missing"),
        (_no_template, "phases[0].for_each.template: is missing"),
        (
            _empty_gate,
            "phases[0].tasks[0].gates[1]: needs one of " + GATE_KINDS,
        ),
        (_no_number, "phases[0].tasks[0].timeouts.run: nan is no number"),
    ],
)
def test_a_misfit_names_its_place(change: Any, error: str) -> None:
    with pytest.raises(Misfit) as caught:
        from_proto(_plan_with(change), plan.Plan)
    assert str(caught.value) == error


def test_types_that_do_not_match_are_an_error_of_the_programmer() -> None:
    class Other(msgspec.Struct):
        digest: str
        weight: int

    with pytest.raises(TypeError, match=r"Other and hive.v1.ArtifactRef differ in size, weight"):
        to_proto(Other("d", 1), plan_pb2.ArtifactRef)
    with pytest.raises(TypeError, match=r"differ in size, weight"):
        from_proto(plan_pb2.ArtifactRef(), Other)


def test_an_unknown_field_of_a_newer_peer_is_left_aside() -> None:
    newer = plan_pb2.Repository(url="u", base="b", branch="x").SerializeToString()
    reference = plan_pb2.ArtifactRef.FromString(newer + b"\x7a\x01x")
    assert from_proto(reference, plan.ArtifactRef).digest == "u"
