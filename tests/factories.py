"""Samples: a value of any struct with every field set, and small plans."""

import types
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def sample(struct: type[S]) -> S:
    """A struct with no field at its default, the same at each call."""
    hints = get_type_hints(struct)
    fields = msgspec.structs.fields(struct)
    return struct(**{field.name: _value(hints[field.name], field.name) for field in fields})


def _value(hint: Any, name: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[-1]
    if origin in (Union, types.UnionType):
        return _value(get_args(hint)[0], name)
    if origin is tuple:
        return (_value(get_args(hint)[0], name),)
    if origin is dict:
        return {name: _value(get_args(hint)[1], name)}
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return sample(hint)
    return {str: f"{name}-text", int: 7, float: 1.5, bool: True}[hint]
