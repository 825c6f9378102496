"""An attempt whose task a person takes over: its turn is ended, and what is there is handed over.

    orders name it ──▶ asked ──▶ its step is cancelled, its process group ended
                                    └──▶ its files are sealed, kept and bundled ──▶ reported

The orders name it until a report has come, so a lost one heals with the next. What has been
reported by itself before that is as good as a handover, and left at that. Where the runner is
killed meanwhile, its next life keeps the work as that of any attempt, and its session's end tells
the person that nothing comes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hive_contracts.outcome import AgentRun, HandedOver, Outcome
from hive_contracts.plan import ArtifactRef
from hive_runner.errors import StepFailed
from hive_runner.repositories import seal
from hive_runner.unhurried import unhurried

if TYPE_CHECKING:
    from hive_runner.steps.job import Job


class Handover:
    """Whether a person has asked for an attempt, and what its agent had told by then."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.output: ArtifactRef | None = None
        self.agent: AgentRun | None = None


async def unless_taken(
    job: "Job", step: Callable[["Job"], Coroutine[Any, Any, Outcome]]
) -> Outcome:
    """A step's outcome, or what is there of it once a person asks. Raises what the step raises,
    GitFailed and OSError.
    """
    doing = asyncio.ensure_future(step(job))
    asked = asyncio.ensure_future(job.handover.asked.wait())
    try:
        await asyncio.wait([doing, asked], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
            await asyncio.wait([doing])
    finally:
        asked.cancel()
        doing.cancel()
        await unhurried(_over(doing))
    if not doing.cancelled() and doing.exception() is None:
        return doing.result()  # it was done all the same
    if not job.handover.asked.is_set():
        return doing.result()
    return await _handed_over(job, doing)


async def _over(task: "asyncio.Future[Outcome]") -> None:
    await asyncio.wait([task])


async def _handed_over(job: "Job", doing: "asyncio.Future[Outcome]") -> HandedOver:
    left = HandedOver(output=job.handover.output, agent=job.handover.agent)
    error = None if doing.cancelled() else doing.exception()
    if isinstance(error, StepFailed) and left.agent is None:
        # It failed by itself a moment before: what it had told is in its failure.
        failure = error.failure
        left = HandedOver(output=failure.output, agent=failure.agent)
    work = seal.written_down(job.workspace.folder)
    if work is None or not work.mirror or job.workspace.is_lost:
        return left
    mirror = await job.place.mirrors.at(Path(work.mirror))
    sealed = await seal.hand_over(job.workspace, mirror, work)
    if sealed.changed:
        bundle = await bundled(job, work)
        seal.is_safe(job.workspace)
        return msgspec.structs.replace(left, commit=sealed.commit, bundle=bundle)
    before = job.left
    if before is None:
        return left
    return msgspec.structs.replace(left, commit=before.commit, bundle=before.bundle)


async def bundled(job: "Job", work: seal.Work) -> ArtifactRef:
    """The bundle from the task's tip to an attempt's sealed commit. Raises GitFailed, OSError."""
    file = job.workspace.folder / "result.bundle"
    await job.workspace.own(
        "bundle", "create", "-q", str(file), f"{job.tip.commit}..{work.name.attempt_ref}"
    )
    return await job.place.depot.keep_file(file)
