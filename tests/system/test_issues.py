"""From a label on an issue to the merge that closes it, by real processes and the test GitHub."""

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from hive_github.testing import GitHub, Issue
from hive_stack.ports import free_port
from tests.system.hive import RealHive, ends

REPOSITORY: Final = """
gates: {there: test -s fixed.txt}
github:
  issues:
    labels: {hive: fix, slow: slow}
"""
FILES: Final = {
    "README.md": "hi\n",
    ".hive/repo.yaml": REPOSITORY,
    ".hive/missions/fix.yaml": (
        "mission: fix\n"
        "phases: {work: {run: echo done > fixed.txt}}\n"
        'success_criteria: [{run: "test -s README.md"}, {approval: "Good?", by: ["github:max"]}]\n'
    ),
    ".hive/missions/slow.yaml": (
        "mission: slow\nrun: sleep 300\ngates: [{run: test -s README.md}]\n"
    ),
}


class Scene:
    def __init__(self, hive: RealHive, server: GitHub) -> None:
        self.hive = hive
        self.server = server
        self.shop = server.repository(
            "acme/shop", files=FILES, private=True,
            collaborators={"ada": "write", "max": "write", "eve": "read"},
        )  # fmt: skip

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(90):
            while not holds():
                await asyncio.sleep(0.1)

    def said(self, issue: Issue) -> str:
        """The one comment of the hive's there."""
        ours = [each.body for each in issue.comments if each.user.type == "Bot"]
        assert len(ours) <= 1
        return "".join(ours)


@pytest.fixture
def scene() -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="hive-system-"))
    folder.chmod(0o755)
    port, secret = free_port(), "x" * 20
    with GitHub() as server:
        hive = RealHive(
            folder, HIVE_GITHUB_URL=server.url, HIVE_GITHUB_WEBHOOK_PORT=str(port),
            HIVE_GITHUB_COMMENT_SECONDS="1",
        )  # fmt: skip
        scene = Scene(hive, server)
        app = server.app(webhook_url=f"http://127.0.0.1:{port}/webhooks", webhook_secret=secret)
        server.install(app, "acme")
        try:
            hive.up()
            # As `hive github connect` does; the service notices.
            for name, text in (
                ("github-webhook.secret", secret),
                ("github-app.pem", server.private_key(app)),
                ("github-app.id", str(app.id)),
            ):
                path = hive.stack.paths.secrets / name
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                    file.write(text)
            _until_open(port)
            yield scene
        finally:
            hive.stack.down()
    shutil.rmtree(folder)


def _until_open(port: int) -> None:
    """The service takes webhooks; what came before would be asked for only after a while."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for _ in range(600):
            try:
                assert client.get("/health").status_code == 200
                return
            except httpx.TransportError:
                threading.Event().wait(0.1)
    raise TimeoutError("the github service takes no webhooks")


@pytest.mark.slow
async def test_from_a_label_to_the_merge_that_closes_the_issue(scene: Scene) -> None:
    shop, server = scene.shop, scene.server
    ada, max_, eve = (server.person(login) for login in ("ada", "max", "eve"))

    issue = eve.open_issue(shop, "The file is missing", "It should say <!-- nothing --> done.")
    ada.label(shop, issue, "hive")
    await scene.until(lambda: scene.said(issue))
    await scene.until(lambda: shop.pulls)
    [pull] = shop.pulls
    assert pull.pull is not None
    assert pull.pull.draft
    assert pull.title == "The file is missing"
    await scene.until(lambda: "`/hive approve good`" in scene.said(issue))
    eve.comment(shop, issue, "/hive approve")
    ada.comment(shop, issue, "/hive approve")  # may write, and yet the gate is not for her
    refusing = lambda: [c for c in issue.comments if "is for github:max" in c.body]  # noqa: E731
    await scene.until(refusing)
    max_.comment(shop, issue, "/hive approve")
    await scene.until(lambda: pull.pull is not None and not pull.pull.draft)
    assert "Closes #1" in (pull.body or "")

    # Meanwhile another one, which a stranger cannot stop, and a maintainer can.
    other = ada.open_issue(shop, "Something slow", labels=["slow"])
    await scene.until(lambda: "is at work" in scene.said(other))
    eve.comment(shop, other, "/hive cancel")
    eve.comment(shop, other, "> /hive cancel")
    ada.comment(shop, other, "/hive cancel not needed")
    await scene.until(lambda: "was cancelled" in scene.said(other))

    max_.merge(shop, pull)
    await scene.until(lambda: issue.state == "closed")
    log = await scene.hive.log()
    assert sorted(recorded.type for recorded in ends(log)) == [
        "MissionCancelled", "MissionSucceeded",
    ]  # fmt: skip
    refused = [recorded for recorded in log if recorded.type == "AskRefused"]
    assert sum(b'"why":"stranger"' in recorded.data for recorded in refused) == 2
