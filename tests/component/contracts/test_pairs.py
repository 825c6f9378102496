"""Structs and messages of one name have the same fields: no call finds out that they do not."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import msgspec
import pytest
from google.protobuf.descriptor import Descriptor

import hive_contracts
import hive_contracts.v1
from hive_contracts import wire

OTHERS: Final = {
    "hive_contracts.files.mission.Mission",
    "hive_contracts.policy.Standing",
    "hive_contracts.slo.burn.Standing",
    "hive_contracts.task.AttemptStarted",
}
"""Structs that are sent as no message: one of the same name is another thing."""


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def structs() -> Iterator[type[msgspec.Struct]]:
    for module in modules(hive_contracts):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, msgspec.Struct) and found.__module__ == module.__name__:
                yield found


def messages() -> dict[str, Descriptor]:
    return {
        name: descriptor
        for module in modules(hive_contracts.v1)
        if hasattr(module, "DESCRIPTOR")
        for name, descriptor in module.DESCRIPTOR.message_types_by_name.items()
    }


MESSAGES = messages()
PAIRS = [found for found in structs() if found.__name__ in MESSAGES]


def where(struct: type[msgspec.Struct]) -> str:
    return f"{struct.__module__}.{struct.__name__}"


@pytest.mark.parametrize("struct", PAIRS, ids=where)
def test_a_struct_has_the_fields_of_its_message(struct: type[msgspec.Struct]) -> None:
    if where(struct) in OTHERS:
        with pytest.raises(TypeError, match="differ in"):
            wire.check_pair(struct, MESSAGES[struct.__name__])
    else:
        wire.check_pair(struct, MESSAGES[struct.__name__])


def test_the_pairs_are_found() -> None:
    assert len(PAIRS) > 70
