"""What was found in a repository, and why it is believed."""

import msgspec


class Step(msgspec.Struct, frozen=True):
    """A shell command of the set-up."""

    run: str
    why: str
    """The file that shows it, and where in it."""


class Gate(msgspec.Struct, frozen=True):
    name: str
    run: str
    why: str
    sure: bool = True
    """Whether it can be expected to pass on a healthy commit; else it is only proposed."""


class Project(msgspec.Struct, frozen=True):
    """One language in one folder."""

    folder: str
    """Relative to the repository; empty at its top."""
    kind: str
    """For people: `Python, uv`."""
    seen: tuple[str, ...]
    """The files that told it, relative to the repository."""
    setup: tuple[Step, ...] = ()
    gates: tuple[Gate, ...] = ()
    env: dict[str, str] = {}
    """Variables without which its tools would write outside the worktree."""
    workspace: bool = False
    """Whether it takes projects of its kind in folders below along."""


class Said(msgspec.Struct, frozen=True):
    """A command of CI or of a development container."""

    run: str
    where: str


class Proposal(msgspec.Struct, frozen=True):
    """A path or glob for the repository file."""

    path: str
    why: str


class Detected(msgspec.Struct, frozen=True):
    projects: tuple[Project, ...] = ()
    setup: tuple[Step, ...] = ()
    gates: tuple[Gate, ...] = ()
    env: dict[str, str] = {}
    also: tuple[Said, ...] = ()
    """What CI runs besides, for a person to choose from."""
    copy: tuple[Proposal, ...] = ()
    """Ignored files that it is likely to read."""
    cache: tuple[Proposal, ...] = ()
    """Caches of its tools that are in the home of whoever asks."""
    protect: tuple[Proposal, ...] = ()
    """What no work should change unseen, where more is found than is protected anyway."""
    remarks: tuple[str, ...] = ()
    """What could not be used, and why."""
