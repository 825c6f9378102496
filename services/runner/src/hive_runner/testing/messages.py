"""The Messages API, streamed, as far as coding agents use it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hive_runner.testing.answers import Answer, Asked

PATH: Final = "/v1/messages"


def read(body: bytes) -> Asked:
    """Raises ValueError."""
    request: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    said, answered, before = [], 0, False
    for message in request.get("messages", []):
        model = message.get("role") == "assistant"
        answered += model and not before
        before = model
        if message.get("role") == "user":
            said.append(_text(message.get("content", "")))
    tools = tuple(str(tool.get("name", "")) for tool in request.get("tools", []))
    return Asked("\n".join(said), answered, tools, len(body))


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def stream(answer: Answer, id: str) -> Iterator[bytes]:
    """The answer as server-sent events."""
    usage = answer.usage
    used = {
        "input_tokens": usage.input - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    message: dict[str, Any] = {
        "id": id, "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": used | {"output_tokens": 0},
    }  # fmt: skip
    yield _event("message_start", message=message)
    blocks: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if answer.say:
        delta = {"type": "text_delta", "text": answer.say}
        blocks.append(({"type": "text", "text": ""}, delta))
    for number, call in enumerate(answer.calls):
        block = {"type": "tool_use", "id": f"toolu_{id}_{number}", "name": call.tool, "input": {}}
        arguments = msgspec.json.encode(call.arguments).decode()
        blocks.append((block, {"type": "input_json_delta", "partial_json": arguments}))
    for index, (block, delta) in enumerate(blocks):
        yield _event("content_block_start", index=index, content_block=block)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ended = {"stop_reason": "tool_use" if answer.calls else "end_turn", "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage=used)
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
