"""One epoch of a task, from its lease to its outcome."""

import logging

from hive_contracts.orders import Lease
from hive_contracts.plan import Outcome
from hive_runner.errors import ArtifactUnavailable, GitFailed, StepFailed, failed
from hive_runner.expand import expand
from hive_runner.gates import gates
from hive_runner.job import Job
from hive_runner.merge import merge
from hive_runner.names import name_of
from hive_runner.place import Place
from hive_runner.retire import retire
from hive_runner.unhurried import unhurried
from hive_runner.work import work
from hive_runner.workspace import Workspace
from hive_shared.telemetry import span

log = logging.getLogger(__name__)


async def perform(place: Place, lease: Lease, traceparent: str) -> Outcome:
    """Do what a lease asks for. Afterwards no process of it is left, and its work is safe.

    Whatever goes wrong is an outcome too; only a cancellation is raised.
    """
    name = name_of(lease.task, lease.epoch)
    folder = place.attempts / name.key
    try:
        if folder.exists() and not await retire(place, folder):
            raise failed("infrastructure", f"{folder} holds work that cannot be kept")
        workspace = Workspace(folder, place.git)
        await workspace.create()
        with span(f"attempt.{lease.step}", traceparent, task_id=name.task_id, epoch=name.epoch):
            return await _step(Job(place, lease, name, workspace, traceparent))
    except StepFailed as error:
        return error.failure
    except GitFailed as error:
        return failed("infrastructure", str(error), tail=error.stderr).failure
    except (ArtifactUnavailable, OSError) as error:
        return failed("infrastructure", str(error)).failure
    except Exception as error:
        # A defect of the runner: the hive shall hear of it and go on elsewhere.
        log.exception("attempt %s broke", name.trailer)
        return failed(
            "infrastructure", f"the runner broke: {type(error).__name__}: {error}"
        ).failure
    finally:
        await unhurried(retire(place, folder))


async def _step(job: Job) -> Outcome:
    match job.lease.step:
        case "work":
            return await work(job)
        case "gates":
            return await gates(job)
        case "merge":
            return await merge(job)
        case "expand":
            return await expand(job)
