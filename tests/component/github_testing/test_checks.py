"""Check runs with their buttons, statuses, jobs of Actions and the merge queue."""

import pytest

from hive_github.testing import Issue, Refused, Rules
from hive_github.testing.shapes.pulls import pull_of
from tests.component.github_testing.scene import REPOSITORY, Scene

RUNS = f"{REPOSITORY}/check-runs"
QUEUE = "refs/heads/gh-readonly-queue/"
ANNOTATION = {
    "path": "shop.py", "start_line": 1, "end_line": 1, "annotation_level": "failure",
    "message": "wrong",
}  # fmt: skip


def head(it: Scene) -> str:
    return it.ada.push(it.shop, "work", {"a": "a"})


def test_a_check_run_goes_from_queued_to_its_conclusion(it: Scene) -> None:
    sha, client = head(it), it.as_installation()
    told = {"name": "gate", "head_sha": sha, "status": "in_progress", "external_id": "attempt-1"}
    made = client.post(RUNS, json=told).json()
    assert made["output"]["annotations_count"] == 0
    output = {"title": "Red", "summary": "2 failed", "annotations": [ANNOTATION] * 50}
    one = f"{RUNS}/{made['id']}"
    assert client.patch(one, json={"output": output}).json()["status"] == "in_progress"
    output["annotations"] = [ANNOTATION]
    done = client.patch(one, json={"conclusion": "failure", "output": output}).json()
    assert (done["status"], done["output"]["annotations_count"]) == ("completed", 51)
    assert done["external_id"] == "attempt-1"
    assert len(client.get(f"{one}/annotations?per_page=100").json()) == 51
    listed = client.get(f"{REPOSITORY}/commits/{sha}/check-runs").json()
    assert (listed["total_count"], listed["check_runs"][0]["conclusion"]) == (1, "failure")
    suites = client.get(f"{REPOSITORY}/commits/{sha}/check-suites").json()["check_suites"]
    assert [(one["status"], one["conclusion"]) for one in suites] == [("completed", "failure")]
    suite = suites[0]["id"]
    assert client.get(f"{REPOSITORY}/check-suites/{suite}").json()["head_branch"] == "work"
    of_suite = client.get(f"{REPOSITORY}/check-suites/{suite}/check-runs")
    assert of_suite.json()["total_count"] == 1
    assert it.names()[-4:] == [
        "check_suite.requested", "check_run.created", "check_run.completed",
        "check_suite.completed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"status": "completed"},
        {"output": {"title": "t", "summary": "s", "annotations": [ANNOTATION] * 51}},
        {"output": {"title": "t", "summary": "x" * 65_536}},
        {"actions": [{"label": "l", "description": "d", "identifier": str(n)} for n in range(4)]},
        {"head_sha": "0" * 40},
    ],
    ids=["no conclusion", "51 annotations", "a long summary", "4 buttons", "no such commit"],
)
def test_limits_of_a_check_run_are_kept(it: Scene, more: dict[str, object]) -> None:
    told = {"name": "gate", "head_sha": head(it), **more}
    assert it.as_installation().post(RUNS, json=told).status_code == 422
    it.github.problems.clear()


def test_only_the_app_that_made_a_check_run_changes_it(it: Scene) -> None:
    sha = head(it)
    other = it.github.app("Other CI")
    run = it.github.check_run(it.shop, sha, "ci", other)
    client = it.as_installation()
    assert client.patch(f"{RUNS}/{run.id}", json={"status": "queued"}).status_code == 403
    assert client.get(f"{RUNS}/99").status_code == 404
    person = it.as_person("ada").post(RUNS, json={"name": "mine", "head_sha": sha})
    assert person.status_code == 403


def test_buttons_and_rerun_are_told_to_the_app(it: Scene) -> None:
    sha, client = head(it), it.as_installation()
    button = {"label": "Approve", "description": "Let it go on", "identifier": "approve"}
    told = {"name": "gate", "head_sha": sha, "conclusion": "neutral", "actions": [button]}
    client.post(RUNS, json=told)
    run = it.shop.check_runs[0]
    it.ada.press(it.shop, run, "approve")
    it.ada.rerun(it.shop, run)
    assert it.names()[-2:] == ["check_run.requested_action", "check_run.rerequested"]
    assert it.receiver.took[-2].payload["requested_action"] == {"identifier": "approve"}
    assert client.get(f"{RUNS}/{run.id}").json()["status"] == "queued"
    assert client.post(f"{RUNS}/{run.id}/rerequest").status_code == 422
    with pytest.raises(Refused):
        it.ada.press(it.shop, run, "launch")
    it.ada.rerun_all(it.shop, run)
    assert it.names()[-1] == "check_suite.rerequested"
    assert it.receiver.took[-1].payload["check_suite"]["head_sha"] == sha


def test_statuses_come_to_one_word(it: Scene) -> None:
    sha, client = head(it), it.as_installation()
    path = f"{REPOSITORY}/statuses/{sha}"
    combined = f"{REPOSITORY}/commits/{sha}/status"
    assert client.get(combined).json()["state"] == "pending"
    client.post(path, json={"state": "success", "context": "a"})
    assert client.get(combined).json()["state"] == "success"
    client.post(path, json={"state": "error", "context": "b", "description": "no"})
    assert client.get(combined).json()["state"] == "failure"
    client.post(path, json={"state": "success", "context": "b"})
    assert client.get(combined).json()["total_count"] == 2
    assert len(client.get(f"{REPOSITORY}/commits/{sha}/statuses").json()) == 3
    missing = client.post(f"{REPOSITORY}/statuses/{'0' * 40}", json={"state": "success"})
    assert missing.status_code == 422
    assert it.names()[-1] == "status"


def test_the_log_of_a_job_is_behind_a_redirect_that_ends(it: Scene) -> None:
    sha, client = head(it), it.as_installation()
    jobs = {"test": ("failure", "1 failed\n"), "lint": ("success", "fine\n")}
    run = it.github.run_workflow(it.shop, sha, "work", jobs)
    listed = client.get(f"{REPOSITORY}/actions/runs?head_sha={sha}").json()["workflow_runs"]
    assert [(one["id"], one["conclusion"]) for one in listed] == [(run.id, "failure")]
    found = client.get(f"{REPOSITORY}/actions/runs/{run.id}/jobs").json()["jobs"]
    job = next(one for one in found if one["conclusion"] == "failure")
    link = client.get(f"{REPOSITORY}/actions/jobs/{job['id']}/logs")
    assert link.status_code == 302
    assert client.get(link.headers["location"]).text == "1 failed\n"
    it.github.clock.advance(61)
    assert client.get(link.headers["location"]).status_code == 404
    assert client.get(f"{REPOSITORY}/actions/jobs/99").status_code == 404
    assert "workflow_run.completed" in it.names()


def test_a_flaky_job_is_run_again(it: Scene) -> None:
    sha, client = head(it), it.as_installation()
    run = it.github.run_workflow(it.shop, sha, "work", {"test": ("failure", "1 failed\n")})
    it.github.next_rerun(it.shop, "test", "success", "all passed\n")
    path = f"{REPOSITORY}/actions/runs/{run.id}"
    assert client.post(f"{path}/rerun-failed-jobs").status_code == 201
    shown = client.get(path).json()
    assert (shown["run_attempt"], shown["conclusion"]) == (2, "success")
    (job,) = client.get(f"{path}/jobs").json()["jobs"]
    assert client.get(f"{REPOSITORY}/actions/jobs/{job['id']}").json()["conclusion"] == "success"
    assert client.post(f"{REPOSITORY}/actions/jobs/{job['id']}/rerun").status_code == 201
    assert client.post(f"{path}/rerun").status_code == 201
    assert client.get(path).json()["run_attempt"] == 4


# ---- the merge queue


def waiting(it: Scene, name: str, **files: str) -> Issue:
    """A pull request whose own checks are good."""
    sha = it.ada.push(it.shop, name, {f"{name}.txt": name, **files}, name, onto="main")
    pull = it.ada.open_pull(it.shop, name, name)
    it.github.check_run(it.shop, sha, "ci", it.app, conclusion="success")
    return pull


def check(it: Scene, pull: Issue, conclusion: str) -> None:
    entry = pull_of(pull).queued
    assert entry is not None
    it.github.check_run(it.shop, entry.head_sha, "ci", it.app, conclusion=conclusion)


def test_a_queue_merges_in_order_once_the_checks_of_each_are_good(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",), merge_queue=True))
    one, two = waiting(it, "one"), waiting(it, "two")
    it.ada.enqueue(it.shop, one)
    it.ada.enqueue(it.shop, two)
    assert len(it.github.git(it.shop, "for-each-ref", QUEUE).splitlines()) == 2
    check(it, two, "success")
    assert two.state == "open"
    check(it, one, "success")
    assert (one.state, two.state) == ("closed", "closed")
    assert it.github.git(it.shop, "show", "main:two.txt") == "two"
    assert it.github.git(it.shop, "for-each-ref", QUEUE) == ""
    names = it.names()
    assert names.count("merge_group.checks_requested") == 2
    assert names.count("merge_group.destroyed") == 2


def test_a_red_entry_leaves_and_those_behind_it_are_built_anew(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",), merge_queue=True))
    one, two = waiting(it, "one"), waiting(it, "two")
    it.ada.enqueue(it.shop, one)
    it.ada.enqueue(it.shop, two)
    check(it, one, "failure")
    assert one.state == "open"
    check(it, two, "success")
    assert two.state == "closed"
    assert it.github.git(it.shop, "ls-tree", "--name-only", "main").split() == [
        "README.md", "shop.py", "two.txt",
    ]  # fmt: skip
    it.github.settle()
    dequeued = [took.payload for took in it.receiver.took if took.name == "pull_request.dequeued"]
    assert [each["reason"] for each in dequeued] == ["CI_FAILURE"]


def test_a_queue_is_the_only_way_where_it_is_required(it: Scene) -> None:
    it.github.protect(it.shop, rules=Rules(checks=("ci",), merge_queue=True))
    pull = waiting(it, "one")
    with pytest.raises(Refused, match="merge queue"):
        it.ada.merge(it.shop, pull)
    it.ada.enqueue(it.shop, pull)
    with pytest.raises(Refused, match="already queued"):
        it.ada.enqueue(it.shop, pull)
    it.ada.dequeue(it.shop, pull)
    assert pull_of(pull).queued is None
    it.ada.enqueue(it.shop, pull)
    it.ada.push(it.shop, "one", {"more": "x"})
    assert pull_of(pull).queued is None


def test_without_a_queue_nothing_is_queued(it: Scene) -> None:
    pull = waiting(it, "one")
    with pytest.raises(Refused, match="not enabled"):
        it.ada.enqueue(it.shop, pull)
