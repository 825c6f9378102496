"""What keeps attempts apart on this machine: found out once, when the runner starts."""

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hive_runner.processes import cgroups, sandbox
from hive_runner.processes.bounds import Limits, shown
from hive_runner.processes.census import Census
from hive_runner.processes.cgroups import Cgroups
from hive_runner.processes.sandbox import Sandbox

log = logging.getLogger(__name__)


class SandboxMissing(Exception):
    """The settings want a sandbox, and there is none."""


class Confinement(msgspec.Struct, frozen=True):
    limits: Limits = Limits()
    census: Census = msgspec.field(default_factory=Census)
    cgroups: Cgroups | None = None
    sandbox: Sandbox | None = None


async def find(limits: Limits, wanted: str, data: Path, person: Mapping[str, str]) -> Confinement:
    """What there is, said in the log. Raises SandboxMissing where it is wanted and missing."""
    groups = cgroups.find()
    box = await sandbox.find(wanted, data, person)
    for line in said(limits, groups, box):
        log.info("%s", line)
    if isinstance(box, str) and wanted == "on":
        raise SandboxMissing(f"attempts are to run in a sandbox (`runner_sandbox`), and {box}")
    return Confinement(
        limits=limits,
        cgroups=None if isinstance(groups, str) else groups,
        sandbox=None if isinstance(box, str) else box,
    )


def said(limits: Limits, groups: Cgroups | str, box: Sandbox | str) -> list[str]:
    """One line a mechanism, for the log: what it does here, or why it does nothing."""
    bounds = [
        f"memory {shown(limits.memory)}" if limits.memory else "",
        f"{limits.processes} processes" if limits.processes else "",
        f"disk {shown(limits.disk)}" if limits.disk else "",
        f"{limits.cpu:.0f} s of processor time" if limits.cpu else "",
        f"files of {shown(limits.file_size)}" if limits.file_size else "",
    ]
    within = ", ".join(bound for bound in bounds if bound)
    lines = [f"limits of an attempt: {within or 'none'}"]
    if isinstance(groups, str):
        lines.append(f"control groups: no, {groups}. Limits are looked at once a second")
    elif not groups.controllers:
        lines.append("control groups: yes, to end attempts; limits are looked at once a second")
    else:
        lines.append(f"control groups: yes, for {' and '.join(groups.controllers)}")
    lines.append(
        f"sandbox: no, {box}. An attempt can read and change what the runner's user can,"
        " the hive's own secrets among it"
        if isinstance(box, str)
        else "sandbox: yes, an attempt sees nothing of the hive's data but its own"
    )
    return lines
