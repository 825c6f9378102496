"""An agent that speaks the Agent Client Protocol and does what its environment says.

It is a program of its own, in plain JSON, so that it can also misbehave.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DOES = os.environ.get("ACP_DOES", "edit")
SESSION = "session-of-the-agent"


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def update(**fields: Any) -> None:
    send(method="session/update", params={"sessionId": SESSION, "update": fields})


def say(text: str) -> None:
    content = {"type": "text", "text": text}
    update(sessionUpdate="agent_message_chunk", content=content)


def receive() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    received: dict[str, Any] = json.loads(line)
    return received


def prompt(id: int, params: dict[str, Any]) -> None:
    say("I begin")
    say(" now.")
    update(sessionUpdate="tool_call", toolCallId="1", title="write", kind="edit", status="pending")
    match DOES:
        case "edit":
            Path("asked").write_text(params["prompt"][0]["text"])
        case "ask":
            Path("answer").write_text(json.dumps(permission()))
        case "die":
            sys.exit(3)
        case "login":
            send(id=id, error={"code": -32000, "message": "Authentication required"})
            return
        case "wait":
            Path("begun").touch()
            subprocess.Popen(["/bin/sh", "-c", os.environ["ACP_NAP"]])
            assert receive()["method"] == "session/cancel"
            Path("cancelled").touch()
            send(id=id, result={"stopReason": "cancelled"})
            return
        case "nonsense":
            print("[1, 2", flush=True)
            print("no JSON at all", flush=True)
            Path("asked").touch()
    say("Done.")
    update(sessionUpdate="usage_update", used=5, size=9, cost={"amount": 0.5, "currency": "USD"})
    usage = {"totalTokens": 16, "inputTokens": 4, "outputTokens": 2, "cachedReadTokens": 10}
    send(id=id, result={"stopReason": "end_turn", "usage": usage})


def permission() -> dict[str, Any]:
    options = [
        {"optionId": f"{word}-{when}", "name": word, "kind": f"{word}_{when}"}
        for word in ("allow", "reject")
        for when in ("always", "once")
    ]
    call = {"toolCallId": "1", "kind": os.environ["ACP_KIND"], "title": "do it"}
    params = {"sessionId": SESSION, "toolCall": call, "options": options}
    send(id=99, method="session/request_permission", params=params)
    outcome: dict[str, Any] = receive()["result"]["outcome"]
    return outcome


def main() -> None:
    while True:
        message = receive()
        params = message.get("params", {})
        match message["method"]:
            case "initialize":
                can = {"loadSession": DOES != "cannot load"}
                version = 7 if DOES == "other version" else 1
                send(
                    id=message["id"], result={"protocolVersion": version, "agentCapabilities": can}
                )
            case "session/new":
                Path("session").write_text("new")
                send(id=message["id"], result={"sessionId": SESSION})
            case "session/load":
                if params["sessionId"] != SESSION:
                    error = {"code": -32603, "message": "there is no such session"}
                    send(id=message["id"], error=error)
                    continue
                Path("session").write_text("loaded")
                say("This was said long ago.")
                send(id=message["id"], result={})
            case "session/prompt":
                prompt(message["id"], params)


main()
