"""The step `merge`: one task's work into the mission's branch.

The same work on the same tip is always the same commit: its dates are the work's, and its message
names the work's task and epoch, not the merge's. So a merge that was killed anywhere, or reported
and not heard, is simply done again.
"""

import os
from typing import Final

import msgspec

from hive_contracts.outcome import MergeDone
from hive_contracts.plan import Link, MergeOf, Tip
from hive_runner.errors import GitFailed, StepFailed, failed
from hive_runner.repositories.mirror import Mirror
from hive_runner.repositories.names import branch_ref
from hive_runner.steps.job import Job

_FILES_NAMED: Final = 10


async def merge(job: Job) -> MergeDone:
    """Merge on the lease's tip. Raises StepFailed: `conflict` with its files."""
    wanted = job.lease.task.merge
    if wanted is None:
        raise failed("permanent", "the merge names no work")
    mirror = await job.mirror()
    await mirror.ensure_bundle(wanted.bundle, wanted.commit)
    workspace = job.workspace
    branch = branch_ref(job.lease.task.mission)
    await workspace.check_out_to_merge(mirror, job.tip.commit, branch)
    new = await _merged(job, wanted)
    if new == job.tip.commit:
        return MergeDone(old=new, new=job.tip)  # it was in the branch already
    link = await _link(job, branch, new)
    chain = await job.place.depot.keep_bytes(msgspec.json.encode(link))
    await _remember(mirror, job, branch, new)
    return MergeDone(old=job.tip.commit, new=Tip(new, chain.digest))


async def _merged(job: Job, wanted: MergeOf) -> str:
    workspace = job.workspace
    date = (await workspace.own("show", "-s", "--format=%ct", wanted.commit)).text
    dates = {"GIT_AUTHOR_DATE": f"{date} +0000", "GIT_COMMITTER_DATE": f"{date} +0000"}
    try:
        await workspace.own(
            "merge", "-q", "--no-ff", "--no-edit", "--no-verify-signatures", "--no-verify",
            "-m", _message(job, wanted), wanted.commit, env=dates,
        )  # fmt: skip
    except GitFailed as error:
        raise await _refusal(job, wanted, error) from error
    return workspace.head()


def _message(job: Job, wanted: MergeOf) -> str:
    mission = job.lease.task.mission
    return (
        f"Merge {wanted.name} into {mission}\n\n"
        f"Hive-Merge: {wanted.name}/{wanted.epoch}\n"
        f"Hive-Attempt: {mission}/{wanted.name}/{wanted.epoch}\n"
    )


async def _refusal(job: Job, wanted: MergeOf, error: GitFailed) -> StepFailed:
    """What a merge that git refused means: a conflict if it left files unmerged."""
    said = await job.workspace.own("diff", "--name-only", "--diff-filter=U", "-z")
    files = sorted(os.fsdecode(path) for path in said.stdout.split(b"\0") if path)
    if not files:
        return failed("infrastructure", f"{wanted.name} could not be merged", tail=error.stderr)
    diff = await job.workspace.own("diff")
    named = ", ".join(files[:_FILES_NAMED]) + (" and others" if len(files) > _FILES_NAMED else "")
    return failed(
        "conflict",
        f"{wanted.name} conflicts with the branch in {named}",
        tail=diff.stdout.decode("utf-8", "replace"),
        files=files,
    )


async def _link(job: Job, branch: str, new: str) -> Link:
    bundle_file = job.workspace.folder / "merge.bundle"
    await job.workspace.own(
        "bundle", "create", "-q", str(bundle_file), f"{job.tip.commit}..{branch}"
    )
    bundle = await job.place.depot.keep_file(bundle_file)
    return Link(old=job.tip.commit, new=new, bundle=bundle, previous=job.tip.chain)


async def _remember(mirror: Mirror, job: Job, branch: str, new: str) -> None:
    """Save the next merge a download: the branch in the mirror is a cache of a fact elsewhere."""
    await mirror.take(job.workspace.own_git, new, branch)
