"""The AsyncAPI documents of the small services."""

import pytest

from hive_github.asyncapi import github_document
from hive_health.asyncapi import health_document


@pytest.mark.parametrize("make", [health_document, github_document])
def test_every_reference_in_the_document_leads_somewhere(make: object) -> None:
    document = make()  # type: ignore[operator]

    def walk(node: object) -> None:
        match node:
            case {"$ref": str(target)}:
                found = document
                for part in target.removeprefix("#/").split("/"):
                    found = found[part]
            case dict():
                for value in node.values():
                    walk(value)
            case list():
                for value in node:
                    walk(value)

    walk(document)


def test_the_messages_have_the_schemas_of_their_structs() -> None:
    document = health_document()
    schemas = document["components"]["schemas"]  # type: ignore[index]
    assert {"Heartbeat", "AliveQuery", "Alive", "Member", "BusSeen"} <= set(schemas)
    assert "uptime_s" in schemas["Heartbeat"]["properties"]
