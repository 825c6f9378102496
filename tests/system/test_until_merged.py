"""The loop until a pull request is merged, with every process for real but GitHub."""

import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hive_client.checkout import read_checkout
from hive_contracts.envelope import Recorded
from hive_contracts.plan import Phase, Plan, PullRequestWish, TaskSpec
from hive_github.pulls.reviews import MARK
from hive_github.testing import GitHub, Repository
from hive_github.testing.model import Issue, Pull
from hive_stack.ports import free_port
from tests.suites.verdict import judge
from tests.system.hive import RealHive, of_type

SECRET = "it is long and secret"
LOG = "2026-11-28T10:00:02.0000000Z FAILED test_upload\n2026-11-28T10:00:02.0000000Z ##[error]red\n"
AGENT = """
if grep -q '<<<<<<<' shared.txt; then echo both > shared.txt
elif grep -q 'FAILED test_upload' "$HIVE_PROMPT_FILE"; then echo mended >> upload.txt
elif grep -q 'Not two' "$HIVE_PROMPT_FILE"; then sed -i 's/two/three/' upload.txt
else printf 'one\\ntwo\\n' > upload.txt; echo ours > shared.txt
fi
"""


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        yield server


@pytest.fixture
def hive(github: GitHub) -> Iterator[RealHive]:
    with tempfile.TemporaryDirectory(prefix="hive-system-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's account must pass through
        script = AGENT.replace("\\", "\\\\")
        toml = f'[profiles.mender]\ncommand = ["/bin/sh", "-c", """{script}"""]\nprompt = "file"\n'
        (folder / "hive.toml").write_text(toml)
        port = free_port()
        app = github.app(webhook_url=f"http://127.0.0.1:{port}/webhooks", webhook_secret=SECRET)
        hive = RealHive(folder, HIVE_GITHUB_URL=github.url, HIVE_GITHUB_WEBHOOK_PORT=str(port))
        try:
            hive.up()
            github.organization("acme")
            github.install(app, "acme")
            for file, text in (
                ("github-webhook.secret", SECRET),
                ("github-app.pem", github.private_key(app)),
                ("github-app.id", str(app.id)),
            ):
                path = hive.stack.paths.secrets / file
                path.write_text(text)
                path.chmod(0o600)
            yield hive
        finally:
            hive.stack.down()


def count(kind: str, wanted: int) -> Callable[[list[Recorded]], bool]:
    return lambda log: sum(recorded.type == kind for recorded in log) >= wanted


@pytest.mark.slow
async def test_until_merged(hive: RealHive, github: GitHub, tmp_path: Path) -> None:
    shop = github.repository(
        "acme/shop", files={"shared.txt": "base\n"}, collaborators={"ada": "write"}
    )
    work = cloned(github, shop, tmp_path / "work")
    plan = Plan(
        "fix-upload",
        (Phase("work", tasks=(TaskSpec("work", prompt="Write it.", agent="mender"),)),),
        repository=read_checkout(work).repository,
        pull_request=PullRequestWish("acme/shop"),
    )
    async with hive.client() as client:
        mission = await client.launch(plan)
        # A quick agent is done before the first push: then it never was a draft.
        await hive.until(
            lambda log: count("PullRequestDescribed", 1)(log) and not pull(shop).draft, seconds=90
        )

        # A check fails; the orchestrator is killed as it hears of it.
        github.run_workflow(shop, pull(shop).head_sha, pull(shop).head, {"tests": ("failure", LOG)})
        await hive.until(count("RoundAsked", 1))
        before = hive.send("orchestrator", signal.SIGKILL)
        await hive.again("orchestrator", before)
        await hive.until(count("RoundSettled", 1))
        assert show(github, shop, "upload.txt") == "one\ntwo\nmended"
        github.run_workflow(shop, pull(shop).head_sha, pull(shop).head, {"tests": ("success", "")})

        # Somebody reviews it; the github service is killed while an agent is at it.
        ada = github.person("ada")
        place = {"path": "upload.txt", "line": 2, "body": "Not two, please."}
        ada.review(shop, issue(shop), "REQUEST_CHANGES", "One thing.", [place])
        await hive.until(count("RoundAsked", 2))
        before = hive.send("github", signal.SIGKILL)
        await hive.again("github", before)
        await hive.until(count("RoundSettled", 2))
        assert show(github, shop, "upload.txt") == "one\nthree\nmended"
        [thread] = pull(shop).threads
        assert thread.resolved_by is not None
        assert len([one for one in thread.comments if MARK in one.body]) == 1
        assert [one.login for one in pull(shop).reviewers] == ["ada"]

        # The base moves, and conflicts.
        moved = github.person("boss").push(shop, "main", {"shared.txt": "theirs\n"})
        log = await hive.until(count("RoundSettled", 3))
        assert show(github, shop, "shared.txt") == "both"
        github.git(shop, "merge-base", "--is-ancestor", moved, pull(shop).head_sha)

        status = await client.github.show_pull_request(mission.mission_id)
        assert [(each.round, each.outcome, each.by) for each in status.rounds] == [
            (1, "pushed", ""), (2, "pushed", "ada"), (3, "pushed", ""),
        ]  # fmt: skip
        assert not status.stuck
        assert "### What came back" in (issue(shop).body or "")
        await client.get(mission.mission_id, at_least_position=log[-1].position)
        assert (await client.get(mission.mission_id)).summary.status == "succeeded"

    ada.merge(shop, issue(shop))
    log = await hive.until(count("PullRequestMerged", 1))
    judge(log)
    assert len(of_type(log, "MissionSucceeded")) == 4
    assert github.problems == []


def cloned(github: GitHub, shop: Repository, work: Path) -> Path:
    url = github.clone_url(shop, github.personal_token("boss"))
    subprocess.run(["git", "clone", "-q", url, str(work)], check=True)
    return work


def issue(shop: Repository) -> Issue:
    [found] = shop.pulls
    return found


def pull(shop: Repository) -> Pull:
    found = issue(shop).pull
    assert found is not None
    return found


def show(github: GitHub, shop: Repository, path: str) -> str:
    return github.git(shop, "show", f"{pull(shop).head_sha}:{path}").rstrip("\n")
