"""GraphQL: a cut of GitHub's own schema, executed by graphql-core."""

import re
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.language import FieldNode

from hive_github.testing import published, tokens
from hive_github.testing.api import JSON, Asked, Said
from hive_github.testing.clock import stamp
from hive_github.testing.graph import objects
from hive_github.testing.graph.mutations import CONTENT, Mutations, missing
from hive_github.testing.graph.wanted import WANTED
from hive_github.testing.refusals import Refused
from hive_github.testing.routes import Caller
from hive_github.testing.world import World, node_id

POOL: Final = "graphql"
KNOWN: Final = 256
"""Queries that are not parsed and validated again: to do so takes longer than to answer."""


class _Request(msgspec.Struct):
    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815  # as GraphQL names it


class Graph:
    """Answers under the world's lock."""

    def __init__(self, world: World, checked: published.Published) -> None:
        self._world = world
        self._published = checked

    def answer(self, asked: Asked, running: int) -> Said:
        who, operation = Caller(), POOL
        try:
            who = tokens.caller(self._world, asked.headers)
            if who.token is None:
                raise Refused(401, "Requires authentication")
            told = _request(asked)
            document = _parsed(told.query)
            operation = _name(document, told.operationName)
            meter = self._world.meter
            content = operation.removeprefix("mutation ") in CONTENT
            meter.admit(who.bucket, POOL, "POST", running, makes_content=content)
            status, body = self._executed(document, told, who)
        except Refused as refused:
            status, body = refused.status, refused.body
            headers = {**self._world.meter.headers(who.bucket, POOL), **refused.headers}
        else:
            self._world.meter.spend(who.bucket, POOL, 1)
            headers = self._world.meter.headers(who.bucket, POOL)
        return Said(
            status=status, content=msgspec.json.encode(body), caller=who.bucket,
            headers={"Content-Type": JSON, **headers}, operation=operation,
        )  # fmt: skip

    def _executed(
        self, document: DocumentNode, told: _Request, who: Caller
    ) -> tuple[int, dict[str, Any]]:
        if problems := _problems(told.query):
            self._published.problems.extend(problems)
            return 501, {"errors": [{"message": problem} for problem in problems]}
        root = self._root(who)
        done = execute_sync(
            _schema(), document, root, variable_values=told.variables or {},
            operation_name=told.operationName, type_resolver=_typename,
        )  # fmt: skip
        return 200, _shown(done)

    def _root(self, who: Caller) -> Any:
        mutations = Mutations(self._world, who)
        return {
            "viewer": lambda _: objects.actor(self._world, who.account),
            "rateLimit": lambda _, **__: self._rate_limit(who),
            "repository": lambda _, **named: self._repository(who, **named),
            "node": lambda _, id: self._node(mutations, id),
            "nodes": lambda _, ids: [self._node(mutations, each) for each in ids],
            **{
                name: getattr(mutations, re.sub("([A-Z])", r"_\1", name).lower())
                for name in WANTED["Mutation"].split()
            },
        }

    def _repository(
        self,
        who: Caller,
        owner: str,
        name: str,
        followRenames: bool = True,  # noqa: N803
    ) -> objects.Object:
        found = self._world.find_repository(f"{owner}/{name}")
        if found is None and followRenames:
            number = self._world.moved.get(f"{owner}/{name}".lower())
            found = self._world.repositories.get(number) if number is not None else None
        if found is None or not tokens.sees(self._world, who, found):
            said = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise GraphQLError(said, extensions={"type": "NOT_FOUND"})
        return objects.repository(self._world, found)

    def _node(self, known: Mutations, given: str) -> objects.Object:
        world, kind = self._world, given.partition("_")[0]
        match kind:
            case "PR":
                return objects.pull_request(world, *known.issue(given))
            case "I":
                return objects.issue(world, *known.issue(given))
            case "PRRT":
                return objects.thread(world, *known.thread(given))
            case "IC":
                return objects.issue_comment(world, *known.comment(given))
            case "R":
                for one in world.repositories.values():
                    if node_id("R", one.id) == given:
                        return objects.repository(world, one)
        raise missing(given)

    def _rate_limit(self, who: Caller) -> objects.Object:
        shown = self._world.meter.overview(who.bucket)["resources"][POOL]
        return {
            "cost": 1,
            "limit": shown["limit"],
            "nodeCount": 1,
            "remaining": shown["remaining"],
            "used": shown["used"],
            "resetAt": stamp(shown["reset"]),
        }


@cache
def _schema() -> GraphQLSchema:
    text = resources.files(published).joinpath("schema.graphql").read_text()
    return build_schema(text, assume_valid=True)


def _request(asked: Asked) -> _Request:
    """Raises Refused."""
    try:
        return msgspec.json.decode(asked.body, type=_Request)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "Problems parsing JSON") from error


@lru_cache(maxsize=KNOWN)
def _parsed(query: str) -> DocumentNode:
    """Raises Refused."""
    try:
        return parse(query)
    except GraphQLError as error:
        raise Refused(400, f"Parse error: {error.message}") from error


@lru_cache(maxsize=KNOWN)
def _problems(query: str) -> list[str]:
    """What of it is not in the schema; it may be right on GitHub, of whose this is a part."""
    errors = validate(_schema(), _parsed(query))
    return [f"GraphQL: {error.message}; see graph/wanted.py" for error in errors]


def _name(document: DocumentNode, wanted: str | None) -> str:
    """As `query repository` or `mutation resolveReviewThread`: its first field."""
    for one in document.definitions:
        if not isinstance(one, OperationDefinitionNode):
            continue
        if wanted is not None and (one.name is None or one.name.value != wanted):
            continue
        first = one.selection_set.selections[0]
        field = first.name.value if isinstance(first, FieldNode) else "…"
        word = "mutation" if one.operation is OperationType.MUTATION else "query"
        return f"{word} {field}"
    raise Refused(400, "A query attribute must be specified and must be a string.")


def _typename(value: Any, *_: Any) -> str:
    return str(value["__typename"])


def _shown(done: ExecutionResult) -> dict[str, Any]:
    """GitHub says an error's type beside its message."""
    errors = []
    for error in done.errors or []:
        shown: dict[str, Any] = {"message": error.message, "path": error.path}
        original = error.original_error
        if error.extensions:
            shown["type"] = error.extensions["type"]
        elif isinstance(original, Refused):
            shown["type"] = "FORBIDDEN" if original.status == 403 else "UNPROCESSABLE"
        elif original is not None:
            raise original
        errors.append(shown)
    return {"data": done.data, **({"errors": errors} if errors else {})}
