"""One epoch of a task, from its lease to its outcome."""

import logging

import msgspec

from hive_contracts.orders import Lease
from hive_contracts.outcome import Asked, Failure, GatesRun, HandedOver, Outcome, WorkDone
from hive_contracts.plan import ArtifactRef
from hive_runner.errors import ArtifactUnavailable, GitFailed, StepFailed, failed
from hive_runner.judging.gates import gates
from hive_runner.place import Place
from hive_runner.repositories.names import name_of
from hive_runner.repositories.retire import retire
from hive_runner.repositories.workspace import Workspace
from hive_runner.steps.expand import expand
from hive_runner.steps.handover import Handover, unless_taken
from hive_runner.steps.job import Job
from hive_runner.steps.merge import merge
from hive_runner.steps.work import work
from hive_runner.unhurried import unhurried
from hive_shared.telemetry import span

log = logging.getLogger(__name__)


async def perform(
    place: Place, lease: Lease, traceparent: str, handover: Handover | None = None
) -> Outcome:
    """Do what a lease asks for. Afterwards no process of it is left, and its work is safe.

    Whatever goes wrong is an outcome too; only a cancellation is raised. `handover` is asked for
    where a person takes the task over.
    """
    name = name_of(lease.task, lease.epoch)
    folder = place.attempts / name.key
    workspace = Workspace(folder, place.git)
    with place.ports.leased() as ports:
        job = Job(place, lease, name, workspace, traceparent, ports, handover or Handover())
        try:
            with span(f"attempt.{lease.step}", traceparent, task_id=name.task_id, epoch=name.epoch):
                outcome = await _outcome(job)
        finally:
            await unhurried(retire(place, folder, workspace.note))
            if workspace.cache is not None:
                place.caches.end(*workspace.cache)
    return _with_setup(outcome, workspace.setup_output)


def _with_setup(outcome: Outcome, output: ArtifactRef | None) -> Outcome:
    """What the set-up printed goes with whatever came of the attempt."""
    if output is not None and isinstance(outcome, Asked):
        return msgspec.structs.replace(outcome, work=_with_setup(outcome.work, output))
    if output is None or not isinstance(outcome, WorkDone | GatesRun | Failure | HandedOver):
        return outcome
    return msgspec.structs.replace(outcome, setup=output)


async def _outcome(job: Job) -> Outcome:
    folder = job.workspace.folder
    try:
        if folder.exists() and not await retire(job.place, folder):
            raise failed("infrastructure", f"{folder} holds work that cannot be kept")
        await job.workspace.create()
        return await unless_taken(job, _step)
    except StepFailed as error:
        return error.failure
    except GitFailed as error:
        return failed("infrastructure", str(error), tail=error.stderr).failure
    except (ArtifactUnavailable, OSError) as error:
        return failed("infrastructure", str(error)).failure
    except Exception as error:
        # A defect of the runner: the hive shall hear of it and go on elsewhere.
        log.exception("attempt %s broke", job.name.trailer)
        return failed(
            "infrastructure", f"the runner broke: {type(error).__name__}: {error}"
        ).failure


async def _step(job: Job) -> Outcome:
    match job.lease.step:
        case "work":
            return await work(job)
        case "gates":
            return await gates(job)
        case "merge":
            with job.place.handled.merge.one():
                return await merge(job)
        case "expand":
            return await expand(job)
