"""A mission on GitHub, from its launch to its merge: real processes, real git, the test GitHub."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hive_client.checkout import read_checkout
from hive_contracts.mission import MissionLanded
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    GithubCheckGate,
    Phase,
    Plan,
    PullRequestWish,
    TaskSpec,
)
from hive_contracts.task import ApprovalGiven, GatesJudged
from hive_github.testing import GitHub, Repository
from hive_stack.ports import free_port
from tests.suites.verdict import judge
from tests.system.hive import RealHive, of_type

SECRET = "it is long and secret"
CRITERIA = (
    CommandGate("tests", "test -e README.md"),
    GithubCheckGate("ci", "ci/required", timeout=120),
    ApprovalGate("ok", "Is it right?", by=("github:ada",)),
)


class Ground:
    def __init__(self, server: GitHub, folder: Path) -> None:
        self.server = server
        self.shop: Repository = server.repository(
            "acme/shop", files={"README.md": "hi\n"}, collaborators={"ada": "write"}
        )
        self.shop.delete_branch_on_merge = True
        port = free_port()
        url = f"http://127.0.0.1:{port}/webhooks"
        app = server.app(webhook_url=url, webhook_secret=SECRET)
        server.install(app, "acme")
        self.ci = server.app("CI")
        for name, text in (("key", server.private_key(app)), ("secret", SECRET)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        self.hive = RealHive(
            folder,
            HIVE_GITHUB_URL=server.url,
            HIVE_GITHUB_SETTLE_SECONDS="0",
            HIVE_GITHUB_APP_ID=str(app.id),
            HIVE_GITHUB_APP_KEY_FILE=str(folder / "key"),
            HIVE_GITHUB_WEBHOOK_SECRET_FILE=str(folder / "secret"),
            HIVE_GITHUB_WEBHOOK_PORT=str(port),
        )

    def plan(self, work: Path) -> Plan:
        url = self.server.clone_url(self.shop, self.server.personal_token("boss"))
        subprocess.run(["git", "clone", "-q", url, str(work)], check=True)
        return Plan(
            "upload",
            (Phase("main", tasks=(TaskSpec("work", run="echo better > upload.txt"),)),),
            repository=read_checkout(work).repository,
            criteria=CRITERIA,
            pull_request=PullRequestWish("acme/shop", merge="when_green"),
        )

    async def until(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(90):
            while not what():
                await asyncio.sleep(0.1)

    def conclusion(self, name: str) -> str:
        found = [run for run in self.shop.check_runs if run.name == name]
        assert len(found) < 2
        return (found[0].conclusion or found[0].status) if found else ""


@pytest.fixture
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Where the test fails the hive's logs stay, and the test says where."""
    folder = Path(tempfile.mkdtemp(prefix="hive-system-"))
    # PostgreSQL's account must pass through.
    folder.chmod(0o755)
    with GitHub() as server:
        ground = Ground(server, folder)
        try:
            ground.hive.up()
            before = request.session.testsfailed
            yield ground
            kept = request.session.testsfailed > before
        finally:
            ground.hive.stack.down()
    if kept:
        print(f"logs: {ground.hive.stack.paths.logs}")
    else:
        shutil.rmtree(folder)


async def test_a_mission_goes_from_its_launch_to_its_merge_on_github(
    ground: Ground, tmp_path: Path
) -> None:
    server, shop = ground.server, ground.shop
    plan = await asyncio.to_thread(ground.plan, tmp_path / "work")
    async with ground.hive.client() as client:
        mission = await client.launch(plan)
        await ground.until(lambda: ground.conclusion("hive / tests") == "success")
        [pull] = shop.pulls
        assert pull.pull is not None
        assert pull.pull.draft
        head = pull.pull.head_sha
        server.check_run(shop, head, "ci/required", ground.ci, conclusion="success")
        await ground.until(lambda: ground.conclusion("hive / ok") == "action_required")
        [run] = [run for run in shop.check_runs if run.name == "hive / ok"]
        server.person("ada").press(shop, run, "approve")
        log = await ground.hive.until(
            lambda log: any(recorded.type == "MissionLanded" for recorded in log), seconds=90
        )
        [landed] = of_type(log, "MissionLanded")
        main = server.git(shop, "rev-parse", "main").strip()
        assert isinstance(landed, MissionLanded)
        assert (landed.commit, landed.branch) == (main, "main")
        await client.get(mission.mission_id, at_least_position=log[-1].position)
        shown = await client.get(mission.mission_id)
        assert shown.summary.status == "succeeded"
        status = await client.github.show_pull_request(mission.mission_id)
        assert status.state == "merged"
    [given] = of_type(log, "ApprovalGiven")
    assert isinstance(given, ApprovalGiven)
    assert given.by == "github:ada"
    judged = [event for event in of_type(log, "GatesJudged") if isinstance(event, GatesJudged)]
    assert [(event.epoch, event.commit) for event in judged][-1] == (0, head)
    assert server.git(shop, "show", "main:upload.txt") == "better"
    heads = server.git(shop, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    assert heads == ["refs/heads/main"], "the repository wants merged branches deleted"
    assert pull.pull.merged_at is not None
    judge(log)
