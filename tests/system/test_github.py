"""Missions on GitHub by real processes, real git and the test GitHub: from a label on an issue to
the merge that closes it, from a launch to a merge by the hive, and what comes back of a pull
request until somebody has merged it.

One hive serves all of them; each test has a repository of its own. What a mission was is seen in
its trace, too.
"""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from hive_client.checkout import read_checkout
from hive_contracts.envelope import Recorded
from hive_contracts.mission import MissionLanded, MissionLaunched
from hive_contracts.plan import (
    ApprovalGate,
    CommandGate,
    GithubCheckGate,
    Phase,
    Plan,
    PullRequestWish,
    Retry,
    TaskSpec,
)
from hive_contracts.task import ApprovalGiven, GatesJudged
from hive_github.pulls.reviews import MARK
from hive_github.testing import GitHub, Issue, Repository
from hive_github.testing.model import Pull
from hive_stack.ports import free_port
from tests.service.traces.collector import Collector, Seen
from tests.service.traces.test_one_trace import causes_are_there
from tests.service.traces.test_pull_request import ancestors
from tests.suites.verdict import judge
from tests.system.hive import RealHive, ends, of_mission, of_type, open_folder, running

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
CRITERIA: Final = (
    CommandGate("tests", "test -e README.md"),
    GithubCheckGate("ci", "ci/required", timeout=120),
    ApprovalGate("ok", "Is it right?", by=("github:ada",)),
)
LOG: Final = (
    "2026-11-28T10:00:02.0000000Z FAILED test_upload\n2026-11-28T10:00:02.0000000Z ##[error]red\n"
)
AGENT: Final = """
if grep -q '<<<<<<<' shared.txt; then echo both > shared.txt
elif grep -q 'FAILED test_upload' "$HIVE_PROMPT_FILE"; then echo mended >> upload.txt
elif grep -q 'Not two' "$HIVE_PROMPT_FILE"; then sed -i 's/two/three/' upload.txt
else printf 'one\\ntwo\\n' > upload.txt; echo ours > shared.txt
fi
"""


class Scene:
    def __init__(self, hive: RealHive, server: GitHub, collector: Collector) -> None:
        self.hive = hive
        self.server = server
        self.collector = collector

    async def trace(self, own: list[Recorded]) -> dict[str, Seen]:
        """The spans of a mission, once each step that is recorded of it is there and what led to
        it; all that is recorded is part of its one trace."""
        steps = [recorded.meta.traceparent.split("-") for recorded in own]
        [id] = {step[1] for step in steps}

        def of_trace(spans: dict[str, Seen]) -> dict[str, Seen]:
            return {span.id: span for span in spans.values() if span.trace == id}

        def arrived(spans: dict[str, Seen]) -> bool:
            ours = of_trace(spans)
            return ours.keys() >= {step[2] for step in steps} and causes_are_there(ours)

        await asyncio.to_thread(self.collector.wait_for, arrived)
        return of_trace(self.collector.spans())

    def repository(self, name: str, files: dict[str, str]) -> Repository:
        people = {"ada": "write", "max": "write", "eve": "read"}
        return self.server.repository(name, files=files, private=True, collaborators=people)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(90):
            while not holds():
                await asyncio.sleep(0.1)

    def said(self, issue: Issue) -> str:
        """The one comment of the hive's there."""
        ours = [each.body for each in issue.comments if each.user.type == "Bot"]
        assert len(ours) <= 1
        return "".join(ours)


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    script = AGENT.replace("\\", "\\\\")
    toml = f'[profiles.mender]\ncommand = ["/bin/sh", "-c", """{script}"""]\nprompt = "file"\n'
    port, secret = free_port(), "x" * 20
    with (
        GitHub() as server,
        Collector().listening() as collector,
        open_folder("github", request.session) as folder,
    ):
        (folder / "hive.toml").write_text(toml)
        hive = RealHive(
            folder, HIVE_GITHUB_URL=server.url, HIVE_GITHUB_WEBHOOK_PORT=str(port),
            HIVE_GITHUB_COMMENT_SECONDS="1", HIVE_GITHUB_SETTLE_SECONDS="0",
            HIVE_OTLP_ENDPOINT=collector.endpoint, HIVE_OTLP_TRACES="0",
        )  # fmt: skip
        app = server.app(webhook_url=f"http://127.0.0.1:{port}/webhooks", webhook_secret=secret)
        server.organization("acme")
        server.install(app, "acme")
        with running(hive):
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
            yield Scene(hive, server, collector)


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
    server, shop = scene.server, scene.repository("acme/shop", FILES)
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
    launched = [e for e in of_type(log, "MissionLaunched") if isinstance(e, MissionLaunched)]
    fixed, slow = (
        of_mission(log, each.mission_id)
        for name in ("fix-1", "slow-1")
        for each in launched
        if each.name == name
    )
    assert [recorded.type for recorded in ends(fixed)] == ["MissionSucceeded"]
    assert [recorded.type for recorded in ends(slow)] == ["MissionCancelled"]
    refused = [recorded for recorded in log if recorded.type == "AskRefused"]
    assert sum(b'"why":"stranger"' in recorded.data for recorded in refused) == 2

    trace = await scene.trace(fixed)
    [begun] = [span for span in trace.values() if span.parent not in trace]
    assert (begun.service, begun.name, begun.parent) == ("github", "webhook", "")
    assert begun.attributes["hive.github.event"] == "issues"
    assert {span.service for span in trace.values()} == {
        "github", "orchestrator", "relay", "runner", "gateway",
    }  # fmt: skip
    spans = scene.collector.spans()
    linked = {id for span in trace.values() for _, id in span.links} & spans.keys() - trace.keys()
    began = {(spans[id], *ancestors(spans, spans[id]))[-1].name for id in linked}
    assert "webhook" in began, "later webhooks are linked to"


def cloned(server: GitHub, shop: Repository, work: Path) -> Path:
    url = server.clone_url(shop, server.personal_token("boss"))
    subprocess.run(["git", "clone", "-q", url, str(work)], check=True)
    return work


def conclusion(shop: Repository, name: str) -> str:
    found = [run for run in shop.check_runs if run.name == name]
    assert len(found) < 2
    return (found[0].conclusion or found[0].status) if found else ""


async def test_a_mission_goes_from_its_launch_to_its_merge_on_github(
    scene: Scene, tmp_path: Path
) -> None:
    server, shop = scene.server, scene.repository("acme/store", {"README.md": "hi\n"})
    shop.delete_branch_on_merge = True
    ci = server.app("CI")
    work = await asyncio.to_thread(cloned, server, shop, tmp_path / "work")
    plan = Plan(
        "upload",
        (Phase("main", tasks=(TaskSpec("work", run="echo better > upload.txt"),)),),
        repository=read_checkout(work).repository,
        criteria=CRITERIA,
        pull_request=PullRequestWish(shop.full_name, merge="when_green"),
    )
    async with scene.hive.client() as client:
        mission = await client.launch(plan)
        await scene.until(lambda: conclusion(shop, "hive / tests") == "success")
        [pull] = shop.pulls
        assert pull.pull is not None
        assert pull.pull.draft
        head = pull.pull.head_sha
        server.check_run(shop, head, "ci/required", ci, conclusion="success")
        await scene.until(lambda: conclusion(shop, "hive / ok") == "action_required")
        [run] = [run for run in shop.check_runs if run.name == "hive / ok"]
        server.person("ada").press(shop, run, "approve")
        id = mission.mission_id
        log = await scene.hive.until(
            lambda log: of_type(of_mission(log, id), "MissionLanded"), seconds=90
        )
        own = of_mission(log, id)
        [landed] = of_type(own, "MissionLanded")
        main = server.git(shop, "rev-parse", "main").strip()
        assert isinstance(landed, MissionLanded)
        assert (landed.commit, landed.branch) == (main, "main")
        await client.get(id, at_least_position=log[-1].position)
        shown = await client.get(id)
        assert shown.summary.status == "succeeded"
        status = await client.github.show_pull_request(id)
        assert status.state == "merged"
    [given] = of_type(own, "ApprovalGiven")
    assert isinstance(given, ApprovalGiven)
    assert given.by == "github:ada"
    judged = [event for event in of_type(own, "GatesJudged") if isinstance(event, GatesJudged)]
    assert [(event.epoch, event.commit) for event in judged][-1] == (0, head)
    assert server.git(shop, "show", "main:upload.txt") == "better"
    heads = server.git(shop, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    assert heads == ["refs/heads/main"], "the repository wants merged branches deleted"
    assert pull.pull.merged_at is not None
    judge(log)

    trace = await scene.trace(own)
    [merge] = [
        span for span in trace.values() if span.attributes.get("url.full", "").endswith("/merge")
    ]
    assert (merge.name, merge.attributes["http.response.status_code"]) == ("PUT", "200")
    assert [span.name for span in ancestors(trace, merge)][:2] == ["merge", "carry"]


@pytest.mark.full("two missions to their pull requests")
async def test_what_failed_is_done_again_in_a_pull_request_that_has_it_all(
    scene: Scene, tmp_path: Path
) -> None:
    server, shop = scene.server, scene.repository("acme/again", {"README.md": "hi\n"})
    work = await asyncio.to_thread(cloned, server, shop, tmp_path / "work")
    await asyncio.to_thread(tmp_path.chmod, 0o755)
    mended = tmp_path / "mended"
    once = Retry(attempts=1)
    broken = TaskSpec("b", run=f"test -e {mended} && echo b > b.txt", retry=once)
    plan = Plan(
        "halves",
        (
            Phase("first", tasks=(TaskSpec("a", run="echo a > a.txt"),)),
            Phase("then", tasks=(broken,), needs=("first",)),
        ),
        repository=read_checkout(work).repository,
        criteria=(CommandGate("tests", "test -e README.md"),),
        pull_request=PullRequestWish(shop.full_name, merge="when_green"),
    )
    async with scene.hive.client() as client:
        old = (await client.launch(plan)).mission_id
        await scene.hive.until(happened(old, "MissionFailed"))
        await scene.until(lambda: [one for one in shop.pulls if "has failed" in (one.body or "")])
        assert pull(shop).draft
        await asyncio.to_thread(mended.touch)
        again = await client.retry(old, failed=True)
        new = again.mission_id
        assert (again.failed, again.undone) == (("then/b",), ())
        await scene.hive.until(happened(new, "MissionLanded"), seconds=90)
        log = await scene.hive.until(happened(old, "MissionLanded"))
        [landed] = of_type(of_mission(log, old), "MissionLanded")
        assert isinstance(landed, MissionLanded)
        await client.get(old, at_least_position=log[-1].position)
        left, right = await client.get(old), await client.get(new)
    assert landed.commit == left.tip.commit == right.repository.start.commit
    assert left.again_as == right.summary.name
    assert server.git(shop, "show", "main:a.txt") == "a"
    assert server.git(shop, "show", "main:b.txt") == "b"
    first, second = (one.pull for one in shop.pulls)
    assert first is not None
    assert second is not None
    assert (first.head, second.head) == ("hive/halves-1", "hive/halves-2")
    assert second.merged_at is not None
    assert first.merged_at is not None, "all of it is in the base"
    judge(log)


def happened(mission: str, kind: str, times: int = 1) -> Callable[[list[Recorded]], bool]:
    """Whether there are so many events of that kind in the record of a mission."""
    return lambda log: len(of_type(of_mission(log, mission), kind)) >= times


@pytest.mark.slow
async def test_until_merged(scene: Scene, tmp_path: Path) -> None:
    hive, github = scene.hive, scene.server
    shop = scene.repository("acme/works", {"shared.txt": "base\n"})
    work = await asyncio.to_thread(cloned, github, shop, tmp_path / "work")
    plan = Plan(
        "fix-upload",
        (Phase("work", tasks=(TaskSpec("work", prompt="Write it.", agent="mender"),)),),
        repository=read_checkout(work).repository,
        pull_request=PullRequestWish(shop.full_name),
    )
    async with hive.client() as client:
        mission = await client.launch(plan)
        id = mission.mission_id
        # A quick agent is done before the first push: then it never was a draft.
        await hive.until(
            lambda log: happened(id, "PullRequestDescribed")(log) and not pull(shop).draft,
            seconds=90,
        )

        # A check fails; the orchestrator is killed as it hears of it.
        github.run_workflow(shop, pull(shop).head_sha, pull(shop).head, {"tests": ("failure", LOG)})
        await hive.until(happened(id, "RoundAsked"))
        before = hive.send("orchestrator", signal.SIGKILL)
        await hive.again("orchestrator", before)
        await hive.until(happened(id, "RoundSettled"))
        assert show(github, shop, "upload.txt") == "one\ntwo\nmended"
        github.run_workflow(shop, pull(shop).head_sha, pull(shop).head, {"tests": ("success", "")})

        # Somebody reviews it; the github service is killed while an agent is at it.
        ada = github.person("ada")
        place = {"path": "upload.txt", "line": 2, "body": "Not two, please."}
        ada.review(shop, issue(shop), "REQUEST_CHANGES", "One thing.", [place])
        await hive.until(happened(id, "RoundAsked", 2))
        before = hive.send("github", signal.SIGKILL)
        await hive.again("github", before)
        await hive.until(happened(id, "RoundSettled", 2))
        assert show(github, shop, "upload.txt") == "one\nthree\nmended"
        [thread] = pull(shop).threads
        assert thread.resolved_by is not None
        assert len([one for one in thread.comments if MARK in one.body]) == 1
        assert [one.login for one in pull(shop).reviewers] == ["ada"]

        # The base moves, and conflicts.
        moved = github.person("boss").push(shop, "main", {"shared.txt": "theirs\n"})
        log = await hive.until(happened(id, "RoundSettled", 3))
        assert show(github, shop, "shared.txt") == "both"
        github.git(shop, "merge-base", "--is-ancestor", moved, pull(shop).head_sha)

        status = await client.github.show_pull_request(id)
        assert [(each.round, each.outcome, each.by) for each in status.rounds] == [
            (1, "pushed", ""), (2, "pushed", "ada"), (3, "pushed", ""),
        ]  # fmt: skip
        assert not status.stuck
        assert "### What came back" in (issue(shop).body or "")
        await client.get(id, at_least_position=log[-1].position)
        assert (await client.get(id)).summary.status == "succeeded"

    ada.merge(shop, issue(shop))
    log = await hive.until(happened(id, "PullRequestMerged"))
    judge(log)
    assert len(of_type(of_mission(log, id), "MissionSucceeded")) == 4
    assert github.problems == []


def issue(shop: Repository) -> Issue:
    [found] = shop.pulls
    return found


def pull(shop: Repository) -> Pull:
    found = issue(shop).pull
    assert found is not None
    return found


def show(github: GitHub, shop: Repository, path: str) -> str:
    return github.git(shop, "show", f"{pull(shop).head_sha}:{path}").rstrip("\n")
