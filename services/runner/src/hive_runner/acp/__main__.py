"""`python -m hive_runner.acp --prompt FILE [--load SESSION] -- AGENT…`: a turn of an agent.

Answers of people come on standard input, a JSON object a line.

Exit status: 0 when the agent ended its turn, 1 when it could not, 143 when it was told to end.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec
from acp import PROTOCOL_VERSION, RequestError, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.interfaces import Client
from acp.schema import (
    AcpMcpServer,
    ClientCapabilities,
    EnvVariable,
    FileSystemCapabilities,
    HttpMcpServer,
    Implementation,
    McpServerStdio,
    PromptResponse,
    SseMcpServer,
)

from hive_contracts.dialogue import Rule, Ruling
from hive_runner.acp.client import HiveClient
from hive_shared.profiles import Server, resolved

EXIT_FAILED: Final = 1
AUTH_REQUIRED: Final = -32000
EXIT_ENDED: Final = 128 + signal.SIGTERM
_MAX_MESSAGE: Final = 256 * 1024 * 1024
"""Bytes of one message of an agent."""


_LAST_SECONDS: Final = 2.0
"""Until a program that has closed its output is over."""
_FAREWELL_SECONDS: Final = 6.0
"""For an agent to end once its turn is over: it hears the end of its input first, then signals."""
_LOOK_SECONDS: Final = 0.05


T = TypeVar("T")


class Told(msgspec.Struct, frozen=True):
    agent: list[str]
    permissions: dict[str, Ruling]
    rules: tuple[Rule, ...]
    read_only: bool
    mcp: dict[str, Server]
    meta: dict[str, Any]
    """What comes with each session, as `_meta`: an agent's own."""
    mode: str
    prompt: Path
    load: str
    grace: float


def say(event: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
    sys.stdout.buffer.flush()


async def take_turn(told: Told, prompt: str) -> int:
    """One turn, from the handshake to its end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ruled = bool(told.rules) or told.read_only
    rules = resolved(told.rules, read_only=told.read_only) if ruled else None
    client = HiveClient(told.permissions, say, rules)
    listening = asyncio.ensure_future(client.person.listen())
    # Whatever it has no method for is refused as such: it said that it offers neither files nor
    # terminals.
    offered = cast(Client, client)
    program, *arguments = told.agent
    spawned = spawn_agent_process(
        offered, program, *arguments,
        env=os.environ, cwd=Path.cwd(),
        # What the agent's program says beside the protocol is the attempt's output.
        transport_kwargs={"stderr": None, "limit": _MAX_MESSAGE},
    )  # fmt: skip
    async with _left_in_time(spawned) as (agent, process):
        turn = asyncio.ensure_future(_converse(agent, client, told, prompt))
        gone = asyncio.ensure_future(_gone(process))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([turn, gone, stopped], return_when=asyncio.FIRST_COMPLETED)
        try:
            if turn.done() and not isinstance(turn.exception(), ConnectionError):
                return turn.result()
            if stopped.done():
                await _cancel(agent, client, turn, told.grace)
                return EXIT_ENDED
            await asyncio.wait([gone], timeout=_LAST_SECONDS)
            client.end_message()
            say({"type": "error", "message": f"{program} ended in its turn: {process.returncode}"})
            return EXIT_FAILED
        finally:
            for task in (turn, gone, stopped, listening):
                task.cancel()
            await asyncio.gather(turn, gone, stopped, listening, return_exceptions=True)


@contextlib.asynccontextmanager
async def _left_in_time(spawned: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Whatever it left running may hold its output open, and would be waited for without end; the
    runner ends that with the attempt."""
    entered = await spawned.__aenter__()
    try:
        yield entered
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await spawned.__aexit__(None, None, None)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Until it has ended. `wait` would go on until its output is closed, by all who have it."""
    while process.returncode is None:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)


async def _converse(
    agent: ClientSideConnection, client: HiveClient, told: Told, prompt: str
) -> int:
    try:
        session = await _session(agent, client, told)
        response = await _prompt(agent, client, session, prompt, may_fail=session == told.load)
        if response is None:
            session = await _new(agent, told)
            response = await _prompt(agent, client, session, prompt)
            assert response is not None
    except RequestError as error:
        client.end_message()
        say({"type": "error", "code": error.code, "message": _said(error)})
        return EXIT_FAILED
    client.end(response)
    return _judge(response)


async def _prompt(
    agent: ClientSideConnection, client: HiveClient, session: str, prompt: str,
    *, may_fail: bool = False,
) -> PromptResponse | None:  # fmt: skip
    """The turn itself. None where an old session was loaded and cannot be gone on with, which shows
    only now: an agent may look for the folder in which it began, and that is gone."""
    client.session = session
    say({"type": "session", "id": session})
    try:
        return await agent.prompt(session_id=session, prompt=[text_block(prompt)])
    except RequestError as error:
        if not may_fail or client.heard or error.code == AUTH_REQUIRED:
            raise
        say({"type": "not loaded", "id": session, "why": _said(error)})
        return None


async def _session(agent: ClientSideConnection, client: HiveClient, told: Told) -> str:
    """A new session, or an old one where the agent can load it."""
    begun = await agent.initialize(
        protocol_version=PROTOCOL_VERSION,
        client_capabilities=ClientCapabilities(
            fs=FileSystemCapabilities(read_text_file=False, write_text_file=False), terminal=False
        ),
        client_info=Implementation(name="agent-hive", version="0.1.0"),
    )
    if begun.protocol_version != PROTOCOL_VERSION:
        raise RequestError(
            -32600,
            f"the agent speaks version {begun.protocol_version} of the protocol, the hive"
            f" {PROTOCOL_VERSION}: take a version of the agent that fits",
        )
    if told.load and begun.agent_capabilities and begun.agent_capabilities.load_session:
        client.silent = True
        try:
            await agent.load_session(
                cwd=str(Path.cwd()), session_id=told.load, mcp_servers=_servers(told.mcp),
                **told.meta,
            )  # fmt: skip
        except RequestError as error:
            # Another machine's, or forgotten: the prompt has all that matters.
            say({"type": "not loaded", "id": told.load, "why": _said(error)})
        else:
            return await _in_mode(agent, told, told.load)
        finally:
            client.silent = False
    return await _new(agent, told)


async def _new(agent: ClientSideConnection, told: Told) -> str:
    created = await agent.new_session(
        cwd=str(Path.cwd()), mcp_servers=_servers(told.mcp), **told.meta
    )
    return await _in_mode(agent, told, created.session_id)


async def _in_mode(agent: ClientSideConnection, told: Told, session: str) -> str:
    """The session, in the mode that it is to have."""
    if told.mode:
        await agent.set_session_mode(mode_id=told.mode, session_id=session)
    return session


async def _cancel(
    agent: ClientSideConnection, client: HiveClient, turn: "asyncio.Future[int]", grace: float
) -> None:
    """Ask the agent to end its turn, so that its session is whole; not for longer than `grace`."""
    if not client.session:
        return
    with contextlib.suppress(RequestError, OSError, TimeoutError):
        async with asyncio.timeout(grace):
            await agent.cancel(session_id=client.session)
            await asyncio.wait([turn])


def _servers(
    mcp: Mapping[str, Server],
) -> list[HttpMcpServer | SseMcpServer | AcpMcpServer | McpServerStdio]:
    """MCP servers as the protocol names them: values of variables travel in it, and in no file."""
    return [
        McpServerStdio(
            name=name,
            command=server.command,
            args=list(server.args),
            env=[
                EnvVariable(name=variable, value=os.environ[variable])
                for variable in server.env
                if variable in os.environ
            ],
        )
        for name, server in mcp.items()
    ]


def _judge(response: PromptResponse) -> int:
    if response.stop_reason == "end_turn":
        return 0
    say({"type": "error", "message": f"the agent stopped: {response.stop_reason}"})
    return EXIT_ENDED if response.stop_reason == "cancelled" else EXIT_FAILED


def _said(error: RequestError) -> str:
    """With what the agent added to it: a limit's end is often only there."""
    data = error.data
    if not data:
        return str(error)
    return f"{error}: {data if isinstance(data, str) else msgspec.json.encode(data).decode()}"


def _told() -> Told:
    parser = argparse.ArgumentParser(prog="python -m hive_runner.acp")
    parser.add_argument("--permissions", default="{}", help="by kind of tool: allow, deny or ask")
    parser.add_argument("--rules", default="[]", help="the mission's, as JSON")
    parser.add_argument("--read-only", action="store_true", help="it is to change nothing")
    parser.add_argument("--mcp", default="{}", help="servers by name, as JSON")
    parser.add_argument("--meta", default="{}", help="what comes with a session, as JSON")
    parser.add_argument("--mode", default="", help="the session's; else the agent's own choice")
    parser.add_argument("--prompt", type=Path, required=True, help="the file with the prompt")
    parser.add_argument("--load", default="", help="an earlier session's id, to go on with it")
    parser.add_argument("--grace", type=float, default=2.0, help="seconds for a clean cancel")
    parser.add_argument("agent", nargs="+", help="the agent's command")
    told = parser.parse_args()
    permissions = msgspec.json.decode(told.permissions, type=dict[str, Ruling])
    mcp = msgspec.json.decode(told.mcp, type=dict[str, Server])
    rules = msgspec.json.decode(told.rules, type=tuple[Rule, ...])
    meta = msgspec.json.decode(told.meta, type=dict[str, Any])
    return Told(
        told.agent, permissions, rules, told.read_only, mcp, meta, told.mode, told.prompt,
        told.load, told.grace,
    )  # fmt: skip


def main() -> int:
    told = _told()
    try:
        prompt = told.prompt.read_bytes().decode("utf-8", "replace")
        return asyncio.run(take_turn(told, prompt))
    except (OSError, ConnectionError) as error:
        say({"type": "error", "message": f"{told.agent[0]}: {error}"})
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
