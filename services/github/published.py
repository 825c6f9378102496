"""Cuts what GitHub publishes down to what hive_github.testing answers and sends.

    python services/github/published.py FOLDER [--check]

FOLDER holds the npm packages `@octokit/openapi`, `@octokit/webhooks-schemas` and
`@octokit/graphql-schema` under `node_modules`; `make github-published` fetches them. All are
MIT-licensed; their notices are in the files that this writes. Descriptions, examples and defaults
are left out, and OpenAPI's `nullable` becomes JSON Schema's `null`.
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from graphql import (
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    ObjectTypeDefinitionNode,
    TypeDefinitionNode,
    parse,
    print_ast,
)

from hive_github.testing.graph.wanted import WANTED
from hive_github.testing.hooks import EVENTS
from hive_github.testing.rest import ROUTES

TARGET: Final = Path(__file__).parent / "src" / "hive_github" / "testing" / "published"
_WORDLESS: Final = (
    "description", "example", "examples", "title", "default", "deprecated", "externalDocs",
    "readOnly", "summary", "tsAdditionalProperties",
)  # fmt: skip

_BUILT_IN: Final = ("Boolean", "Float", "ID", "Int", "String")
_CORRECTED: Final = {
    # An account there is a person and an enterprise at once, which nothing can be.
    ("GET /app/installations", "200"): {
        "type": "array", "items": {"$ref": "#/components/schemas/installation"},
    },
}  # fmt: skip


class NotPublished(Exception):
    """GitHub's description has no such operation or event."""


def rest(described: dict[str, Any], operations: list[str]) -> dict[str, Any]:
    """Raises NotPublished."""
    cut: dict[str, Any] = {}
    wanted: set[str] = set()
    for operation in sorted(operations):
        method, _, template = operation.partition(" ")
        try:
            found = described["paths"][template][method.lower()]
        except KeyError:
            raise NotPublished(operation) from None
        cut[operation] = _operation(described, found)
        for status in cut[operation]["answers"]:
            if (operation, status) in _CORRECTED:
                cut[operation]["answers"][status] = _plain(_CORRECTED[operation, status])
        _references(cut[operation], wanted)
    return {
        "source": f"@octokit/openapi {described['info']['x-octokit-version']}",
        "notice": "MIT License, Copyright (c) 2020 Octokit contributors",
        "operations": cut,
        "$defs": _reachable(described["components"]["schemas"], wanted),
    }


def webhooks(described: dict[str, Any], version: str, events: list[str]) -> dict[str, Any]:
    """Raises NotPublished."""
    found = {event: f"{event}_event" for event in events}
    for event, name in found.items():
        if name not in described["definitions"]:
            found[event] = f"{event}$event"
    missing = [event for event, name in found.items() if name not in described["definitions"]]
    if missing:
        raise NotPublished(", ".join(missing))
    return {
        "source": f"@octokit/webhooks-schemas {version}",
        "notice": "MIT License, Copyright (c) 2019 Gregor Martynus (https://github.com/gr2m)",
        "events": found,
        "$defs": _reachable(described["definitions"], set(found.values())),
    }


def graphql(described: str, version: str) -> str:
    """Types cut to the fields of WANTED, with all that these fields take and are.

    Raises NotPublished.
    """
    document = parse(described, no_location=True)
    every = {
        one.name.value: one for one in document.definitions if isinstance(one, TypeDefinitionNode)
    }
    kept: dict[str, TypeDefinitionNode] = {}
    waiting = list(WANTED)
    while waiting:
        name = waiting.pop()
        if name in kept or name in _BUILT_IN:
            continue
        if name not in every:
            raise NotPublished(name)
        kept[name] = _cut_type(every[name])
        waiting += _named_types(kept[name])
    text = "\n\n".join(print_ast(_joined(kept[name], kept.keys())) for name in sorted(kept))
    return (
        f"# Cut from @octokit/graphql-schema {version} by services/github/published.py.\n"
        f"# Copyright (c) GitHub 2025 - Licensed as MIT.\n\n{text}\n"
    )


def _cut_type(one: TypeDefinitionNode) -> TypeDefinitionNode:
    name = one.name.value
    fields = getattr(one, "fields", None) or ()
    if isinstance(one, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        wanted = WANTED.get(name, "").split()
        have = {field.name.value for field in fields}
        if missing := set(wanted) - have:
            raise NotPublished(f"{name}: {', '.join(sorted(missing))}")
        if not wanted:
            raise NotPublished(f"{name} is what a field is: add it to graph/wanted.py")
        fields = [field for field in fields if field.name.value in wanted]
    changed: dict[str, Any] = {"description": None, "directives": ()}
    if hasattr(one, "fields"):
        changed["fields"] = tuple(_without_words(field) for field in fields)
    if hasattr(one, "values"):
        changed["values"] = tuple(_without_words(value) for value in one.values)
    return replace(one, **changed)


def _without_words(part: Any) -> Any:
    """A field, an argument or a value of an enumeration."""
    changed: dict[str, Any] = {"description": None, "directives": ()}
    if hasattr(part, "arguments"):
        changed["arguments"] = tuple(_without_words(each) for each in part.arguments or ())
    return replace(part, **changed)


def _joined(one: TypeDefinitionNode, kept: Iterable[str]) -> TypeDefinitionNode:
    """Belongs to what is kept alone."""
    changed: dict[str, Any] = {
        name: tuple(each for each in getattr(one, name) or () if each.name.value in kept)
        for name in ("interfaces", "types")
        if hasattr(one, name)
    }
    return replace(one, **changed)


def _named_types(one: TypeDefinitionNode) -> list[str]:
    """What its fields take and are. Types that merely belong to a union are left out."""
    found = []
    for field in getattr(one, "fields", None) or ():
        for part in (field, *(getattr(field, "arguments", None) or ())):
            kind = part.type
            while not isinstance(kind, NamedTypeNode):
                kind = kind.type
            found.append(kind.name.value)
    return found


def _operation(described: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    parameters = [_resolved(described, one) for one in found.get("parameters", [])]
    body = _resolved(described, found.get("requestBody", {}))
    answers = {
        status: _schema(_resolved(described, answer))
        for status, answer in found["responses"].items()
    }
    return {
        "query": {one["name"]: _plain(one["schema"]) for one in parameters if one["in"] == "query"},
        "body": _schema(body),
        "answers": answers,
    }


def _schema(holder: dict[str, Any]) -> Any:
    """Of a body or an answer in JSON; None where there is none."""
    content = holder.get("content", {}).get("application/json")
    return _plain(content["schema"]) if content else None


def _resolved(described: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in holder:
        return holder
    _, _, kind, name = holder["$ref"].split("/")
    resolved: dict[str, Any] = described["components"][kind][name]
    return resolved


def _plain(schema: Any, *, of_names: bool = False) -> Any:
    """A schema without words; `of_names` where the keys are names of properties."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if of_names:
        return {name: _plain(value) for name, value in schema.items()}
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _WORDLESS or key.startswith("x-") or key in ("nullable", "format"):
            continue
        if key == "$ref":
            plain[key] = "#/$defs/" + value.split("/")[-1]
        elif key in ("enum", "const", "required"):
            plain[key] = value
        else:
            plain[key] = _plain(value, of_names=key in ("properties", "definitions"))
    if schema.get("nullable"):
        if "enum" in plain and None not in plain["enum"]:
            plain["enum"] = [*plain["enum"], None]
        if "type" in plain:
            plain["type"] = [plain["type"], "null"]
        else:
            plain = {"anyOf": [plain, {"type": "null"}]}
    return plain


def _reachable(schemas: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    reached: dict[str, Any] = {}
    while left := wanted - reached.keys():
        for name in left:
            reached[name] = _plain(schemas[name])
            _references(reached[name], wanted)
    return dict(sorted(reached.items()))


def _references(schema: Any, found: set[str]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _references(item, found)
    elif isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            found.add(reference.split("/")[-1])
        for value in schema.values():
            _references(value, found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    told = parser.parse_args()
    packages = told.folder / "node_modules" / "@octokit"
    openapi = msgspec.json.decode(
        (packages / "openapi" / "generated" / "api.github.com.json").read_bytes()
    )
    version = msgspec.json.decode((packages / "openapi" / "package.json").read_bytes())["version"]
    openapi["info"]["x-octokit-version"] = version
    hooks = packages / "webhooks-schemas"
    hooks_version = msgspec.json.decode((hooks / "package.json").read_bytes())["version"]
    schema = msgspec.json.decode((hooks / "schema.json").read_bytes())
    made = {
        TARGET / "rest.json": rest(openapi, list(ROUTES)),
        TARGET / "webhooks.json": webhooks(schema, hooks_version, list(EVENTS)),
    }
    graph = packages / "graphql-schema"
    graph_version = msgspec.json.decode((graph / "package.json").read_bytes())["version"]
    files = {
        path: msgspec.json.format(msgspec.json.encode(content), indent=0) + b"\n"
        for path, content in made.items()
    }
    cut = graphql((graph / "schema.graphql").read_text(), graph_version)
    files[TARGET / "schema.graphql"] = cut.encode()
    stale = []
    for path, text in files.items():
        if told.check and (not path.exists() or path.read_bytes() != text):
            stale.append(path.name)
        elif not told.check:
            path.write_bytes(text)
    if stale:
        print(f"out of date: {', '.join(stale)}: make github-published", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
