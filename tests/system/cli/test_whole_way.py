"""The command and the original calls, through a hive of real processes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hive_client import Refused, continue_agent_mission, deploy_agent
from hive_contracts.v1 import mission_pb2
from tests.component.client.repositories import commit, make_repository, run_git
from tests.component.client.test_original_calls import CONTINUE, DEPLOY
from tests.integration.runner.workshop import until
from tests.system.cli.conftest import Command, end_of
from tests.system.hive import RealHive

EXAMPLES = Path(__file__).parents[3] / "examples"


def view_at(hive: RealHive, mission: str, position: int) -> mission_pb2.Mission:
    async def get() -> mission_pb2.Mission:
        async with hive.client() as client:
            return await client.get(mission, at_least_position=position)

    return asyncio.run(get())


def asked_by(hive: RealHive, mission: str) -> list[str]:
    """What it asks a person, once it asks."""

    async def watch() -> list[str]:
        async with hive.client() as client:
            async for change in client.watch(mission):
                if change.mission.approvals:
                    return [asked.text for asked in change.mission.approvals]
        return []

    return asyncio.run(watch())


def test_a_mission_is_run_shown_compared_and_landed(hive: Command, repository: Path) -> None:
    (repository / "m.yaml").write_text("mission: add\nrun: echo new > new.txt\n")
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 0, ran.output
    assert "work   1 of 1 merged: +1 −0" in ran.output
    assert "gate   good ✓ exit 0 at " in ran.output
    assert "run by the hive in a clean checkout" in ran.output
    shown = json.loads(hive("mission", "show", "add-1", "--json").stdout)
    assert shown["summary"]["status"] == "succeeded"
    compared = json.loads(hive("diff", "add-1", "--json").stdout)
    assert compared["files"] == ["1\t0\tnew.txt"]
    landed = hive("land", "add-1")
    assert landed.exit_code == 0, landed.output
    assert (repository / "new.txt").read_text() == "new\n"
    assert run_git(repository, "rev-parse", "HEAD") == compared["tip"]


def test_work_that_does_not_pass_its_gate_fails_and_its_output_is_shown(
    hive: Command, repository: Path
) -> None:
    (repository / "m.yaml").write_text("mission: spoil\nrun: touch bad.txt\nattempts: 1\n")
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 1, ran.output
    assert "work/work: gate good failed" in ran.output
    assert hive("land", "spoil-1").exit_code == 2


def test_a_red_suite_is_compared_and_protected_paths_wait_for_a_person(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    cases = "<s><testcase name='a'/><testcase name='b'><failure/></testcase></s>"
    commit(repository, "suite.sh", f'echo "{cases}" > junit.xml; exit 1\n')
    gate = "{run: sh suite.sh, name: tests, compare: base, report: junit.xml}"
    work = "test $HIVE_ATTEMPT = 2 || echo 'gates: {}' > .hive/repo.yaml; echo new > new.txt"
    (repository / "m.yaml").write_text(f"mission: guarded\nrun: {work!r}\ngates: [{gate}]\n")
    ran = hive("run", "m.yaml", "--no-wait")
    assert ran.exit_code == 3, ran.output
    assert "? work/work changed protected paths: .hive/repo.yaml" in ran.output
    refused = hive("mission", "reject", "guarded-1", "--gate", "protected", "--note", "leave it")
    assert refused.exit_code == 0, refused.output
    assert end_of(module_hive, "guarded-1") == "succeeded"
    shown = json.loads(hive("mission", "show", "guarded-1", "--json").stdout)
    (work_task,) = [task for task in shown["tasks"] if task["kind"] == "work"]
    assert work_task["attempt"] == 2
    assert "protected" not in work_task["result"]
    (last,) = [task["gates"][0] for task in shown["tasks"] if task["name"] == "gates"]
    assert (last["passed"], last["exit_code"]) == (True, 1)
    assert (last["tally"]["base_passed"], last["tally"]["base_failed"]) == (1, 1)
    (base,) = [task["gates"][0] for task in shown["tasks"] if task["name"] == "base"]
    assert last["baseline"]["tests"] == base["baseline"]["tests"], "run on the base once"


def test_a_red_base_is_refused_before_anything_is_started(hive: Command, repository: Path) -> None:
    commit(repository, "bad.txt", "bad\n")
    (repository / "m.yaml").write_text("mission: red\nrun: echo new > new.txt\n")
    ran = hive("run", "m.yaml", "--json")
    assert ran.exit_code == 2, ran.output
    *events, last = map(json.loads, ran.stdout.splitlines())
    assert last == {"result": "refused", "exit": 2}
    assert events[0]["type"] == "MissionLaunched"
    assert events[-1]["type"] == "MissionRefused"
    assert [event["position"] for event in events] == sorted({e["position"] for e in events})
    assert "AttemptSucceeded" not in {event["type"] for event in events}


def test_a_person_is_asked_and_the_mission_goes_on_with_the_answer(
    hive: Command, repository: Path
) -> None:
    text = 'mission: ask\nrun: echo new > new.txt\ngates: [{approval: "Is it good?", name: ok}]\n'
    (repository / "m.yaml").write_text(text)
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 3, ran.output
    assert "hive mission approve ask-1 --gate ok" in ran.output
    assert hive("mission", "approve", "ask-1", "--gate", "ok").exit_code == 0
    assert hive("mission", "approve", "ask-1", "--gate", "no-such").exit_code == 2
    followed = hive("run", "m.yaml", "--json")
    assert followed.exit_code == 3, followed.output
    assert hive("cancel", "ask-2", "--reason", "enough").exit_code == 0
    names = {
        mission["name"]: mission["status"]
        for mission in map(json.loads, hive("mission", "list", "--json").stdout.splitlines())
    }
    assert (names["ask-1"], names["ask-2"]) == ("succeeded", "cancelled")


def test_the_modernising_example_works_folder_by_folder(hive: Command, repository: Path) -> None:
    (repository / "pyproject.toml").write_text('[project]\nname="a"\nrequires-python=">=3.11"\n')
    old = "from typing import List\n\n\ndef f(a: List[int]) -> List[int]:\n    return list([a])\n"
    for name in ("a.py", "src/one/b.py", "src/two/c d.py", "src/two/test_c.py", "tests/t.py"):
        commit(repository, name, old)
    commit(repository, "src/three/fine.py", "x = 1\n")
    run_git(repository, "add", "pyproject.toml")
    run_git(repository, "commit", "-q", "-m", "name it")
    ran = hive("run", str(EXAMPLES / "modernise.yaml"), "--repo", str(repository))
    assert ran.exit_code == 0, ran.output
    assert "3 of 4 merged, 1 had nothing to change" in ran.output
    assert "nothing to modernise in src/three" in ran.output
    assert hive("land", "modernise-1").exit_code == 0
    changed = run_git(repository, "diff", "--name-only", "HEAD@{1}", "HEAD").splitlines()
    assert changed == ["a.py", "src/one/b.py", "src/two/c d.py"]
    assert "def f(a: list[int]) -> list[int]:" in (repository / "a.py").read_text()


def test_an_agent_without_a_command_is_refused_with_the_line_to_write(
    hive: Command, repository: Path
) -> None:
    with pytest.raises(Refused) as caught:
        deploy_agent(DEPLOY)
    assert caught.value.code == "no-command"
    assert "profiles.devops-deployer.command" in caught.value.remedy


def test_the_original_calls_launch_then_continue_the_same_mission(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    launched = deploy_agent({**DEPLOY, "type": "qa-test-guardian"})
    assert launched.name == "qa-test-guardian-1"
    continued = continue_agent_mission(CONTINUE, repository=repository)
    assert (continued.name, continued.continued) == (launched.name, True)
    shown = view_at(module_hive, continued.mission_id, continued.position)
    assert [phase.name for phase in shown.phases] == ["week-1", "week-2", "week-3", "remaining"]
    assert asked_by(module_hive, launched.name) == [DEPLOY["prerequisites"]]
    assert hive("cancel", launched.name).exit_code == 0
    again = continue_agent_mission(CONTINUE, repository=repository)
    assert (again.name, again.continued) == ("qa-test-guardian-2", False)
    # It is open; who looks for what to cancel is to find it.
    view_at(module_hive, again.mission_id, again.position)


def test_continuing_does_each_remaining_task_in_order(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    call = {"type": "qa-test-guardian", "remaining_tasks": ["First: a", "Second: b"]}
    (repository / "call.json").write_text(json.dumps({**call, "mission": "Do it"}))
    for mission in map(json.loads, hive("mission", "list", "--json").stdout.splitlines()):
        if mission["status"] in ("running", "waiting"):
            hive("cancel", mission["name"])
    said = json.loads(hive("mission", "continue", "call.json", "--json").stdout)
    assert end_of(module_hive, said["mission"]) == "succeeded"
    landed = hive("land", said["mission"])
    assert landed.exit_code == 0, landed.output
    asked = (repository / "asked.txt").read_text()
    assert asked.index("First: a") < asked.index("Second: b")
    assert asked.count("Do it") == 2, "the objective is part of every prompt"


def heeding(*arguments: str) -> list[str]:
    """`hive` that heeds Ctrl-C: whoever starts the tests in the background has them ignore it, and
    their children too. Not told between fork and exec: gRPC, which is at work here, ends some of
    the processes that run Python there."""
    heeds = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"import runpy, signal; {heeds}; runpy.run_module('hive_cli.main', run_name='__main__')"
    return [sys.executable, "-c", code, *arguments]


def test_ctrl_c_leaves_the_mission_running(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    (repository / "m.yaml").write_text("mission: long\nrun: sleep 600\n")
    command = heeding("run", "m.yaml", "--no-gates")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "work/work: running" in line:
                break
        running.send_signal(signal.SIGINT)
        assert "long-1 goes on" in running.stdout.read()
        assert running.wait(20) == 130
    shown = json.loads(hive("mission", "show", "long-1", "--json").stdout)
    assert shown["summary"]["status"] == "running"
    assert hive("cancel", "long-1").exit_code == 0
    assert end_of(module_hive, "long-1") == "cancelled"


def test_a_wrong_token_is_one_clear_error(
    hive: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("wrong\n")
    monkeypatch.setenv("HIVE_TOKEN_FILE", str(tmp_path / "token"))
    refused = hive("mission", "list", "--json")
    assert refused.exit_code == 2
    error = json.loads(refused.stderr)["error"]
    assert error["code"] == "unauthenticated"
    assert error["remedy"]


def test_a_command_that_is_not_there_is_not_tried_again_and_the_screen_says_what_to_do(
    hive: Command, repository: Path
) -> None:
    (repository / "m.yaml").write_text("mission: absent\nattempts: 3\nrun: no-such-command --now\n")
    ran = hive("run", "m.yaml", "--repo", str(repository))
    assert ran.exit_code == 1, ran.output
    said = " ".join(ran.output.split())
    assert "status 127: `no-such-command` was not found on the machine of runner " in said
    assert ": install it there, or let `setup` in .hive/repo.yaml install it" in said
    why = hive("why", "absent-1").output
    assert "it cannot go on as it is" in why
    assert "tried again" not in why


def test_the_first_screen_names_what_is_up(hive: Command, module_hive: RealHive) -> None:
    shown = hive("status")
    assert shown.exit_code == 0, shown.output
    assert f"API {module_hive.state.gateway}" in shown.output
    assert "services 4/4  runner 1, 4 slots" in shown.output


def test_status_and_objectives_are_what_health_says(
    hive: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = time.monotonic() + 30
    alive = "gateway ✓  github ✓  health ✓  orchestrator ✓  relay ✓"
    while alive not in (shown := hive("status").output):
        assert time.monotonic() < until, shown
    assert "runner " in shown.split(alive)[1]
    told = json.loads(hive("status", "--json").output)
    assert {member["service"] for member in told["health"]["report"]["members"]} >= {"gateway"}
    listed = hive("slo", "list")
    assert listed.exit_code == 0, listed.output
    assert "gateway-availability" in listed.output
    assert "99.9 %" in hive("slo", "show", "gateway-availability").output
    unknown = hive("slo", "show", "gateway-avail")
    assert unknown.exit_code == 2
    assert "known: change-cost" in unknown.output + unknown.stderr


def test_from_a_repository_without_a_file_to_a_landed_fan_out(
    hive: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_repository(tmp_path / "fresh")
    commit(path, "Makefile", "test:\n\ttest ! -e bad.txt\n")
    listing = """printf '"%s"\\n' eu us"""
    monkeypatch.chdir(path)
    refused = hive("run", "do it now")
    assert (refused.exit_code, "nothing would check the result" in refused.output) == (2, True)
    assert hive("init").exit_code == 0
    uncommitted = hive("run", "do it now")
    assert (uncommitted.exit_code, "hive init --commit" in uncommitted.stderr) == (2, True)
    assert hive("init", "--commit").exit_code == 0
    (path / "m.yaml").write_text(
        f"mission: regions\nphases:\n  each:\n    for_each:\n      command: |\n        {listing}\n"
        "    run: echo ${item} > ${item}.txt\n"
    )
    assert "at end   tests: make test" in hive("run", "--plan", "m.yaml").output
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 0, ran.output
    assert "phase each has 2 items: eu, us" in hive("why", "regions-1").output
    (path / "m.yaml").unlink()
    assert hive("land", "regions-1").exit_code == 0
    assert [(path / f"{name}.txt").read_text() for name in ("eu", "us")] == ["eu\n", "us\n"]


def test_agents_that_cheat_are_named_on_the_screen(hive: Command, repository: Path) -> None:
    commit(repository, "suite.sh", SUITE)
    commit(repository, "tests.txt", "a pass\nb pass\nc pass\n")
    (repository / "m.yaml").write_text(CHEATING)
    ran = hive("run", "m.yaml", "--repo", str(repository))
    assert ran.exit_code == 1, ran.output
    for words in (
        "cheat/idle: no-change: the command changed nothing",
        "cheat/drop: gate sh-suite-sh failed (exit 0): 1 test of the base is gone: b",
        "cheat/skip: gate sh-suite-sh failed (exit 0): 1 test is skipped that ran on the base: b",
        "cheat/die: gate sh-suite-sh failed (exit 4): it wrote no report",
        "cheat/strays: agent: the command changed what is outside of its paths, src/**: 1 file",
        "cheat/endless: timeout: the command was ended after",
    ):
        assert words in ran.output, ran.output


SUITE = """\
test -e die && exit 4
{ echo '<testsuite>'
  while read -r name outcome; do
    test $outcome = skip && body='<skipped/>' || body=
    echo "<testcase name=\\"$name\\">$body</testcase>"
  done < tests.txt
  echo '</testsuite>'; } > junit.xml
"""
CHEATING = """
mission: cheats
phases:
  cheat:
    on_failure: continue
    attempts: 1
    gates: [{run: sh suite.sh, compare: base, report: junit.xml}]
    tasks:
      idle: {run: "echo All tests pass. The bug is fixed."}
      drop: {run: "sed -i /b/d tests.txt"}
      skip: {run: "sed -i 's/b pass/b skip/' tests.txt"}
      die: {run: "touch die"}
      strays: {run: "echo x > suite.sh", paths: ["src/**"]}
      endless: {run: "trap '' TERM; while :; do sleep 1; done", timeouts: {run: 1s}}
gates: [{run: sh suite.sh, compare: base, report: junit.xml}]
"""


def launched(module_hive: RealHive, repository: Path, mission: str, run: str, mark: str) -> None:
    """A mission whose command has made a file, and goes on for long."""
    (repository / "m.yaml").write_text(f"mission: {mission}\nrun: {json.dumps(run)}\n")
    with subprocess.Popen(heeding("run", "m.yaml"), stdout=subprocess.PIPE) as running:
        asyncio.run(until(lambda: list(module_hive.data.glob(f"runner/attempts/*/tree/{mark}"))))
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130


def taken(hive: Command, task: str) -> tuple[Path, dict[str, object]]:
    said = hive("take", task, "--json")
    assert said.exit_code == 0, said.output
    body = json.loads(said.stdout)
    return Path(body["path"]), body


def test_a_person_takes_over_edits_and_gives_back_and_the_agent_goes_on_from_there(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    asleep = "trap '' TERM; echo half > half.txt; sleep 600"
    go_on = "cp $HIVE_PROMPT_FILE asked.txt"
    run = f"if [ -e by-hand.txt ]; then {go_on}; else {asleep}; fi"
    launched(module_hive, repository, "shared", run, "half.txt")
    before = run_git(repository, "status", "--porcelain"), run_git(repository, "for-each-ref")
    path, body = taken(hive, "shared-1")
    assert (path / "half.txt").read_text() == "half\n"
    assert body["found"] == run_git(path, "rev-parse", "HEAD")
    assert "shared-1" in run_git(path, "branch", "--show-current")
    assert taken(hive, "shared-1/work/work") == (path, body), "it is mine already"
    assert "work/work is taken by admin-" in hive("why", "shared-1").output
    assert "hive give shared-1/work/work" in hive("mission", "show", "shared-1").output
    assert "hive give shared-1/work/work" in hive("land", "shared-1").output
    assert "you have shared-1/work/work in " in hive("status").output
    (path / "by-hand.txt").write_text("mine\n")
    gave = hive("give", "shared-1", "--note", "mind the clock")
    assert gave.exit_code == 0, gave.output
    assert end_of(module_hive, "shared-1") == "succeeded"
    assert (run_git(repository, "status", "--porcelain"), run_git(repository, "for-each-ref")) == (
        before
    ), "the person's checkout is as it was"
    assert hive("land", "shared-1").exit_code == 0
    assert (repository / "half.txt").exists() and (repository / "by-hand.txt").exists()
    assert "mind the clock" in (repository / "asked.txt").read_text()
    assert "Hive-Attempt: shared-1/work/work/2" in run_git(repository, "log", "--format=%B")
    (done,) = json.loads(hive("mission", "show", "shared-1", "--json").stdout)["tasks"][1:2]
    assert (done["attempt"], done["epoch"] >= 3) == (1, True), "no attempt was used up"


def test_what_a_person_gives_as_done_passes_the_gates_like_any_work(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    run = "if [ -e bad.txt ]; then rm bad.txt; else touch begun.txt; sleep 600; fi"
    launched(module_hive, repository, "done", run, "begun.txt")
    path, _ = taken(hive, "done-1")
    (path / "bad.txt").write_text("bad\n")
    (path / "mine.txt").write_text("mine\n")
    gave = hive("give", "done-1", "--done")
    assert gave.exit_code == 0, gave.output
    assert "its gates are next" in gave.output
    assert end_of(module_hive, "done-1") == "succeeded"
    told = hive("why", "done-1").output
    assert "gave work/work back as done" in told
    assert "work/work: the gate good ended with status 1" in told
    assert hive("land", "done-1").exit_code == 0
    assert (repository / "mine.txt").exists() and not (repository / "bad.txt").exists()


def test_what_was_taken_when_its_mission_was_cancelled_stays_with_the_person(
    hive: Command, module_hive: RealHive, repository: Path
) -> None:
    launched(module_hive, repository, "gone", "touch begun.txt; sleep 600", "begun.txt")
    path, _ = taken(hive, "gone-1")
    assert hive("cancel", "gone-1").exit_code == 0
    assert end_of(module_hive, "gone-1") == "cancelled"
    (path / "mine.txt").write_text("mine\n")
    gave = hive("give", "gone-1")
    assert gave.exit_code == 2
    assert f"your worktree stays: {path}" in gave.stderr
    assert (path / "mine.txt").exists()
