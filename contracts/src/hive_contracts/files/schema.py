"""JSON Schemas of the files, for editors: as strict in keys, and as lenient in forms, as the
reader is.

Made from the structs field by field as `reading` reads them. msgspec's own schema would forbid what
the reader takes (one item for a list, a number for text), and cannot say what a duration is.
"""

import types
import typing
from typing import Any, Final, Literal, Union

import msgspec

from hive_contracts.files.described import ROOTS, keys_of, structs_of, summary_of
from hive_contracts.files.reading import Amount, Count, Duration, Part

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Final[dict[type, dict[str, Any]]] = {
    # YAML's `8080` and `yes` are text where text is wanted.
    str: {"type": ["string", "number", "boolean"]},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Duration: {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(s|m|h|d)?\s*$"},
        ]
    },
    Count: {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[kKM]?\s*$"},
        ]
    },
    Amount: {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]},
    Part: {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%?\s*$"},
        ]
    },
}


def schema_of(kind: str) -> dict[str, Any]:
    """`kind` is a key of ROOTS."""
    root = ROOTS[kind]
    return {
        "$schema": DIALECT,
        "title": f"The {kind} file of Agent Hive",
        "$ref": f"#/$defs/{root.__name__}",
        "$defs": {struct.__name__: _struct(struct) for struct in structs_of(root)},
    }


def schema_text(kind: str) -> str:
    made = msgspec.json.encode(schema_of(kind))
    return msgspec.json.format(made, indent=1).decode() + "\n"


def _struct(struct: type[msgspec.Struct]) -> dict[str, Any]:
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(struct)}
    hints = typing.get_type_hints(struct)
    keys = keys_of(struct)
    return {
        "description": summary_of(struct),
        "type": "object",
        "properties": {
            key.name: {"description": key.meaning, **_value(hints[fields[key.name]])}
            for key in keys
        },
        "required": [key.name for key in keys if key.required],
        "additionalProperties": False,
    }


def _value(wanted: Any) -> dict[str, Any]:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        members = [_value(member) for member in inner if member is not types.NoneType]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        item = _value(inner[0])
        return {"anyOf": [{"type": "array", "items": item}, item]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _value(inner[1])}
    if issubclass(wanted, msgspec.Struct):
        return {"$ref": f"#/$defs/{wanted.__name__}"}
    return _SCALARS[wanted]
