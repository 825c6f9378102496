"""The mission file: what a person wants done, as structs."""

from typing import ClassVar, Literal

import msgspec

from hive_contracts.files.document import parse_document
from hive_contracts.files.reading import Duration, Places, read


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parent of the structs here."""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys that are documented and not supported by this version yet."""


class GateEntry(Format, frozen=True):
    """A gate in its long form: a command, a person's approval, a URL or a metric."""

    run: str = ""
    """Always a shell command, also without a space in it."""
    approval: str = ""
    """What a person is asked."""
    name: str = ""
    timeout: Duration | None = None
    """A command's default is 30m, that of `http` and `metric` 1m; an approval without one waits for
    ever."""
    compare: Literal["base"] | None = None
    """`base`: the command passes where it is no worse than on the base commit."""
    report: str = ""
    """The JUnit XML that the command writes: a path or glob in the repository."""

    http: str = ""
    """A URL that the runner gets until it is answered with `status` and `contains`."""
    status: int = 200
    contains: str = ""
    """Text that the answer's body has."""
    metric: str = ""
    """A PromQL expression, a comparison and a number, such as `rate(errors[5m]) < 0.01`."""
    prometheus: str = ""
    """The URL of the Prometheus server that is asked."""

    LATER: ClassVar[frozenset[str]] = frozenset({"by", "github_check"})


GateItem = str | GateEntry
"""Text is the name of a gate in the repository file, or a command with a space in it."""


class TimeoutsEntry(Format, frozen=True):
    """The four time-outs of a task."""

    queue: Duration | None = None
    start: Duration | None = None
    run: Duration | None = None
    silence: Duration | None = None


class TaskEntry(Format, frozen=True):
    """A piece of work: a prompt for an agent, or a shell command."""

    prompt: str = ""
    run: str = ""
    agent: str = ""
    needs: tuple[str, ...] = ()
    """Tasks of the same phase that are merged first."""
    gates: tuple[GateItem, ...] | None = None
    """Default: those of the phase."""
    attempts: int | None = None
    timeouts: TimeoutsEntry | None = None

    LATER: ClassVar[frozenset[str]] = frozenset(
        {"prompt_file", "output", "paths", "on_failure", "exclusive"}
    )


class ForEachEntry(Format, frozen=True):
    """What a phase fans out over: either a list, or a glob."""

    list: tuple[str | dict[str, str], ...] | None = None
    """Text, or mappings with a `name` each; `${item}` is the text or the name."""
    glob: tuple[str, ...] | None = None
    """Patterns over tracked files; `!` in front takes away, `/` at the end names folders."""
    per: Literal["path", "directory"] = "path"
    """`directory` yields each folder that holds a match, once."""
    min: int = 1
    """With fewer items the phase fails."""
    max: int = 10_000

    LATER: ClassVar[frozenset[str]] = frozenset({"command"})


class PhaseEntry(Format, frozen=True):
    """One task (`prompt` or `run`), several `tasks`, or one for each of many items."""

    needs: tuple[str, ...] = ()
    """Phases that are completed first."""
    tasks: dict[str, TaskEntry] | None = None
    for_each: ForEachEntry | None = None
    prompt: str = ""
    run: str = ""
    agent: str = ""
    gates: tuple[GateItem, ...] | None = None
    """For each task that names none itself."""
    attempts: int | None = None
    timeouts: TimeoutsEntry | None = None

    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "prompt_file",
            "output",
            "paths",
            "on_failure",
            "canary",
            "sends_back_to",
            "rounds",
            "exclusive",
        }
    )


class PrerequisiteEntry(Format, frozen=True):
    """A mission of which a run has succeeded, or something that a person confirms."""

    mission: str = ""
    approval: str = ""


class Mission(Format, frozen=True):
    mission: str
    """Its name; runs are numbered: `fix-upload` becomes `fix-upload-3`."""
    objective: str = ""
    """Part of every prompt."""
    prompt: str = ""
    """The short form: one task in place of phases."""
    run: str = ""
    """The same with a command."""
    agent: str = ""
    """For tasks that name none; default: the one of the repository file."""
    gates: tuple[GateItem, ...] | None = None
    """What must pass on the merged branch. Default: all gates of the repository file."""
    attempts: int | None = None
    timeouts: TimeoutsEntry | None = None
    phases: dict[str, PhaseEntry] | None = None
    prerequisites: tuple[str | PrerequisiteEntry, ...] = ()
    success_criteria: tuple[GateItem, ...] | None = None
    """As `gates`; both may be given."""

    LATER: ClassVar[frozenset[str]] = frozenset(
        {"repo", "budget", "agents", "result", "notify", "paths", "prompt_file"}
    )


class MissionFile:
    """A mission as it was written, and where each part of it stands."""

    def __init__(self, mission: Mission, places: Places) -> None:
        self.mission = mission
        self.places = places


def parse_mission(text: str, where: str) -> MissionFile:
    """A mission file; its names and references are checked by `compile_plan`.

    `where` names the file to people. Raises FileProblem.
    """
    places = Places(where)
    return MissionFile(read(parse_document(text, where), Mission, places), places)
