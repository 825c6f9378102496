"""Secrets that were planted are seen nowhere: not in logs, traces, events, metrics or processes."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hive_client import Refused
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.plan import Repository as ForMission
from hive_github.testing import GitHub, Repository
from tests.service.secrets import seen as look
from tests.service.secrets.seen import Seen
from tests.service.traces.collector import Collector
from tests.service.traces.command import ended
from tests.suites.connected import WEBHOOK_SECRET, connect
from tests.system.hive import RealHive, eventually, open_folder

AGENT_SECRET: Final = "planted-agent-secret-b81e77"
REMOTE_SECRET: Final = "planted-remote-password-90ad3c"
REFUSED: Final = 2

REPO_FILE: Final = """
env: {pass: [HOME, USER, PATH, DEPLOY_KEY]}
"""
MISSION: Final = """
mission: shipped
phases:
  one:
    on_failure: continue
    tasks:
      works: {{run: 'test -n "$DEPLOY_KEY"; env | sort > {folder}/env; echo done > done.txt'}}
      fails: {{run: 'echo it does not work >&2; exit 3', attempts: 1}}
gates: [test -e README.md]
result: pull_request
"""
ELSEWHERE: Final = """
mission: elsewhere
repo: "{url}"
run: echo done > done
gates: [test -e README.md]
"""
LOOKED: Final = {
    "a command line": b"hive_gateway",
    "a message to hive": b"shipped",
    "a trace": b"decide LaunchMission",
    "headers of a message": b"traceparent",
    "the folder artifacts": b"it does not work",
    "the folder logs": b"is ready",
    "the folder runner": b"[core]",
    "the table hive.events": b"MissionLaunched",
    "the table gateway.": b"shipped",
    "/metrics/hive": b"hive_handler_seconds",
    "what a command said": b"launched shipped-1",
}
"""A word of each place: whoever looks there would find a secret, too."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().listening() as listening:
        yield listening


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with open_folder("secrets", request.session) as folder:
        yield folder


def hive_on(github: GitHub, folder: Path, collector: Collector) -> RealHive:
    return RealHive(
        folder,
        HIVE_OTLP_ENDPOINT=collector.endpoint,
        HIVE_OTLP_TRACES="0",
        HIVE_LOG_LEVEL="debug",
        HIVE_GITHUB_URL=github.url,
        DEPLOY_KEY=AGENT_SECRET,
    )


@pytest.mark.full("a hive of its own in which everything is used")
async def test_no_secret_is_seen_anywhere(
    github: GitHub, folder: Path, collector: Collector, tmp_path: Path
) -> None:
    files = {"README.md": "hi\n", ".hive/repo.yaml": REPO_FILE}
    shop = github.repository("acme/shop", files=files, collaborators={"ada": "write"})
    token = github.personal_token("boss").value
    hive = hive_on(github, folder, collector)
    seen = Seen(github.url)
    checkout = tmp_path / "checkout"
    clone = ["git", "clone", "-q", github.clone_url(shop, token), str(checkout)]
    await asyncio.to_thread(subprocess.run, clone, check=True)
    hive.stack.up()
    try:
        pem = connect(hive, github)
        with look.processes(seen):
            async with look.bus(hive, seen):
                seen.add(
                    "what a command said",
                    *await work(hive, github, shop, checkout, collector),
                )
            await look.look_at(hive, seen)
    finally:
        hive.stack.down()
    seen.add("logs at the end", *map(Path.read_bytes, hive.stack.paths.logs.iterdir()))
    seen.add("a trace", *collector.bodies)
    assert collector.bodies

    planted = look.secrets_of(hive) | {
        "the webhook secret": WEBHOOK_SECRET.encode(),
        "the agent's secret": AGENT_SECRET.encode(),
        "the password of a remote": REMOTE_SECRET.encode(),
        "the token of a remote": token.encode(),
    }
    planted |= {f"line {n} of the key": line for n, line in enumerate(look.lines_of(pem))}
    assert len(planted) > 30
    assert [where for where, word in LOOKED.items() if not seen.has(where, word)] == []
    found = seen.found(planted)
    assert not found, "\n".join(found)

    environment = (tmp_path / "env").read_bytes()
    assert AGENT_SECRET.encode() in environment
    beside = Seen(github.url)
    beside.add("an agent's environment", environment)
    assert beside.found({n: s for n, s in planted.items() if n != "the agent's secret"}) == []


async def work(
    hive: RealHive, github: GitHub, shop: Repository, checkout: Path, collector: Collector
) -> list[bytes]:
    """A mission with a failure and a pull request, one that is refused; what was said of it."""
    folder = checkout.parent
    file = folder / "shipped.yaml"
    file.write_text(MISSION.format(folder=folder))
    said = [await told(hive, collector, "run", str(file), "--repo", str(checkout))]
    await outage(hive)
    file = folder / "elsewhere.yaml"
    file.write_text(ELSEWHERE.format(url=github.clone_url(shop, REMOTE_SECRET)))
    said.append(await told(hive, collector, "run", str(file), exit=REFUSED))
    plan = Plan(
        "elsewhere",
        (Phase("one", tasks=(TaskSpec("work", run="true"),)),),
        repository=ForMission(github.clone_url(shop, REMOTE_SECRET), "0" * 40),
    )
    async with hive.client() as client:
        with pytest.raises(Refused) as refused:
            await client.launch(plan)
    said.append(str(refused.value).encode())
    said.append(await told(hive, collector, "pr", "shipped-1"))
    shown = (("status",), ("mission", "show", "shipped-1", "--json"), ("parked", "list"))
    said += [await told(hive, collector, *words) for words in shown]

    async def opened() -> bool | None:
        return True if shop.pulls else None

    await eventually(opened)
    return said


async def outage(hive: RealHive) -> None:
    """What is said while the servers are away is seen, too."""
    for server in ("nats", "postgres"):
        killed = hive.send(server, signal.SIGKILL)
        await hive.again(server, killed)


async def told(hive: RealHive, collector: Collector, *arguments: str, exit: int = 0) -> bytes:
    status, said = await ended(hive, collector.endpoint, *arguments)
    assert status == exit, said.decode()
    return said
