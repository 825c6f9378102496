"""AsyncAPI documents of the services' edges.

FastStream writes channels and operations but cannot render msgspec structs, so the messages'
schemas are put in from the structs themselves.
"""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import msgspec
from faststream.nats import NatsBroker
from faststream.specification.asyncapi import AsyncAPI


class Exchange(msgspec.Struct, frozen=True):
    """The types of what comes on a subject, and of what is answered."""

    request: Any
    reply: Any = None


def document(broker: NatsBroker, title: str, exchanges: Mapping[str, Exchange]) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of a broker's handlers.

    `exchanges` names the types by subject; raises KeyError where a handler's subject is missing.
    """
    version = importlib.metadata.version("hive-shared")
    specification = AsyncAPI(broker, title=title, version=version).to_specification()
    made: dict[str, Any] = msgspec.json.decode(specification.to_json())
    types = [kind for e in exchanges.values() for kind in (e.request, e.reply) if kind is not None]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    by_type = dict(zip(map(repr, types), schemas, strict=True))
    made["components"]["schemas"] = components
    for name, channel in made["channels"].items():
        exchange = exchanges[channel["address"]]
        message = made["components"]["messages"][f"{name}:SubscribeMessage"]
        message["payload"] = by_type[repr(exchange.request)]
        if exchange.reply is not None:
            _add_reply(made, name, by_type[repr(exchange.reply)])
    return made


def _add_reply(made: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    reply = f"{name}:ReplyMessage"
    made["components"]["messages"][reply] = {"title": reply, "payload": schema}
    made["channels"][name]["messages"]["ReplyMessage"] = {"$ref": f"#/components/messages/{reply}"}
    made["operations"][name]["reply"] = {
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/ReplyMessage"}],
    }
