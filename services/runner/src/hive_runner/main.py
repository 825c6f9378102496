"""The runner's process: `python -m hive_runner`."""

import asyncio
import contextlib
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
from hive_contracts.plan import Outcome
from hive_runner import confinement as confinements
from hive_runner.attempt import perform
from hive_runner.bounds import Limits
from hive_runner.confinement import SandboxMissing
from hive_runner.crew import Crew
from hive_runner.depot import Depot
from hive_runner.errors import DataInUse
from hive_runner.gateway import Gateway
from hive_runner.git import Git
from hive_runner.identity import runner_id, take_over
from hive_runner.keeper import Keeper
from hive_runner.options import Options
from hive_runner.outbox import Outbox
from hive_runner.place import place_of
from hive_runner.privacy import close_environment
from hive_runner.retire import left_behind, retire_left
from hive_runner.roster import Roster
from hive_runner.session import Session
from hive_runner.spool import Spool
from hive_shared import logs, telemetry
from hive_shared.process import EXIT_FAILED, EXIT_SETTINGS
from hive_shared.profiles import profiles_of
from hive_shared.settings import RunnerSettings, SettingsError, bytes_of, load

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


def ports_of(settings: RunnerSettings) -> tuple[int, int]:
    first, _, last = settings.runner_ports.partition("-")
    return int(first), int(last)


def options_of(settings: RunnerSettings) -> Options:
    settings.data.mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(settings.data).total
    return Options(
        data=settings.data.absolute(),
        gateway=settings.gateway,
        token_file=settings.token_path,
        name=settings.runner_name,
        slots=settings.runner_slots,
        profiles=profiles_of(settings.profiles),
        beat_seconds=settings.beat,
        kill_grace=settings.runner_kill_grace,
        drain_seconds=settings.runner_drain,
        limits=limits_of(settings),
        sandbox=settings.runner_sandbox,
        warm_trees=settings.runner_warm_trees,
        ports=ports_of(settings),
        keep_free=settings.kept_free(disk),
    )


async def live(options: Options, person: Mapping[str, str]) -> None:
    """Work for the hive until told to end; `person` is the environment that commands inherit from.

    A first SIGTERM or SIGINT drains, a second one hurries. Raises DataInUse.
    """
    stop, hurry = _signals()
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
        keeper = Keeper(place, changed.set)
        await keeper.look()
        spool = Spool(options.folder / "spool" / "reports")
        stack.callback(spool.close)
        outbox = Outbox(spool, depot, gateway, changed.set)

        async def attempt(lease: Lease, traceparent: str) -> Outcome:
            return await perform(place, lease, traceparent)

        crew = Crew(
            options, runner_id(options.folder, new_id), new_id(), outbox, attempt, new_id,
            changed.set, roster.able, lambda: keeper.closed,
        )  # fmt: skip
        session = Session(gateway, crew, outbox, changed, place.tails)
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(session.run(), name="session"),
                group.create_task(outbox.run(), name="uploads"),
                group.create_task(keeper.run(), name="disk"),
                group.create_task(retire_left(place, left), name="clearing up"),
            ]
            await stop.wait()
            await crew.drain(hurry)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await session.settled()
            for loop in loops:
                loop.cancel()


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """What the first signal sets, and what the second."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, told)
    return stop, hurry


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
        with telemetry.configure("runner", settings.otlp_endpoint):
            asyncio.run(live(options_of(settings), dict(os.environ)))
    except (DataInUse, SandboxMissing) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return 0
