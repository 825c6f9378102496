"""The Chat Completions API, streamed, as far as coding agents use it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hive_runner.testing.answers import Answer, Asked

PATH: Final = "/v1/chat/completions"


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
    tools = tuple(str(tool["function"]["name"]) for tool in request.get("tools", []))
    return Asked("\n".join(said), answered, tools, len(body))


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def stream(answer: Answer, id: str) -> Iterator[bytes]:
    """The answer as server-sent events."""
    yield _chunk(id, {"role": "assistant", "content": answer.say})
    for number, call in enumerate(answer.calls):
        function = {"name": call.tool, "arguments": msgspec.json.encode(call.arguments).decode()}
        called = {
            "index": number, "id": f"call_{id}_{number}", "type": "function", "function": function,
        }  # fmt: skip
        yield _chunk(id, {"tool_calls": [called]})
    yield _chunk(id, {}, finish="tool_calls" if answer.calls else "stop")
    usage = answer.usage
    yield _chunk(
        id,
        usage={
            "prompt_tokens": usage.input,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
        },
    )
    yield b"data: [DONE]\n\n"


def _chunk(
    id: str,
    delta: dict[str, Any] | None = None,
    *,
    finish: str | None = None,
    usage: dict[str, Any] | None = None,
) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk: dict[str, Any] = {
        "id": id, "object": "chat.completion.chunk", "created": 0, "model": "scripted",
        "choices": choices,
    }  # fmt: skip
    if usage is not None:
        chunk["usage"] = usage
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
