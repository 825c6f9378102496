"""An agent that speaks the Agent Client Protocol and does what its environment says.

It is a program of its own, in plain JSON, so that it can also misbehave.
"""

import json
import os
import signal
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
    if not line and DOES == "stay":
        while True:
            signal.pause()
    if not line:
        sys.exit(0)
    received: dict[str, Any] = json.loads(line)
    return received


def prompt(id: int, params: dict[str, Any]) -> None:
    say("I begin")
    say(" now.")
    update(sessionUpdate="tool_call", toolCallId="1", title="write", kind="edit", status="pending")
    match DOES:
        case "edit" | "cannot go on":
            Path("asked").write_text(params["prompt"][0]["text"])
        case "question" if Path("session").read_text() == "new":
            Path(os.environ["HIVE_QUESTION_FILE"]).write_text("Which one?\n")
        case "question":
            Path("asked").write_text(params["prompt"][0]["text"])
        case "ask":
            Path("answer").write_text(json.dumps(permission()))
        case "ask for a command":
            Path("answer").write_text(json.dumps(permission({"command": "git push origin"})))
        case "die":
            sys.exit(3)
        case "die and leave a child":
            subprocess.Popen(["/bin/sh", "-c", os.environ["ACP_NAP"]])
            os._exit(3)
        case "stay":
            # It heeds neither the end of its input nor a signal, and has a child that does not.
            subprocess.Popen(["/bin/sh", "-c", os.environ["ACP_NAP"]], start_new_session=True)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            Path("asked").touch()
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


def permission(raw: dict[str, Any] | None = None) -> dict[str, Any]:
    options = [
        {"optionId": f"{word}-{when}", "name": word, "kind": f"{word}_{when}"}
        for word in ("allow", "reject")
        for when in ("always", "once")
    ]
    call: dict[str, Any] = {"toolCallId": "1", "kind": os.environ["ACP_KIND"], "title": "do it"}
    if raw:
        call["rawInput"] = raw
    params = {"sessionId": SESSION, "toolCall": call, "options": options}
    send(id=99, method="session/request_permission", params=params)
    outcome: dict[str, Any] = receive()["result"]["outcome"]
    return outcome


def note(message: dict[str, Any]) -> None:
    """What came, on a line of the file that the environment names: for who looks on."""
    if "ACP_WIRE" in os.environ:
        session = message.get("params", {}).get("sessionId", "")
        with Path(os.environ["ACP_WIRE"]).open("a") as wire:
            print(message["method"], session, file=wire)


def main() -> None:
    while True:
        message = receive()
        note(message)
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
                if "_meta" in params:
                    Path("meta").write_text(json.dumps(params["_meta"]))
                if params["mcpServers"]:
                    Path("servers").write_text(json.dumps(params["mcpServers"]))
                send(id=message["id"], result={"sessionId": SESSION})
            case "session/set_mode":
                Path("mode").write_text(params["modeId"])
                send(id=message["id"], result={})
            case "session/load":
                if params["sessionId"] != SESSION:
                    error = {"code": -32603, "message": "there is no such session"}
                    send(id=message["id"], error=error)
                    continue
                Path("session").write_text("loaded")
                say("This was said long ago.")
                send(id=message["id"], result={})
            case "session/prompt":
                if DOES == "cannot go on" and Path("session").read_text() == "loaded":
                    error = {"code": -32603, "message": "the folder of this session is gone"}
                    send(id=message["id"], error=error)
                    continue
                prompt(message["id"], params)


main()
