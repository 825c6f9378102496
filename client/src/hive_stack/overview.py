"""What the first screen shows: the stack, its services, its room, and the agents found."""

import importlib.metadata
from pathlib import Path
from typing import Final

import msgspec
import psutil

from hive_shared.settings import RunnerSettings, load
from hive_stack import readiness
from hive_stack.agents import Agent, agents
from hive_stack.checks import existing
from hive_stack.processes import alive
from hive_stack.runners import RUNNER
from hive_stack.stack import Stack
from hive_stack.state import Phase, StackState
from hive_stack.vault import Vault

COUNTED: Final = ("orchestrator", "gateway", "github", "health")
"""The services of "services 4/4"; the relay and the runner are shown by what they do."""


class Overview(msgspec.Struct, frozen=True):
    version: str
    phase: Phase
    ready: bool
    reasons: str
    """Why it is not ready; empty where it is."""
    data: Path
    page: str
    gateway: str
    up_in_s: float | None
    record: str
    bus: str
    tails: str
    """What holds live output; empty where nothing does."""
    tails_missing: str
    """Why there is no live output; empty where there is."""
    services_up: int
    services: int
    restarts: tuple[tuple[str, int], ...]
    """Programs that were started again since `hive up`, and how often."""
    runner_up: bool
    runners_up: int
    runners: str
    """As many as it was told to have: a number, or MIN:MAX."""
    slots: int
    """Of one runner."""
    free_bytes: int
    kept_free: int
    """Bytes that stay free: with less, the runner takes no work."""
    agents: tuple[Agent, ...]


def overview(stack: Stack) -> Overview | None:
    """None where no stack ever ran in this data directory. Raises StackError."""
    state = stack.state()
    if state is None:
        return None
    asked = _readiness(stack, state)
    disk = psutil.disk_usage(str(existing(stack.settings.data)))
    up = {
        program.name
        for program in state.programs
        if program.process is not None and alive(program.process)
    }
    return Overview(
        version=importlib.metadata.version("agent-hive"),
        phase=state.phase,
        ready=asked.ready,
        reasons=asked.reasons(),
        data=stack.settings.data,
        page=state.page,
        gateway=state.gateway,
        up_in_s=state.up_in_s,
        record=state.postgres,
        bus=state.nats,
        tails=state.redis,
        tails_missing=state.redis_missing or asked.reason("tails"),
        services_up=len(up & set(COUNTED)),
        services=len(COUNTED),
        restarts=tuple((p.name, p.restarts) for p in state.programs if p.restarts),
        runner_up=RUNNER in up,
        runners_up=sum(name.startswith(RUNNER) for name in up),
        runners=state.runners,
        slots=stack.settings.runner_slots,
        free_bytes=disk.free,
        kept_free=load(RunnerSettings, stack.sources).kept_free(disk.total),
        agents=tuple(agents(stack.settings.profiles, stack.sources.env, stack.sources.home)),
    )


def _readiness(stack: Stack, state: StackState) -> readiness.Readiness:
    if state.phase not in ("ready", "starting"):
        return readiness.Readiness("not ready", (readiness.Check("stack", False, state.phase),))
    return readiness.ask(state.http_port, Vault(stack.paths.secrets).admin_token())
