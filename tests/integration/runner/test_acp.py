"""Agents by the Agent Client Protocol, under the rules of every other command."""

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest

from hive_contracts.dialogue import Answered, Rule
from hive_contracts.mission import ReviseMission
from hive_contracts.orders import Lease
from hive_contracts.outcome import Asked, Failure, Usage
from hive_contracts.plan import Phase, Plan, TaskSpec, Timeouts, Tip
from hive_orchestrator.deciders import task_state
from hive_shared.profiles import Login, Profile
from tests.component.orchestrator.test_mission_decider import Story
from tests.integration.runner.test_terms import on_terms
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    lease,
    nothing_left_behind,
    until,
)

AGENT = Path(__file__).with_name("acp_agent.py")
SESSION = "session-of-the-agent"
LONG = pytest.mark.full("each turn imports the protocol's package: a second")
LOGIN = Login(needed=False, command="agent login", failures=("Authentication required",))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data", kill_grace=5)


def hire(
    workshop: Workshop, does: str, env: dict[str, str] | None = None, **fields: object
) -> None:
    profile = Profile(
        (sys.executable, str(AGENT)), protocol="acp", cost="estimated", login=LOGIN,
        set_env={"ACP_DOES": does, **(env or {})},
    )  # fmt: skip
    workshop.options.profiles["agent"] = msgspec.structs.replace(profile, **fields)


async def test_its_updates_are_the_attempts_output_and_its_turn_is_the_work(
    source: Source, workshop: Workshop
) -> None:
    hire(workshop, "edit")
    result = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert "Do it." in workshop.files_of(result.commit)["asked"]
    output = workshop.artifact(result.output)
    assert b'{"type":"message","text":"I begin now."}' in output
    assert b'"title":"write"' in output
    run = result.agent
    assert run is not None
    assert (run.session, run.said) == (SESSION, "Done.")
    assert run.usage == Usage(14, 10, 2, estimated_usd=0.5)


@pytest.mark.parametrize(("kind", "option"), [("edit", "allow-once"), ("fetch", "reject-once")])
async def test_what_it_asks_is_answered_by_the_profile(
    source: Source, workshop: Workshop, kind: str, option: str
) -> None:
    permissions = {"*": "deny", "edit": "allow"}
    hire(workshop, "ask", {"ACP_KIND": kind}, permissions=permissions)
    result = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert f'"{option}"' in workshop.files_of(result.commit)["answer"]
    assert f'"kind":"{kind}"'.encode() in workshop.artifact(result.output)


async def test_what_its_command_cannot_be_told_comes_with_its_session(
    source: Source, workshop: Workshop
) -> None:
    hire(workshop, "edit", speaks="claude")
    work = on_terms(
        lease(source, agent="agent", prompt="Do it."), permissions=(Rule("edit", "deny"),)
    )
    result = done(await workshop.perform(work))
    files = workshop.files_of(result.commit)
    assert files["mode"] == "default"
    told = json.loads(files["meta"])
    assert "Edit" in told["claudeCode"]["options"]["disallowedTools"]


async def test_one_that_does_not_end_after_its_turn_and_its_child_are_ended_with_the_attempt(
    source: Source, workshop: Workshop, nap: str
) -> None:
    hire(workshop, "stay", {"ACP_NAP": nap})
    with nothing_left_behind(nap):
        result = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert "asked" in workshop.files_of(result.commit)
    assert result.agent is not None
    assert result.agent.said == "Done."


async def test_one_that_dies_in_its_turn_is_heard_of_though_its_child_holds_its_output(
    source: Source, workshop: Workshop, nap: str
) -> None:
    hire(workshop, "die and leave a child", {"ACP_NAP": nap})
    asked = lease(source, agent="agent", prompt="Do it.", timeouts=Timeouts(silence=20))
    with nothing_left_behind(nap):
        ended = failure(await workshop.perform(asked))
    assert ended.kind == "agent"
    assert "ended in its turn: 3" in ended.detail


async def test_a_time_out_asks_it_to_end_its_turn_first_and_leaves_no_process(
    source: Source, workshop: Workshop, nap: str
) -> None:
    hire(workshop, "wait", {"ACP_NAP": nap})
    asked = lease(source, agent="agent", prompt="Do it.", timeouts=Timeouts(run=10))
    with nothing_left_behind(nap):
        ended = failure(await workshop.perform(asked))
    assert ended.kind == "timeout"
    (kept,) = workshop.kept().values()
    assert {"begun", "cancelled"} <= workshop.files_of(kept).keys()
    assert ended.agent is not None
    assert (ended.agent.session, ended.agent.said) == (SESSION, "I begin now.")


async def test_a_cancelled_attempt_asks_it_to_end_its_turn_first(
    source: Source, workshop: Workshop, nap: str
) -> None:
    hire(workshop, "wait", {"ACP_NAP": nap})
    with nothing_left_behind(nap):
        attempt = asyncio.ensure_future(
            workshop.perform(lease(source, agent="agent", prompt="Do it."))
        )
        attempts = workshop.options.folder / "attempts"
        await until(lambda: [*attempts.glob("*/**/begun")])
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    (kept,) = workshop.kept().values()
    assert "cancelled" in workshop.files_of(kept)


async def test_no_module_of_the_repository_stands_for_one_of_the_hive(
    source: Source, workshop: Workshop
) -> None:
    spoil = "raise SystemExit('a module of the repository was run')\n"
    names = ("acp.py", "msgspec.py", "hive_runner.py", "asyncio.py")
    source.commit(dict.fromkeys(names, spoil))
    hire(workshop, "edit")
    done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))


async def test_one_that_dies_in_its_turn_has_failed(source: Source, workshop: Workshop) -> None:
    hire(workshop, "die")
    broken = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert broken.kind == "agent"
    assert "ended in its turn: 3" in broken.detail


async def test_one_that_wants_a_login_says_what_to_type(source: Source, workshop: Workshop) -> None:
    hire(workshop, "login")
    refused = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert (refused.kind, "`agent login`" in refused.detail) == ("infrastructure", True)


@LONG
async def test_one_of_another_version_of_the_protocol_is_told_so(
    source: Source, workshop: Workshop
) -> None:
    hire(workshop, "other version")
    broken = failure(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert (broken.kind, "version 7 of the protocol" in broken.detail) == ("agent", True)


@LONG
async def test_what_is_no_message_is_passed_over(source: Source, workshop: Workshop) -> None:
    hire(workshop, "nonsense")
    result = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert result.agent is not None
    assert result.agent.said == "Done."


@pytest.mark.parametrize(
    ("does", "resume", "before", "session"),
    [
        ("edit", True, SESSION, "loaded"),
        pytest.param("edit", False, SESSION, "new", marks=LONG),
        pytest.param("edit", True, "of another machine", "new", marks=LONG),
        ("cannot load", True, SESSION, "new"),
    ],
)
async def test_an_earlier_session_is_gone_on_with_where_the_profile_and_the_agent_can(
    source: Source, workshop: Workshop, does: str, resume: bool, before: str, session: str
) -> None:
    hire(workshop, does, resume=resume)
    asked = lease(source, agent="agent", prompt="Do it.", session=before)
    result = done(await workshop.perform(asked))
    assert workshop.files_of(result.commit)["session"] == session
    assert b"long ago" not in workshop.artifact(result.output)


def begun(session: str) -> list[str]:
    return ["initialize", "session/new", f"session/prompt {session}"]


def continued(session: str) -> list[str]:
    return ["initialize", f"session/load {session}", f"session/prompt {session}"]


@LONG
async def test_an_attempt_after_a_failed_one_loads_its_session_and_makes_none(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    wire = tmp_path / "wire"
    hire(workshop, "edit", {"ACP_WIRE": str(wire)}, resume=True)
    first = done(await workshop.perform(lease(source, agent="agent", prompt="Do it.")))
    assert first.agent is not None
    assert [line.strip() for line in wire.read_text().splitlines()] == begun(SESSION)
    wire.unlink()
    again = lease(
        source, agent="agent", prompt="Do it.", session=first.agent.session, epoch=3, attempt=2,
        feedback=Failure("gate", "gate tests failed (exit 1)"),
    )  # fmt: skip
    second = done(await workshop.perform(again))
    assert [line.strip() for line in wire.read_text().splitlines()] == continued(SESSION)
    assert second.agent is not None
    assert second.agent.session == SESSION
    assert "gate tests failed (exit 1)" in workshop.files_of(second.commit)["asked"]


@pytest.mark.parametrize("failed_since", [False, True])
async def test_the_turn_after_a_question_loads_its_session_unless_an_attempt_failed_since(
    source: Source, workshop: Workshop, tmp_path: Path, failed_since: bool
) -> None:
    wire = tmp_path / "wire"
    hire(workshop, "question", {"ACP_WIRE": str(wire)})
    asked = await workshop.perform(lease(source, agent="agent", prompt="Do it."))
    assert isinstance(asked, Asked)
    assert asked.work.agent is not None
    wire.unlink()
    failed = Failure("agent", "it broke") if failed_since else None
    answer = lease(
        source, agent="agent", prompt="Do it.", session=asked.work.agent.session, epoch=2,
        result=asked.work, answers=(Answered("Which one?", "The left one.", "ann"),),
        feedback=failed,
    )  # fmt: skip
    await workshop.perform(answer)
    heard = [line.strip() for line in wire.read_text().splitlines()]
    assert heard == (begun(SESSION) if failed_since else continued(SESSION))


async def test_a_session_that_loads_and_cannot_be_gone_on_with_costs_no_attempt(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    wire = tmp_path / "wire"
    hire(workshop, "cannot go on", {"ACP_WIRE": str(wire)}, resume=True)
    asked = lease(source, agent="agent", prompt="Do it.", session=SESSION)
    result = done(await workshop.perform(asked))
    heard = [line.strip() for line in wire.read_text().splitlines()]
    assert heard == [*continued(SESSION), *begun(SESSION)[1:]]
    assert "Do it." in workshop.files_of(result.commit)["asked"]
    output = workshop.artifact(result.output)
    assert b'"type":"not loaded"' in output
    assert b"the folder of this session is gone" in output


def leased(story: Story, source: Source) -> Lease:
    """As the orchestrator leases the mission's task, from where it began."""
    task = task_state.evolve(task_state.INITIAL, story.task("work"))
    assert isinstance(task, task_state.Queued)
    facts = task.facts
    planned = msgspec.structs.replace(facts.at_tip(), tip=Tip(source.repository.base))
    return Lease(1, facts.step, planned, 1, session=facts.session)


@LONG
@pytest.mark.parametrize("resume", [True, False])
async def test_what_came_back_of_a_pull_request_is_told_to_the_session_that_made_the_change(
    source: Source, workshop: Workshop, tmp_path: Path, resume: bool
) -> None:
    wire = tmp_path / "wire"
    hire(workshop, "edit", {"ACP_WIRE": str(wire)}, resume=resume)
    spec = TaskSpec("work", prompt="Do it.", agent="agent")
    phase = Phase("main", tasks=(spec,))
    story = Story(Plan("fix", (phase,), repository=source.repository))
    first = done(await workshop.perform(leased(story, source)))
    story.settle("work", first)
    story.merge("work", first.commit)
    story.do(ReviseMission(story.id, 1, "ada asks for changes", "Why so?"))
    wire.unlink()
    second = done(await workshop.perform(leased(story, source)))
    heard = [line.strip() for line in wire.read_text().splitlines()]
    assert heard == (continued(SESSION) if resume else begun(SESSION))
    assert "> Why so?" in workshop.files_of(second.commit)["asked"]
