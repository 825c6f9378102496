"""What a command of an attempt finds in its environment; nothing else gets in."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hive_contracts.orders import Lease
from hive_runner.processes.processes import MARKER
from hive_runner.repositories.names import AttemptName

DEFAULT_PASS: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
)  # fmt: skip
"""Without HOME (and USER on macOS) a coding agent says that nobody is logged in."""


def let_in(
    person: Mapping[str, str], passed: Iterable[str], set: Mapping[str, str]
) -> dict[str, str]:
    """`person` is the runner's own environment, of which `passed` are let in."""
    return {key: person[key] for key in (*DEFAULT_PASS, *passed) if key in person} | dict(set)


def environment(
    given: Mapping[str, str],
    name: AttemptName,
    lease: Lease,
    ceilings: Iterable[Path],
    traceparent: str,
) -> dict[str, str]:
    """What is let in, and what names the attempt. `ceilings` are folders that are nobody's
    repository."""
    env = dict(given)
    env |= {
        MARKER: name.key,
        "HIVE_MISSION": name.mission,
        "HIVE_PHASE": name.phase,
        "HIVE_TASK": name.task,
        "HIVE_EPOCH": str(lease.epoch),
        "HIVE_ATTEMPT": str(lease.attempt),
        # A command that lost its `.git` must not find the repository of somebody above it.
        "GIT_CEILING_DIRECTORIES": os.pathsep.join(map(str, ceilings)),
    }
    if traceparent:
        env["TRACEPARENT"] = traceparent
    return env
