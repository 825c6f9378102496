"""The Gemini API (generateContent), streamed and not, as far as coding agents use it."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hive_runner.testing.answers import Answer, Asked

PATH: Final = re.compile(r"/v1(?:beta)?/models/[^/:]+:(?:streamGenerateContent|generateContent)")
_STATUSES: Final = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
WHOLE: Final = ":generateContent"
"""How the path ends of a request that is answered in one piece."""


def read(body: bytes) -> Asked:
    """Raises ValueError."""
    request: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    said, answered, before = [], 0, False
    for content in request.get("contents", []):
        model = content.get("role") == "model"
        answered += model and not before
        before = model
        if not model:
            said += [str(part.get("text", "")) for part in content.get("parts", [])]
    tools = tuple(
        str(declared.get("name", ""))
        for tool in request.get("tools", [])
        for declared in tool.get("functionDeclarations", [])
    )
    return Asked("\n".join(said), answered, tools, len(body))


def refused(status: int, said: str, resets_in: int = 0) -> dict[str, Any]:
    """An error as Google's APIs say it; `resets_in` are the seconds until a limit is lifted."""
    error: dict[str, Any] = {"code": status, "message": said, "status": _STATUSES.get(status, "")}
    if resets_in:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": kind, "retryDelay": f"{resets_in}s"}]
    return {"error": error}


def stream(answer: Answer, id: str) -> Iterator[bytes]:
    """The answer as server-sent events."""
    if answer.say:
        yield _event(_chunk(id, [{"text": answer.say}]))
    calls = [
        {"functionCall": {"id": f"{id}-{number}", "name": call.tool, "args": call.arguments}}
        for number, call in enumerate(answer.calls)
    ]
    yield _event(_last(answer, id, calls or [{"text": ""}]))


def whole(answer: Answer, id: str) -> dict[str, Any]:
    """The answer in one piece."""
    parts: list[dict[str, Any]] = [{"text": answer.say}] if answer.say else []
    parts += [{"functionCall": {"name": c.tool, "args": c.arguments}} for c in answer.calls]
    return _last(answer, id, parts or [{"text": ""}])


def _last(answer: Answer, id: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    usage = answer.usage
    chunk = _chunk(id, parts)
    chunk["candidates"][0]["finishReason"] = "STOP"
    chunk["usageMetadata"] = {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
    }
    return chunk


def _chunk(id: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{"index": 0, "content": content}],
        "modelVersion": "scripted",
        "responseId": id,
    }


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n"
