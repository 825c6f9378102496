"""Every detector over every folder, and their findings as one set-up and one list of gates."""

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from hive_cli.detect import around, ci, compiled
from hive_cli.detect.findings import Detected, Gate, Project, Said, Step
from hive_cli.detect.folder import Files, Folder, folders_with
from hive_cli.detect.node import MARKERS as NODE
from hive_cli.detect.node import node
from hive_cli.detect.python import MARKERS as PYTHON
from hive_cli.detect.python import python
from hive_contracts.files import FileProblem
from hive_contracts.files.naming import short_name

MAX_PROJECTS: Final = 12
"""Further ones are named, and left to the person."""
MAX_ALSO: Final = 8
_LANGUAGES: Final[tuple[tuple[tuple[str, ...], Callable[[Folder], Project | None]], ...]] = (
    (PYTHON, python),
    (NODE, node),
    (compiled.GO, compiled.go),
    (compiled.RUST, compiled.rust),
    (compiled.JAVA, compiled.java),
)


def detect(
    files: Files,
    ignored: Iterable[str] = (),
    in_home: Callable[[str], bool] = lambda path: False,
) -> Detected:
    """What these files tell of their repository. Never raises.

    `ignored`: paths of files that git ignores; `in_home`: whether a folder is in the home.
    """
    projects = _projects(files)
    remarks: list[str] = []
    if len(projects) > MAX_PROJECTS:
        left = ", ".join(project.folder for project in projects[MAX_PROJECTS:])
        remarks.append(f"these folders have projects too: {left}")
        projects = projects[:MAX_PROJECTS]
    said, problems = _said(files)
    setup = _setup(projects)
    gates = _gates(projects, [command for command in said if ci.is_test(command.run)])
    try:
        container = ci.container_steps(files)
    except FileProblem as problem:
        container, problems = [], [*problems, str(problem)]
    if not setup and container:
        setup = [Step(_one_line([step.run for step in container]), container[0].where)]
    taken = {gate.run for gate in gates} | {step.run for step in setup}
    also = [command for command in (*said, *container) if command.run not in taken]
    found = Detected(
        projects=tuple(projects),
        setup=tuple(setup),
        gates=tuple(gates),
        env={name: value for project in projects for name, value in project.env.items()},
        also=_distinct(also)[:MAX_ALSO],
        copy=around.copies(ignored),
        protect=around.protection(files),
        remarks=(*remarks, *problems),
    )
    return msgspec.structs.replace(found, cache=around.caches(found, in_home))


def programs(found: Detected) -> list[str]:
    """What has to be on the runner's PATH: names of programs that set-up and sure gates call."""
    commands = [step.run for step in found.setup] + [gate.run for gate in found.gates if gate.sure]
    words: dict[str, None] = {}
    for command in commands:
        for part in re.split(r"&&|[()]", command):
            called = [word for word in part.split() if "=" not in word]
            if called and called[0] != "cd" and "/" not in called[0]:
                words[called[0]] = None
    return list(words)


def _projects(files: Files) -> list[Project]:
    found: list[Project] = []
    for markers, detector in _LANGUAGES:
        whole: list[str] = []
        for path in folders_with(files, markers):
            if any(path.startswith(f"{above}/") or not above for above in whole):
                continue
            project = detector(Folder(files, path))
            if project is None or (path and not project.gates):
                continue
            found.append(project)
            if project.workspace:
                whole.append(path)
    if not any(gate.name == "tests" for project in found for gate in project.gates):
        made = compiled.makefile(Folder(files))
        found += [made] if made is not None else []
    return sorted(found, key=lambda project: bool(project.folder))


def _said(files: Files) -> tuple[list[Said], list[str]]:
    """Commands of CI, and what is wrong with its files."""
    said: list[Said] = []
    problems: list[str] = []
    for path in ci.ci_files(files):
        try:
            said += ci.commands(files, path)
        except FileProblem as problem:
            problems.append(str(problem))
    return said, problems


def _setup(projects: Iterable[Project]) -> list[Step]:
    """Each step in its folder; a folder is left again before the next."""
    steps: list[Step] = []
    for project in projects:
        folder = Folder({}, project.folder)
        for step in project.setup:
            run = f"({folder.inside(step.run)})" if project.folder else step.run
            why = f"{project.folder}/{step.why}" if project.folder else step.why
            steps.append(Step(run, why))
    return steps


def _gates(projects: Iterable[Project], tests: list[Said]) -> list[Gate]:
    gates: dict[str, Gate] = {}
    for project in projects:
        folder = Folder({}, project.folder)
        for gate in project.gates:
            name = gate.name if not project.folder else f"{project.folder}-{gate.name}"
            name = _free(short_name(name, gate.name), project, gates)
            why = f"{gate.why}, in {project.folder}" if project.folder else gate.why
            gates[name] = msgspec.structs.replace(
                gate, name=name, run=folder.inside(gate.run), why=why
            )
    # A test that is only proposed counts for none.
    if tests and not any(gate.sure and gate.name.endswith("tests") for gate in gates.values()):
        gates["tests"] = Gate("tests", tests[0].run, tests[0].where)
    return list(gates.values())


def _free(name: str, project: Project, taken: dict[str, Gate]) -> str:
    """Two languages in one folder have tests of their own."""
    if name not in taken:
        return name
    language = project.kind.partition(",")[0]
    longer = short_name(f"{language}-{name}", name)
    number = 2
    while longer in taken:
        longer, number = f"{longer[:36]}-{number}", number + 1
    return longer


def _distinct(said: Iterable[Said]) -> tuple[Said, ...]:
    by_command = {command.run: command for command in reversed(list(said))}
    return tuple(reversed(by_command.values()))


def _one_line(commands: list[str]) -> str:
    return " && ".join(commands)
