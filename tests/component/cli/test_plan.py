"""`hive run --plan`: what would be done, without a hive."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from hive_cli.preview import bounds, preview
from hive_cli.statement import Statement
from hive_client.checkout import read_checkout
from hive_contracts.plan import (
    ForEach,
    Item,
    Listed,
    Phase,
    Plan,
    TaskSpec,
)
from tests.component.client.repositories import commit, make_repository, run_git

REPO_FILE = """
setup: {run: make deps, timeout: 5m}
env: {pass: [TOKEN_OF_CACHE], set: {PORT: 8080}}
copy: [.env]
gates: {tests: make test}
"""
MISSION = """
mission: port
prerequisites: [metrics, {approval: Has support been told?}]
attempts: 3
phases:
  each:
    for_each: {glob: "src/*/", max: 5}
    prompt: Move ${item}.
    agent: claude
    timeouts: {run: 10m}
    gates: ["make test-${item.name}"]
  listed:
    needs: [each]
    for_each: {command: ./list, max: 7}
    run: ./do ${item}
    attempts: 1
gates: [tests, {approval: Is it good?, timeout: 2h}]
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_repository(tmp_path / "app")
    for name in ("src/a/x.py", "src/b/x.py", "top.py"):
        commit(path, name, "1\n")
    commit(path, ".hive/repo.yaml", REPO_FILE)
    (path / "src/new").mkdir()
    (path / "src/new/y.py").write_text("not tracked")
    monkeypatch.chdir(path)
    # Nothing here may ask a hive.
    monkeypatch.setenv("HIVE_GATEWAY", "127.0.0.1:1")
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "data"))
    return path


def hive(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_everything_that_would_happen_is_shown(repository: Path, tmp_path: Path) -> None:
    (repository / "m.yaml").write_text(MISSION)
    result = hive("run", "--plan", "m.yaml")
    assert result.exit_code == 0, result.output
    commit = run_git(repository, "rev-parse", "--short=7", "HEAD")
    assert (
        result.output
        == f"""\
plan     m.yaml · base main@{commit} of {repository} · nothing is started
         uncommitted changes are not part of it
set-up   make deps   (in each new worktree, at most 5:00)
env      passed in: TOKEN_OF_CACHE · set: PORT
copies   what is ignored and matches .env
waits    for a run of metrics to succeed
asks     Has support been told?   (hive mission approve)
first    on the base: tests must pass
phase    each
  for each of 2 that src/*/ matches now: src/a src/b
  each · prompt to claude: Move ${{item}}.
    3 attempts · at most 10:00 each, 10:00 without output
    then make-test: make test-${{item.name}}   (at most 30:00)
phase    listed · after each
  for each of at most 7 that a command prints: ./list
  listed · runs: ./do ${{item}}
    1 attempt · at most 30:00 each, 10:00 without output
at end   tests: make test   (at most 30:00)
at end   a person is asked: Is it good?   (hive mission approve, within 2:00:00)
         ! never seen red: tests · next: hive gate check tests
         ! never seen red: make-test · hive gate check tries what has a name in \
.hive/repo.yaml
at most  9 tasks, 13 attempts of 4:30:00 in all, 4:00:00 of gates, with as many items as are \
allowed and nothing sent back; tries that are nobody's fault come on top
costs    what agents use, up to the attempts and time-outs; cap it with `budget`
result   branch hive/port-N, not pushed
"""
    )


def test_what_the_phases_of_a_plan_ask_for_is_shown(repository: Path) -> None:
    template = TaskSpec("each", run="x", paths=("${item}/**",))
    each = ForEach(Listed((Item("a"), Item("b"))), template)
    review = TaskSpec("review", run="y", review=True)
    phases = (
        Phase("each", for_each=each, canary=1, on_failure="continue"),
        Phase("review", ("each",), (review,), sends_back_to="each", rounds=2),
    )
    stated = Statement("m.yaml", Plan("m", phases), read_checkout(repository))
    lines = preview(stated, {})
    for line in (
        "  goes on without the tasks that fail, unless all of them do",
        "  1 go first; then a person is asked   (hive mission approve)",
        "    may change ${item}/**",
        "  where it lists defects, each is done again, at most 2 times",
        "at end   nothing checks the result",
    ):
        assert line in lines
    assert not bounds(stated, {}).exact


def test_a_deadline_is_shown(repository: Path) -> None:
    phases = (Phase("main", tasks=(TaskSpec("work", run="x"),)),)
    stated = Statement("m.yaml", Plan("m", phases, deadline=14_400), read_checkout(repository))
    said = "deadline 4:00:00 from its launch: when it has passed you are told, and it goes on"
    assert said in preview(stated, {})


def test_programs_get_the_plan_the_items_and_the_bounds(repository: Path) -> None:
    (repository / "m.yaml").write_text(MISSION)
    body = json.loads(hive("run", "--plan", "m.yaml", "--json").stdout)
    assert body["items"] == {"each": ["src/a", "src/b"]}
    assert body["at_most"] == {
        "tasks": 9, "attempts": 13, "work_seconds": 16200, "gate_seconds": 14400, "exact": False,
    }  # fmt: skip
    assert body["plan"]["name"] == "port"
    assert body["setup"] == {"run": "make deps", "timeout": 300}


def test_a_prompt_is_shown_too_and_its_agent_is_left_to_the_launch() -> None:
    result = hive("run", "--plan", "Fix the upload")
    assert "prompt to the only agent that runners have: Fix the upload" in result.output


def test_too_many_items_are_said_before_anything_is_started(repository: Path) -> None:
    (repository / "m.yaml").write_text(MISSION.replace("max: 5", "max: 1"))
    assert "! the phase would fail: 1 to 1 are allowed" in hive("run", "--plan", "m.yaml").output


def test_the_person_s_index_stays_as_it_is(repository: Path) -> None:
    (repository / "m.yaml").write_text(MISSION)
    run_git(repository, "rm", "-q", "--cached", "top.py")
    before = run_git(repository, "status", "--porcelain")
    assert hive("run", "--plan", "m.yaml").exit_code == 0
    assert run_git(repository, "status", "--porcelain") == before


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        (
            "{repository: acme/api}",
            "branch hive/x-N, pushed to acme/api with a pull request, a draft until all gates pass",
        ),
        (
            "{repository: acme/api, per: task}",
            (
                "a branch hive/x-N.TASK and a pull request on acme/api for each task that changes"
                " something, a draft until all gates pass"
            ),
        ),
    ],
)
def test_it_says_whether_there_is_a_pull_request_for_each_task(
    repository: Path, wish: str, says: str
) -> None:
    (repository / "m.yaml").write_text(
        "mission: x\nrun: make\ngates: [{run: make}]\nresult: {pull_request: " + wish + "}\n"
    )
    result = hive("run", "--plan", "m.yaml")
    assert result.exit_code == 0, result.output
    assert f"result   {says}" in result.output
