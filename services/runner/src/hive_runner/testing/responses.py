"""The Responses API, streamed, as far as coding agents use it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hive_runner.testing.answers import Answer, Asked

PATH: Final = "/v1/responses"
_FROM_THE_MODEL: Final = frozenset({"function_call", "custom_tool_call", "reasoning"})


def read(body: bytes) -> Asked:
    """Raises ValueError."""
    request: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    said, answered, before = [], 0, False
    items = request.get("input", [])
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in items:
        model = item.get("role") == "assistant" or item.get("type") in _FROM_THE_MODEL
        answered += model and not before
        before = model
        if item.get("role") == "user":
            said.append(_text(item.get("content", "")))
    tools = tuple(str(tool.get("name", "")) for tool in request.get("tools", []))
    return Asked("\n".join(said), answered, tools, len(body))


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def stream(answer: Answer, id: str) -> Iterator[bytes]:
    """The answer as server-sent events."""
    yield _event("response.created", response={"id": id})
    items: list[dict[str, Any]] = []
    if answer.say:
        content = [{"type": "output_text", "text": answer.say}]
        items.append(
            {"type": "message", "role": "assistant", "id": f"msg_{id}", "content": content}
        )
    for number, call in enumerate(answer.calls):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{id}_{number}",
                "call_id": f"call_{id}_{number}",
                "name": call.tool,
                "arguments": msgspec.json.encode(call.arguments).decode(),
            }
        )
    for item in items:
        yield _event("response.output_item.done", item=item)
    usage = answer.usage
    yield _event(
        "response.completed",
        response={
            "id": id,
            "usage": {
                "input_tokens": usage.input,
                "input_tokens_details": {"cached_tokens": usage.cached},
                "output_tokens": usage.output,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage.input + usage.output,
            },
        },
    )


def _event(kind: str, **fields: Any) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
