"""A service process: it starts, says so, and ends in order, whatever ends it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import nats as nats_client
import pytest

from hive_contracts.heartbeat import Heartbeat
from hive_contracts.subjects import HEARTBEATS
from tests.conftest import NatsAccount
from tests.suites.bus import settled

PROGRAM = """
import asyncio, contextlib, logging, sys
from hive_shared.process import Shell, run
from hive_shared.settings import OrchestratorSettings

@contextlib.asynccontextmanager
async def resource(name, close_s=0):
    yield name
    print("closed", name, flush=True)
    await asyncio.sleep(close_s)

async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("stopped loop", flush=True)

async def fails():
    raise RuntimeError("lost my way")

async def start(shell, settings):
    await shell.enter(resource("first"))
    await shell.enter(resource("second", close_s={close_s}))
    shell.spawn(forever(), "forever")
    if "fail" == {how!r}: shell.spawn(fails(), "the broken loop")
    if "refuse" == {how!r}: raise OSError("no disk")
    if "hang" == {how!r}:
        print("hanging", flush=True)
        await asyncio.Event().wait()
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    logging.getLogger("x").info("hello", extra={{"mission": "m-1", "traceparent": trace}})
    print("ready", flush=True)

sys.exit(run("orchestrator", OrchestratorSettings, start))
"""


def started(how: str = "", close_s: float = 0, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(how=how, close_s=close_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | env,
    )


def wait_for(process: subprocess.Popen[str], said: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{said}\n"


def log_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_all_in_reverse_order(sent: signal.Signals) -> None:
    with started() as process:
        wait_for(process, "ready")
        process.send_signal(sent)
        said, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert said.split("\n")[:3] == ["stopped loop", "closed second", "closed first"]
    assert {line["service"] for line in log_of(log)} == {"orchestrator"}


def test_a_log_line_carries_its_fields_and_its_trace() -> None:
    with started() as process:
        wait_for(process, "ready")
        process.terminate()
        _, log = process.communicate(timeout=20)
    [line] = [line for line in log_of(log) if line["message"] == "hello"]
    assert (line["mission"], line["level"], line["logger"]) == ("m-1", "info", "x")
    assert (line["trace_id"], line["span_id"]) == ("a" * 32, "b" * 16)


def test_a_loop_that_fails_ends_the_process_in_order() -> None:
    with started("fail") as process:
        said, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.endswith("closed second\nclosed first\n")
    [line] = [line for line in log_of(log) if line["level"] == "error"]
    assert line["message"] == "the broken loop ended by itself"
    assert "lost my way" in str(line["error"])


def test_a_start_that_fails_closes_what_was_open() -> None:
    with started("refuse") as process:
        said, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said == "closed second\nclosed first\n" or said.startswith("stopped loop")
    assert "no disk" in log


def test_a_signal_during_a_start_that_hangs_ends_it() -> None:
    with started("hang") as process:
        wait_for(process, "hanging")
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert said.endswith("closed second\nclosed first\n")


def test_a_drain_takes_no_longer_than_it_may() -> None:
    with started(close_s=60, HIVE_DRAIN="0.1") as process:
        wait_for(process, "ready")
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "not everything closed within 0.1 s" in log


def test_a_second_signal_ends_at_once() -> None:
    with started(close_s=60, HIVE_DRAIN="60") as process:
        wait_for(process, "ready")
        process.terminate()
        wait_for(process, "stopped loop")
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM


def test_a_setting_that_cannot_be_taken_ends_it_with_its_own_status() -> None:
    with started(HIVE_SESSION_TTL="soon") as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == 78
    assert "HIVE_SESSION_TTL" in str(log_of(log)[0]["message"])


BEATING = """
import sys
from hive_shared.bus.connection import connected
from hive_shared.heartbeats import beat
from hive_shared.process import run
from hive_shared.settings import HealthSettings

async def start(shell, settings):
    client = await shell.enter(connected(settings.nats_url, "health"))
    shell.spawn(beat(shell, client, every=0.05), "heartbeats")

sys.exit(run("health", HealthSettings, start))
"""


async def test_a_process_says_that_it_is_there(nats: NatsAccount, tmp_path: Path) -> None:
    listener = await nats_client.connect(nats.url_of("observer"))
    heard = await listener.subscribe(HEARTBEATS)
    await settled(listener)
    env = {"HOME": str(tmp_path), "HIVE_NATS_URL": nats.url_of("health")}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", BEATING, env=env)
    first = await heard.next_msg(timeout=20)
    second = await heard.next_msg(timeout=20)
    process.terminate()
    assert await process.wait() == 0
    await listener.close()
    beats = [msgspec.json.decode(message.data, type=Heartbeat) for message in (first, second)]
    assert first.subject == f"hive.heartbeats.health.{beats[0].instance}"
    assert beats[0].instance == beats[1].instance
    assert beats[0].uptime_s < beats[1].uptime_s
