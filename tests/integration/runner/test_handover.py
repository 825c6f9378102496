"""An attempt whose task a person takes over, and one that goes on from what a person left."""

import asyncio
import json
from pathlib import Path

import msgspec

from hive_contracts.orders import Lease
from hive_contracts.outcome import HandedOver, Start
from hive_contracts.plan import ArtifactRef, Tip
from hive_runner.steps.handover import Handover
from hive_shared.profiles import Profile, settings_of
from hive_shared.profiles.profile import Reading
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    nothing_left_behind,
    until,
)


async def taken_over(workshop: Workshop, work: Lease, mark: str) -> HandedOver:
    """The handover of an attempt that is asked for once its command has made a file."""
    handover = Handover()
    attempt = asyncio.create_task(workshop.perform(work, handover))
    await until(lambda: list(workshop.options.folder.glob(f"attempts/*/tree/{mark}")))
    handover.asked.set()
    outcome = await attempt
    assert isinstance(outcome, HandedOver), outcome
    return outcome


async def test_an_agent_that_ignores_sigterm_is_ended_and_its_files_are_handed_over(
    workshop: Workshop, source: Source, nap: str
) -> None:
    run = f"trap '' TERM; echo 2 >> src/a.py; rm README; mkdir new; echo n > new/f; echo; {nap}"
    with nothing_left_behind(nap):
        left = await taken_over(workshop, lease(source, run=run), "new/f")
    assert workshop.folders_left() == []
    assert workshop.kept() == {"fix-1/build_one/1": left.commit}
    files = workshop.files_of(left.commit)
    assert files == {".gitignore": "*.log", "src/a.py": "a = 1\n2", "new/f": "n"}
    assert workshop.artifact(left.output) == b"\n"


async def test_its_bundle_brings_it_to_whoever_has_the_tip(
    workshop: Workshop, source: Source, nap: str, tmp_path: Path
) -> None:
    left = await taken_over(workshop, lease(source, run=f"echo half > half; {nap}"), "half")
    bundle = tmp_path / "left.bundle"
    bundle.write_bytes(workshop.artifact(left.bundle))
    git(tmp_path, "clone", "-q", str(source.path), "mine")
    git(tmp_path / "mine", "fetch", "-q", str(bundle), f"{left.commit}:left")
    assert git(tmp_path / "mine", "show", "left:half") == "half"


async def test_what_an_agent_committed_itself_is_handed_over_with_what_it_did_not(
    workshop: Workshop, source: Source, nap: str
) -> None:
    run = f"echo 1 > one; git add one; git commit -qm one; echo 2 > two; {nap}"
    left = await taken_over(workshop, lease(source, run=run), "two")
    assert {"one", "two"} < set(workshop.files_of(left.commit))
    assert workshop.mirror_git("log", "--format=%s", f"{source.head}..{left.commit}").splitlines()[
        1:
    ] == ["one"]


async def test_an_agent_that_changed_nothing_leaves_nothing(
    workshop: Workshop, source: Source, nap: str
) -> None:
    left = await taken_over(workshop, lease(source, run=f"echo x > a.log; {nap}"), "a.log")
    assert (left.commit, left.bundle) == ("", None)
    assert workshop.kept() == {}


async def test_one_that_is_taken_in_its_set_up_leaves_nothing_and_no_process(
    workshop: Workshop, source: Source, nap: str
) -> None:
    source.commit({".hive/repo.yaml": f'setup: "touch begun; {nap}"\n'})
    handover = Handover()
    with nothing_left_behind(nap):
        attempt = asyncio.create_task(workshop.perform(lease(source, run="true"), handover))
        await until(lambda: list(workshop.options.folder.glob("trees/*/tree/begun")))
        handover.asked.set()
        left = await attempt
    assert isinstance(left, HandedOver) and not left.commit


async def test_the_session_of_its_agent_is_told(source: Source, nap: str, tmp_path: Path) -> None:
    begun = json.dumps({"type": "thread.started", "thread_id": "s-1"})
    script = f"echo '{begun}'; touch begun; {nap}"
    profile = Profile(("sh", "-c", script), events=(Reading(session="thread_id"),))
    workshop = Workshop(tmp_path / "data", profiles={"codex": profile})
    work = lease(source, prompt="Fix it.", agent="codex")
    left = await taken_over(workshop, work, "begun")
    assert left.agent is not None
    assert (left.agent.profile, left.agent.session) == ("codex", "s-1")
    assert left.agent.settings == settings_of(profile)
    assert b"Fix it." in workshop.artifact(left.agent.prompt)


# --- going on from what a person left


async def given(workshop: Workshop, source: Source, run: str, *, finished: bool = False) -> Start:
    """What an earlier attempt made stands for what a person did."""
    made = done(await workshop.perform(lease(source, run=run, mission="by-hand")))
    assert made.bundle is not None
    return Start(made.commit, made.bundle, finished)


async def test_the_next_attempt_starts_from_what_a_person_left(
    workshop: Workshop, source: Source
) -> None:
    start = await given(workshop, source, "echo mine > mine")
    work = lease(source, run="cat mine > copy; cat $HIVE_PROMPT_FILE > asked", start=start)
    outcome = done(await workshop.perform(work))
    files = workshop.files_of(outcome.commit)
    assert (files["mine"], files["copy"]) == ("mine", "mine")
    assert "A person has worked on this task." in files["asked"]
    assert outcome.files == 3  # counted from the tip, the person's included
    tip = source.head
    assert workshop.mirror_git("rev-list", "--count", f"{tip}..{outcome.commit}") == "2"


async def test_its_bundle_begins_at_the_tip_so_that_it_can_be_merged(
    workshop: Workshop, source: Source, tmp_path: Path
) -> None:
    start = await given(workshop, source, "echo mine > mine")
    outcome = done(await workshop.perform(lease(source, run="echo 1 > one", start=start)))
    bundle = tmp_path / "result.bundle"
    bundle.write_bytes(workshop.artifact(outcome.bundle))
    git(tmp_path, "clone", "-q", str(source.path), "theirs")
    git(tmp_path / "theirs", "fetch", "-q", str(bundle), f"{outcome.commit}:result")
    assert git(tmp_path / "theirs", "show", "result:mine") == "mine"


async def test_an_agent_that_adds_nothing_to_it_says_why(
    workshop: Workshop, source: Source
) -> None:
    start = await given(workshop, source, "echo mine > mine")
    idle = failure(await workshop.perform(lease(source, run="true", start=start)))
    assert idle.kind == "no-change"
    said = "echo 'it is complete' > $HIVE_NO_CHANGE_FILE"
    outcome = done(await workshop.perform(lease(source, run=said, start=start)))
    assert (outcome.commit, outcome.bundle) == (start.commit, start.bundle)
    assert outcome.no_change == ""


async def test_what_a_person_finished_is_handed_in_as_it_is_and_measured_like_any_work(
    workshop: Workshop, source: Source
) -> None:
    source.commit({".hive/repo.yaml": 'protect: ["ci/**"]\n', "tests/test_a.py": "one\n"})
    run = "mkdir ci; echo x > ci/x; echo two >> tests/test_a.py"
    start = await given(workshop, source, run, finished=True)
    outcome = done(await workshop.perform(lease(source, run="touch not-run", start=start)))
    assert (outcome.commit, outcome.bundle) == (start.commit, start.bundle)
    assert (outcome.files, outcome.protected) == (2, ("ci/x", "tests/test_a.py"))
    assert [change.path for change in outcome.tests] == ["tests/test_a.py"]


async def test_what_a_person_finished_keeps_to_its_tasks_paths(
    workshop: Workshop, source: Source
) -> None:
    start = await given(workshop, source, "echo mine > mine", finished=True)
    strayed = failure(
        await workshop.perform(lease(source, run="true", start=start, paths=("src/**",)))
    )
    assert strayed.kind == "agent" and "outside of its paths" in strayed.detail


async def test_what_does_not_continue_from_the_tip_is_refused(
    workshop: Workshop, source: Source
) -> None:
    start = await given(workshop, source, "echo mine > mine", finished=True)
    later = Tip(source.commit({"README": "newer\n"}))
    refused = failure(await workshop.perform(lease(source, run="true", start=start, tip=later)))
    assert "does not continue from" in refused.detail


async def test_a_person_who_takes_it_again_finds_what_was_left_before(
    workshop: Workshop, source: Source, nap: str
) -> None:
    start = await given(workshop, source, "echo mine > mine")
    work = lease(source, run=f"touch a.log; {nap}", start=start)
    left = await taken_over(workshop, work, "a.log")
    assert (left.commit, left.bundle) == (start.commit, start.bundle)


async def test_a_bundle_that_cannot_be_had_is_nobodys_fault(
    workshop: Workshop, source: Source
) -> None:
    start = Start("e" * 40, ArtifactRef("0" * 64, 1))
    work = msgspec.structs.replace(lease(source, run="true"), start=start)
    assert failure(await workshop.perform(work)).kind == "infrastructure"
