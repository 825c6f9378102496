"""The command against a gateway of the real protocol: what it says, and its exit status."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result

from hive_cli.main import VERBS, main
from hive_contracts.v1 import event_pb2, mission_pb2, operations_pb2, plan_pb2
from tests.component.client.fake_gateway import FakeGateway, serving
from tests.component.client.repositories import Branch, commit, make_repository

Hive = Callable[..., Awaitable[Result]]


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGateway]:
    token = tmp_path / "token"
    token.write_text("secret\n")
    async with serving() as fake:
        monkeypatch.setenv("HIVE_GATEWAY", fake.address)
        monkeypatch.setenv("HIVE_TOKEN_FILE", str(token))
        yield fake


@pytest.fixture
def hive(gateway: FakeGateway) -> Hive:
    """The command, in a thread, because it brings an event loop of its own."""

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))

    return run


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_repository(tmp_path / "app")
    commit(path, "a.txt", "1\n")
    monkeypatch.chdir(path)
    return path


def watch(status: str, position: int = 9, **fields: object) -> mission_pb2.WatchResponse:
    summary = mission_pb2.MissionSummary(name="make-it-1", status=status)
    mission = mission_pb2.Mission(summary=summary, **fields)  # type: ignore[arg-type]
    return mission_pb2.WatchResponse(mission=mission, position=position)


ASKED = [mission_pb2.PendingApproval(gate="ok", text="Is it good?")]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (watch("succeeded"), 0),
        (watch("failed"), 1),
        (watch("refused"), 2),
        (watch("waiting", approvals=ASKED), 3),
        (watch("cancelled"), 4),
    ],
)
async def test_run_exits_as_the_mission_ends(
    hive: Hive, gateway: FakeGateway, repository: Path, last: mission_pb2.WatchResponse, status: int
) -> None:
    (repository / "m.yaml").write_text("mission: make-it\nrun: make it\n")
    gateway.streams = [[watch("running", 8), last]]
    result = await hive("run", "m.yaml", "--gate", "make test")
    assert result.exit_code == status, result.output
    assert "checked  m.yaml · base main@" in result.output
    assert "uncommitted changes are not part of it" in result.output
    assert "launched make-it-1" in result.output
    assert ("hive mission approve make-it-1 --gate ok" in result.output) == (status == 3)


async def test_run_as_json_prints_each_event_and_then_the_result(
    hive: Hive, gateway: FakeGateway, repository: Path
) -> None:
    event = event_pb2.Event(
        position=7, stream="mission-m", version=1, type="MissionSucceeded", data=b'{"series":"x"}'
    )
    gateway.streams = [[event_pb2.SubscribeResponse(event=event, resume_token="t", log_id="l")]]
    mission = watch("succeeded").mission
    (repository / "m.yaml").write_text("mission: make-it\nrun: make it\n")
    gateway.missions = AnyName(mission)
    result = await hive("run", "m.yaml", "--no-gates", "--json")
    first, last = map(json.loads, result.stdout.splitlines())
    assert (first["type"], first["position"], first["data"]) == (
        "MissionSucceeded",
        7,
        {"series": "x"},
    )
    assert set(first) == {
        "position",
        "log_id",
        "stream",
        "version",
        "type",
        "recorded_at",
        "data",
        "meta",
    }
    assert last == {"result": "succeeded", "exit": 0}


class AnyName(dict[str, mission_pb2.Mission]):
    """One mission under every name: its id is the launch's fresh command id."""

    def __init__(self, mission: mission_pb2.Mission) -> None:
        super().__init__()
        self._mission = mission

    def __missing__(self, name: str) -> mission_pb2.Mission:
        return self._mission


async def test_a_mistake_in_the_file_is_shown_with_its_place_and_nothing_is_sent(
    hive: Hive, gateway: FakeGateway, repository: Path
) -> None:
    (repository / "m.yaml").write_text("mission: m\nrunn: make it\n")
    result = await hive("run", "m.yaml")
    assert result.exit_code == 2
    assert result.stderr == "✗ m.yaml:2: unknown key `runn`\n  did you mean `run`?\n"
    assert gateway.asked == []


async def test_errors_for_programs_are_json_on_stderr(hive: Hive, repository: Path) -> None:
    result = await hive("run", "nowhere.yaml", "--json")
    assert result.exit_code == 2
    error = json.loads(result.stderr)["error"]
    assert set(error) == {"code", "message", "where", "remedy"}
    assert error["where"] == "nowhere.yaml"
    assert json.loads(result.stdout) == {"result": "refused", "exit": 2}


async def test_a_refusal_of_the_hive_is_shown_with_its_remedy(
    hive: Hive, gateway: FakeGateway, repository: Path
) -> None:
    gateway.refuse(
        grpc.StatusCode.FAILED_PRECONDITION, "no-command", "no command for critic",
        where="agent", remedy="add profiles.critic.command to hive.toml",
    )  # fmt: skip
    result = await hive("run", "do it now", "--no-gates")
    assert result.exit_code == 2
    assert "add profiles.critic.command to hive.toml" in result.stderr


async def test_a_wrong_token_is_named_with_the_file_it_came_from(
    hive: Hive, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.refuse(grpc.StatusCode.UNAUTHENTICATED, "unauthenticated", "this token is not known")
    result = await hive("mission", "list")
    assert result.exit_code == 2
    assert f"✗ {tmp_path / 'token'}: this token is not known" in result.stderr
    assert gateway.address in result.stderr
    assert "set HIVE_TOKEN_FILE to the file of a token of that hive" in result.stderr


async def test_why_tells_what_happened_and_what_to_type(hive: Hive, gateway: FakeGateway) -> None:
    summary = mission_pb2.MissionSummary(name="fix-1", status="failed", reason="build failed")
    gateway.missions = {"fix-1": mission_pb2.Mission(summary=summary)}
    gateway.recorded = [
        event_pb2.Event(
            position=3, stream="mission-" + "0" * 32, version=1, type="MissionFailed",
            data=b'{"type": "MissionFailed", "mission_id": "0", "reason": "build failed"}',
        )
    ]  # fmt: skip
    people = await hive("why", "fix-1")
    assert people.exit_code == 0, people.output
    assert people.output.startswith("fix-1 · failed\n")
    assert "the mission failed: build failed\n" in people.output
    assert "because build failed\nnext    hive retry fix-1\n" in people.output
    programs = json.loads((await hive("why", "fix-1", "--json")).stdout)
    assert (programs["status"], programs["why"]) == ("failed", ["build failed"])


async def test_lines_are_not_wrapped_where_no_terminal_is(hive: Hive, gateway: FakeGateway) -> None:
    reason = "the base does not pass: " + "gate " * 60
    summary = mission_pb2.MissionSummary(name="fix-1", status="refused", reason=reason)
    gateway.missions = {"fix-1": mission_pb2.Mission(summary=summary)}
    for verb in ("list", "show"):
        said = await hive("mission", verb, *(["fix-1"] if verb == "show" else []))
        assert any(reason.strip() in line for line in said.output.splitlines()), said.output


async def test_without_a_hive_the_remedy_is_to_start_one(
    hive: Hive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HIVE_GATEWAY")
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "none"))
    result = await hive("mission", "list")
    assert result.exit_code == 2
    assert "no hive runs here" in result.stderr
    assert "hive up" in result.stderr


async def test_missions_are_listed(hive: Hive, gateway: FakeGateway) -> None:
    summary = mission_pb2.MissionSummary(name="fix-1", status="running", tasks=4, tasks_done=1)
    gateway.missions = {"fix-1": mission_pb2.Mission(summary=summary)}
    people = await hive("mission", "list", "--status", "running")
    assert "fix-1" in people.output
    assert "1/4" in people.output
    assert gateway.asked[0].statuses == ["running"]
    programs = await hive("mission", "list", "--json")
    assert json.loads(programs.stdout)["name"] == "fix-1"


async def test_a_person_s_answers_reach_the_hive(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions = AnyName(mission_pb2.Mission())
    assert (await hive("mission", "approve", "fix-1", "--gate", "ok")).exit_code == 0
    assert (await hive("mission", "reject", "fix-1", "--note", "too wide")).exit_code == 0
    assert (await hive("cancel", "fix-1", "--reason", "not now")).exit_code == 0
    approved, _, rejected, _, cancelled, seen = gateway.asked
    assert seen.at_least_position == 9, "the next command sees what this one has changed"
    assert (approved.mission, approved.gate) == ("fix-1", "ok")
    assert rejected.note == "too wide"
    assert cancelled.reason == "not now"


async def test_a_mission_is_launched_once_more(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions = AnyName(mission_pb2.Mission())
    result = await hive("retry", "fix-1")
    assert result.output == "launched fix-2 · next: hive mission show fix-2\n"
    assert (gateway.asked[0].mission, gateway.asked[0].failed) == ("fix-1", False)


async def test_the_failed_tasks_that_are_done_again_are_named(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions = AnyName(mission_pb2.Mission())
    result = await hive("retry", "fix-1", "--failed")
    assert result.output == (
        "launched fix-2 from ddddddd · next: hive mission show fix-2\n"
        "  again  build/api, build/web\n"
        "  and    review/critic, which were held up\n"
    )
    programs = json.loads((await hive("retry", "fix-1", "--failed", "--json")).stdout)
    assert (programs["failed"], programs["undone"]) == (
        ["build/api", "build/web"],
        ["review/critic"],
    )


async def test_a_hint_reaches_the_task(hive: Hive, gateway: FakeGateway) -> None:
    result = await hive("tell", "fix-1/build/api", "read", "the", "RFC")
    assert result.output == "told fix-1/build/api · its next attempt hears it\n"
    [told] = gateway.asked
    assert (told.mission, told.task, told.text) == ("fix-1", "build/api", "read the RFC")
    assert "told fix-1/main/work" in (await hive("tell", "fix-1", "look again")).output
    nothing = await hive("tell", "fix-1", " ")
    assert nothing.exit_code == 2
    assert "there is nothing to tell" in nothing.stderr


async def test_a_mission_is_continued_from_an_original_call(
    hive: Hive, gateway: FakeGateway, repository: Path
) -> None:
    (repository / "p.json").write_text('{"type": "qa-test-guardian", "remaining_tasks": ["a"]}')
    gateway.missions = AnyName(mission_pb2.Mission())
    result = await hive("mission", "continue", "p.json")
    assert result.output == (
        "continued qa-test-guardian-1 · next: hive mission show qa-test-guardian-1\n"
    )
    assert gateway.asked[0].plan.type == "qa-test-guardian"


async def test_events_are_read_page_by_page(hive: Hive, gateway: FakeGateway) -> None:
    gateway.head = 1203
    result = await hive("events", "--json", "--after", "1")
    lines = [json.loads(line)["position"] for line in result.stdout.splitlines()]
    assert lines == list(range(2, 1204))


async def test_events_stop_at_their_limit(hive: Hive, gateway: FakeGateway) -> None:
    gateway.head = 1203
    assert len((await hive("events", "--limit", "7")).output.splitlines()) == 7


@pytest.mark.parametrize(("verdict", "status"), [("ok", 0), ("behind", 0), ("holes", 1)])
async def test_the_bus_differing_from_the_record_is_a_failure(
    hive: Hive, gateway: FakeGateway, verdict: str, status: int
) -> None:
    gateway.bus = operations_pb2.BusStatusResponse(verdict=verdict, record_head=9, bus_last=9)
    result = await hive("bus", "status")
    assert result.exit_code == status
    assert ("hive bus rebuild" in result.output) == bool(status)


async def test_parked_streams_are_listed(hive: Hive, gateway: FakeGateway) -> None:
    assert (await hive("parked", "list")).output == "nothing is parked\n"
    gateway.parked = [
        operations_pb2.ParkedStream(subscription="notify", stream="mission-1", error="refused")
    ]
    assert "mission-1" in (await hive("parked", "list")).output


def test_a_setting_is_shown_with_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIVE_RUNNER_SLOTS", "7")
    result = CliRunner().invoke(main, ["config", "show", "--json", "--process", "runner"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    (slots,) = [line for line in lines if line["name"] == "runner_slots"]
    assert (slots["value"], slots["source"]) == ("7", "HIVE_RUNNER_SLOTS")


def test_every_verb_of_the_help_is_there_and_explains_itself() -> None:
    help = CliRunner().invoke(main, ["--help"]).output
    for verb in VERBS:
        assert f"\n  {verb} " in help
        assert CliRunner().invoke(main, [verb, "--help"]).exit_code == 0


def test_help_imports_neither_grpc_nor_faststream() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from hive_cli.main import main;"
        "CliRunner().invoke(main, ['--help']);"
        "print(sorted({'grpc', 'faststream', 'rich', 'asyncpg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def ended(status: str = "succeeded", **fields: Any) -> mission_pb2.Mission:
    """A mission with a merged task, one whose work was not merged, and three attempts besides."""
    done = plan_pb2.WorkDone(commit="c" * 40, insertions=7, deletions=2)
    tasks = [
        mission_pb2.TaskView(name="a", kind="work", attempt=2, merged=True, result=done),
        mission_pb2.TaskView(name="b", kind="work", attempt=3, result=done),
        mission_pb2.TaskView(name="gates", kind="gate", attempt=1),
    ]
    summary = mission_pb2.MissionSummary(name="fix-1", status=status)
    tip = plan_pb2.Tip(commit="d" * 40, chain="e" * 64)
    return mission_pb2.Mission(summary=summary, tasks=tasks, tip=tip, **fields)


async def test_discard_says_what_would_go_and_does_nothing_where_it_cannot_ask(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = ended()
    said = await hive("discard", "fix-1")
    assert said.exit_code == 2
    assert "hive/fix-1: the work of 1 task (+7 −2 lines)" in said.output
    assert "1 task whose work was not merged (+7 −2 lines)" in said.output
    assert "what 3 other attempts may have left, under refs/hive/kept" in said.output
    assert "hive discard fix-1 --yes" in said.output
    assert "DiscardRequest" not in map(type_of, gateway.asked)


async def test_discard_with_yes_discards(hive: Hive, gateway: FakeGateway) -> None:
    gateway.missions["fix-1"] = ended("failed")
    said = await hive("discard", "fix-1", "--yes", "--reason", "a dead end")
    assert (said.exit_code, said.output.split(":")[0]) == (0, "discarded fix-1")
    (request,) = (one for one in gateway.asked if type_of(one) == "DiscardRequest")
    assert request.reason == "a dead end"


async def test_an_open_mission_is_not_discarded_and_a_discarded_one_not_twice(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.missions["fix-1"] = ended("running")
    said = await hive("discard", "fix-1", "--yes")
    assert (said.exit_code, "hive cancel fix-1" in said.output) == (2, True)
    release = mission_pb2.Release(by="ann", reason="a dead end")
    gateway.missions["fix-1"] = ended(released=release)
    said = await hive("discard", "fix-1", "--yes")
    assert said.output.startswith("fix-1 was discarded by ann on 1970-01-01: a dead end; nothing")
    landed = await hive("land", "fix-1")
    assert landed.exit_code == 2 and "was discarded by ann" in landed.output
    assert "DiscardRequest" not in map(type_of, gateway.asked)


async def test_what_was_landed_is_recorded_and_landing_twice_says_it_again(
    hive: Hive, gateway: FakeGateway, repository: Path, tmp_path: Path
) -> None:
    branch = Branch(repository, tmp_path / "clone")
    branch.add("b.txt", "1\n")
    gateway.artifacts = branch.artifacts
    gateway.missions["fix-1"] = branch.mission("fix-1")
    for _ in range(2):
        assert (await hive("land", "fix-1")).exit_code == 0
    landings = [one for one in gateway.asked if type_of(one) == "RecordLandingRequest"]
    assert [(one.commit, one.branch) for one in landings] == [(branch.tip, "main")] * 2


@pytest.mark.parametrize("went_on", [False, True])
async def test_landing_says_where_no_gate_has_seen_the_outcome(
    hive: Hive, gateway: FakeGateway, repository: Path, tmp_path: Path, went_on: bool
) -> None:
    branch = Branch(repository, tmp_path / "clone")
    branch.add("b.txt", "1\n")
    gateway.artifacts = branch.artifacts
    gateway.missions["fix-1"] = branch.mission("fix-1")
    if went_on:
        commit(repository, "own.txt", "mine\n")
        refused = await hive("land", "fix-1")
        assert refused.exit_code == 2
        assert "hive land fix-1 --merge" in refused.output
    said = await hive("land", "fix-1", "--merge")
    assert said.exit_code == 0
    assert ("main had gone on: no gate has seen what both make together" in said.output) is went_on


async def test_a_mission_shows_what_became_of_its_work(hive: Hive, gateway: FakeGateway) -> None:
    landed = mission_pb2.Landing(commit="d" * 40, branch="main", by="ann")
    gateway.missions["fix-1"] = ended(landed=landed, released=mission_pb2.Release(by="bob"))
    said = (await hive("mission", "show", "fix-1")).output
    assert "landed ddddddd into main on 1970-01-01, by ann" in said
    assert "discarded on 1970-01-01, by bob" in said
    assert "hive land" not in said


def type_of(request: Any) -> str:
    return type(request).__name__


async def test_a_mission_that_goes_on_is_followed_again(hive: Hive, gateway: FakeGateway) -> None:
    task = mission_pb2.TaskView(
        task_id="t", phase="build", name="api", kind="work", status="running", attempts=2
    )
    summary = mission_pb2.MissionSummary(name="make-it-1", mission_id="m", status="running")
    gateway.missions = {"make-it-1": mission_pb2.Mission(summary=summary, tasks=[task])}
    shown = await hive("mission", "show", "make-it-1")
    assert shown.output.splitlines()[-1] == (
        "  next   hive watch make-it-1 · hive logs -f make-it-1"
        ' · hive tell make-it-1/build/api "…" · hive take make-it-1/build/api'
    )
    gateway.streams = [[watch("running", 8), watch("failed")]]
    watched = await hive("watch", "make-it-1")
    assert (watched.exit_code, "✗ failed" in watched.output) == (1, True), watched.output
    assert gateway.asked[-1].mission == "m"
