"""Events of an agent, JSON objects on lines of its output: values at paths of keys."""

from collections.abc import Mapping
from typing import Any


def at(event: Mapping[str, Any], path: str) -> Any:
    """The value at keys with dots between them; None where there is none."""
    if not path:
        return None
    value: Any = event
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def has(event: Mapping[str, Any], values: Mapping[str, str | bool | int]) -> bool:
    """Whether an event has all these values at their paths."""
    return all(at(event, path) == value for path, value in values.items())
