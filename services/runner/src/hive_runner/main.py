"""The runner's process: `python -m hive_runner`."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

import psutil

from hive_contracts.ids import uuid7
from hive_contracts.orders import Lease
from hive_contracts.outcome import Outcome
from hive_runner.agents.roster import Roster
from hive_runner.errors import DataInUse
from hive_runner.identity import runner_id, take_over
from hive_runner.keeper import Keeper
from hive_runner.link.crew import Crew
from hive_runner.link.depot import Depot
from hive_runner.link.gateway import Gateway
from hive_runner.link.outbox import Outbox
from hive_runner.link.session import Session
from hive_runner.link.spool import Spool
from hive_runner.options import Options
from hive_runner.place import place_of
from hive_runner.processes import confinement as confinements
from hive_runner.processes.bounds import Limits
from hive_runner.processes.confinement import SandboxMissing
from hive_runner.processes.privacy import close_environment
from hive_runner.repositories.git import Git
from hive_runner.repositories.retire import left_behind, retire_left
from hive_runner.steps.attempt import perform
from hive_runner.steps.handover import Handover
from hive_shared import logs, telemetry
from hive_shared.process import EXIT_FAILED, EXIT_SETTINGS
from hive_shared.profiles import profiles_of
from hive_shared.settings import RunnerSettings, SettingsError, bytes_of, load
from hive_shared.wake import first_of

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 3.0
"""How long a drained runner waits for its last receipts."""


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def limits_of(settings: RunnerSettings) -> Limits:
    memory = settings.runner_limits_memory
    return Limits(
        memory=psutil.virtual_memory().total * 3 // 4 if memory == "auto" else bytes_of(memory),
        processes=settings.runner_limits_processes,
        cpu=settings.runner_limits_cpu,
        disk=bytes_of(settings.runner_limits_disk),
        file_size=bytes_of(settings.runner_limits_file_size),
        open_files=settings.runner_limits_open_files,
    )


def options_of(settings: RunnerSettings) -> Options:
    settings.data.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(settings.data).total
    return Options(
        data=settings.data.absolute(),
        gateway=settings.gateway,
        token_file=settings.token_path,
        name=settings.runner_name,
        folder_name=settings.runner_folder,
        slots=settings.runner_slots,
        profiles=profiles_of(settings.profiles),
        beat_seconds=settings.beat,
        kill_grace=settings.runner_kill_grace,
        drain_seconds=settings.runner_drain,
        limits=limits_of(settings),
        sandbox=settings.runner_sandbox,
        warm_trees=settings.runner_warm_trees,
        ports=settings.ports,
        keep_free=settings.kept_free(disk),
        disk=bytes_of(settings.runner_disk) if settings.runner_disk else 0,
    )


async def live(options: Options, person: Mapping[str, str]) -> None:
    """Work for the hive until told to end; `person` is the environment that commands inherit from.

    A first SIGTERM or SIGINT drains, a second one hurries. SIGUSR1 retires: no new work, and the
    end once nothing is at work and the hive has all reports, however long that takes. Raises
    DataInUse.
    """
    stop, hurry, retire = _signals()
    changed = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.callback(os.close, take_over(options.folder))
        gateway = Gateway(options.gateway, options.token_file)
        stack.push_async_callback(gateway.close)
        depot = Depot(options.folder / "artifacts", gateway)
        git = Git(options.folder / "git", person)
        git.prepare()
        roster = Roster(options.profiles, person)
        confinement = await confinements.find(options.limits, options.sandbox, options.data, person)
        place = place_of(options, git, depot, person, roster, confinement)
        left = left_behind(place)
        keeper = Keeper(place, changed.set, ask=gateway.releases)
        await keeper.look()
        await keeper.weigh()
        spool = Spool(options.folder / "spool" / "reports")
        stack.callback(spool.close)
        outbox = Outbox(spool, depot, gateway, changed.set)

        async def attempt(lease: Lease, traceparent: str, handover: Handover) -> Outcome:
            return await perform(place, lease, traceparent, handover)

        crew = Crew(
            options, runner_id(options.folder, new_id), new_id(), outbox, attempt, new_id,
            changed.set, roster.able, lambda: keeper.closed, place.ledger, place.vigil,
            place.questions,
        )  # fmt: skip
        session = Session(
            gateway, crew, outbox, changed, place.tails, place.handled, place.silences
        )
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(session.run(), name="session"),
                group.create_task(outbox.run(), name="uploads"),
                group.create_task(keeper.run(), name="disk"),
                group.create_task(retire_left(place, left), name="clearing up"),
            ]
            await first_of(stop.wait(), retire.wait())
            if not stop.is_set():
                log.info("retiring: no new work is taken")
                await first_of(stop.wait(), _retired(crew, session))
            await crew.drain(hurry)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await session.settled()
            for loop in loops:
                loop.cancel()


async def _retired(crew: Crew, session: Session) -> None:
    await crew.retire()
    await session.settled()


def _signals() -> tuple[asyncio.Event, asyncio.Event, asyncio.Event]:
    """What the first signal sets, what the second, and what SIGUSR1."""
    stop, hurry, retire = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, told)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, retire.set)
    return stop, hurry, retire


def main() -> int:
    # The commands of attempts are started by exec: gRPC has no part in it.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    close_environment()
    instance = new_id()
    logs.configure("runner", instance, "info")
    try:
        settings = load(RunnerSettings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_SETTINGS
    logs.configure("runner", instance, settings.log_level)
    try:
        with telemetry.configure("runner", settings.otlp_endpoint, settings.otlp_traces):
            asyncio.run(live(options_of(settings), dict(os.environ)))
    except (DataInUse, SandboxMissing) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return 0
