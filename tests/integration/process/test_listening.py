"""A port that two processes take together, and one that none but one takes."""

import os
import signal
import subprocess
import sys

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from hive_shared.listening import serving
from hive_shared.settings import SettingsError
from hive_stack.ports import free_port

SERVER = """
import asyncio, os, sys
from hive_shared.listening import serving

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

async def main():
    async with serving(app, "127.0.0.1", int(sys.argv[1]), "alerts_port", shared=True):
        print("listens", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def started(port: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", SERVER, str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    return process


def post(port: int) -> int:
    """Over a connection of its own; answers who took it."""
    return int(httpx.post(f"http://127.0.0.1:{port}/").text)


def test_two_take_one_port_and_when_one_is_killed_the_other_takes_all() -> None:
    port = free_port()
    with started(port) as one, started(port) as two:
        try:
            both = {one.pid, two.pid}
            taken = [post(port)]
            while set(taken) != both:
                assert len(taken) < 200, "one of them took everything"
                taken.append(post(port))
            os.kill(one.pid, signal.SIGKILL)
            one.wait()
            assert {post(port) for _ in range(20)} == {two.pid}
        finally:
            one.kill()
            two.kill()


@pytest.mark.parametrize("shared", [(False, False), (True, False), (False, True)])
async def test_who_does_not_share_is_alone_at_its_port(shared: tuple[bool, bool]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(scope)

    first, second = shared
    async with serving(app, "127.0.0.1", 0, "alerts_port", shared=first) as port:
        with pytest.raises(SettingsError, match="something else may be there") as refused:
            async with serving(app, "127.0.0.1", port, "alerts_port", shared=second):
                pass
        assert "alerts_port" in str(refused.value.remedy)
