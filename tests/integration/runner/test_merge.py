"""Merging: once, whatever happens on the way."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from hive_contracts.orders import Lease
from hive_contracts.outcome import MergeDone
from hive_contracts.plan import Link, Step, Tip
from hive_runner.repositories.retire import left_behind, retire_left
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    merge_of,
    merged,
    with_epoch,
)


async def worked(source: Source, workshop: Workshop, name: str, run: str) -> Lease:
    """A lease to merge what a task of that name does."""
    work = done(await workshop.perform(lease(source, run=run, name=name)))
    return lease(source, "merge", name=f"merge-{name}", merge=merge_of(work, f"build/{name}"))


def on(asked: Lease, tip: Tip) -> Lease:
    return msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, tip=tip))


def link_of(workshop: Workshop, tip: Tip) -> Link:
    path = workshop.depot.waiting(tip.chain)
    assert path is not None
    return msgspec.json.decode(path.read_bytes(), type=Link)


async def test_a_merge_names_its_task_and_chains_its_bundle(
    source: Source, workshop: Workshop
) -> None:
    before = source.state()
    first = merged(await workshop.perform(await worked(source, workshop, "a", "echo 1 > a")))
    assert first.old == source.head
    message = workshop.mirror_git("log", "-1", "--format=%B", first.new.commit)
    assert "Hive-Merge: build/a/1" in message
    assert "Hive-Attempt: fix-1/build/a/1" in message
    link = link_of(workshop, first.new)
    assert (link.old, link.new, link.previous) == (source.head, first.new.commit, "")
    assert workshop.mirror_git("rev-parse", "refs/heads/hive/fix-1") == first.new.commit

    second = merged(
        await workshop.perform(on(await worked(source, workshop, "b", "echo 1 > b"), first.new))
    )
    assert link_of(workshop, second.new).previous == first.new.chain
    assert {"a", "b"} <= set(workshop.files_of(second.new.commit))
    parents = workshop.mirror_git("log", "-1", "--format=%P", second.new.commit).split()
    assert parents[0] == first.new.commit
    assert source.state() == before


async def test_another_runner_and_a_person_follow_the_chain_of_bundles(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    first = merged(await workshop.perform(await worked(source, workshop, "a", "echo 1 > a")))
    second = merged(
        await workshop.perform(on(await worked(source, workshop, "b", "echo 1 > b"), first.new))
    )
    other = Workshop(tmp_path / "other")
    for tip in (first.new, second.new):
        link = link_of(workshop, tip)
        await other.depot.keep_bytes(workshop.artifact(link.bundle))
        await other.depot.keep_bytes(msgspec.json.encode(link))
    result = done(await other.perform(lease(source, run="cat a b > c", name="c", tip=second.new)))
    assert other.files_of(result.commit)["c"] == "1\n1"
    for tip in (first.new, second.new):
        bundle = tmp_path / "link.bundle"
        bundle.write_bytes(workshop.artifact(link_of(workshop, tip).bundle))
        git(source.path, "fetch", "-q", str(bundle), "+refs/heads/hive/fix-1:refs/heads/hive/fix-1")
    assert git(source.path, "rev-parse", "hive/fix-1") == second.new.commit


async def test_a_conflict_names_its_files(source: Source, workshop: Workshop) -> None:
    ours = await worked(source, workshop, "a", "echo ours > README; echo 1 > 'né w'")
    theirs = await worked(source, workshop, "b", "echo theirs > README; echo 2 > 'né w'")
    first = merged(await workshop.perform(ours))
    failed = failure(await workshop.perform(on(theirs, first.new)))
    assert (failed.kind, failed.files) == ("conflict", ("README", "né w"))
    assert "+++theirs" in failed.tail.replace(" ", "") or "theirs" in failed.tail
    assert workshop.folders_left() == []


async def test_a_conflict_between_a_deleted_and_a_changed_file_is_one(
    source: Source, workshop: Workshop
) -> None:
    first = merged(await workshop.perform(await worked(source, workshop, "a", "rm src/a.py")))
    theirs = await worked(source, workshop, "b", "echo b = 2 >> src/a.py")
    assert failure(await workshop.perform(on(theirs, first.new))).files == ("src/a.py",)


@pytest.mark.parametrize("folder", ["", "docs/deep/"])
async def test_a_file_that_is_to_be_joined_is_no_conflict_whichever_folder_says_so(
    source: Source, workshop: Workshop, folder: str
) -> None:
    changes = f"{folder}CHANGES"
    source.commit({f"{folder}.gitattributes": "CHANGES merge=union\n", changes: "0\n", "x/y": "z"})
    first = merged(
        await workshop.perform(await worked(source, workshop, "a", f"echo 1 >> {changes}"))
    )
    theirs = await worked(source, workshop, "b", f"echo 2 >> {changes}")
    second = merged(await workshop.perform(on(theirs, first.new)))
    assert workshop.files_of(second.new.commit)[changes] == "0\n1\n2"
    assert workshop.files_of(second.new.commit)["x/y"] == "z"


async def test_the_same_merge_is_the_same_commit(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    asked = await worked(source, workshop, "a", "echo 1 > a")
    assert asked.task.merge is not None
    other = Workshop(tmp_path / "other")
    await other.depot.keep_bytes(workshop.artifact(asked.task.merge.bundle))
    commits = {
        merged(await place.perform(with_epoch(asked, epoch))).new.commit
        for epoch, place in enumerate((workshop, workshop, other), start=1)
    }
    assert len(commits) == 1


async def test_work_that_is_in_the_branch_already_moves_nothing(
    source: Source, workshop: Workshop
) -> None:
    asked = await worked(source, workshop, "a", "echo 1 > a")
    first = merged(await workshop.perform(asked))
    again = merged(await workshop.perform(with_epoch(on(asked, first.new), 2)))
    assert again == MergeDone(old=first.new.commit, new=first.new)


KILLED = """
import asyncio, os, sys
import msgspec
from pathlib import Path
from hive_contracts.orders import Lease
from hive_runner.repositories.git import Git
from hive_runner.link import depot
from hive_runner.repositories.retire import left_behind, retire_left
from tests.integration.runner.workshop import Workshop

limit, calls, real = int(sys.argv[3]), 0, Git.run

async def run(self, *arguments, **options):
    global calls
    said = await real(self, *arguments, **options)
    calls += 1
    if calls == limit:
        os.kill(os.getpid(), 9)
    return said

Git.run = run
workshop = Workshop(Path(sys.argv[1]))
asked = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Lease)
outcome = asyncio.run(workshop.perform(asked))
print(msgspec.json.encode(outcome).decode())
"""


def merge_killed_after(folder: Path, asked: Lease, calls: int) -> subprocess.CompletedProcess[str]:
    """Merge in a process of its own, killed right after that many calls of git; 0 never."""
    order = folder / "lease.json"
    order.write_bytes(msgspec.json.encode(asked))
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(order), str(calls)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_a_merge_that_is_killed_after_any_call_of_git_is_done_once(
    source: Source, workshop: Workshop
) -> None:
    folder = workshop.options.data
    tip, calls, epoch, commits = Tip(source.head), 0, 0, set()
    asked = await worked(source, workshop, "a", "echo 1 > a")
    while True:
        calls += 1
        epoch += 1
        ran = merge_killed_after(folder, with_epoch(on(asked, tip), epoch), calls)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        # The next runner takes over and clears up; then the hive leases it a new epoch.
        await retire_left(workshop.place, left_behind(workshop.place))
        assert workshop.folders_left() == []
    assert calls > 8, "the merge should have been killed at each of its calls"
    outcome = json.loads(ran.stdout)
    commits.add(outcome["new"]["commit"])
    made = int(workshop.mirror_git("show", "-s", "--format=%ct", *commits))
    while time.time() < made + 1:  # a merge that told its own time would be another commit now
        await asyncio.sleep(0.05)
    again = merged(await workshop.perform(with_epoch(on(asked, tip), epoch + 1)))
    assert {again.new.commit} == commits
    merges = workshop.mirror_git(
        "log", "--merges", "--format=%B", f"{source.head}..{again.new.commit}"
    )
    assert merges.count("Hive-Merge: build/a/1") == 1


@pytest.mark.parametrize("step", ["merge", "expand"])
async def test_a_lease_without_its_object_is_a_lasting_failure(
    step: Step, source: Source, workshop: Workshop
) -> None:
    assert failure(await workshop.perform(lease(source, step))).kind == "permanent"
