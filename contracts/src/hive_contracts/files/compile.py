"""A mission file and its repository's file to a plan that can be launched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from hive_contracts.files.agents import Terms, terms_of
from hive_contracts.files.definition import check_inside
from hive_contracts.files.document import FileProblem
from hive_contracts.files.flow import budget_of, notify_of, paths_of, with_flow
from hive_contracts.files.gates import command_or_named, read_gates
from hive_contracts.files.graph import check_needs
from hive_contracts.files.items import compile_source
from hive_contracts.files.mission import (
    GateEntry,
    GateItem,
    Mission,
    MissionFile,
    PhaseEntry,
    PrerequisiteEntry,
    TaskEntry,
    TimeoutsEntry,
)
from hive_contracts.files.placeholders import check_template, items_to_check, plain
from hive_contracts.files.reading import Path, Places
from hive_contracts.files.repository import RepositoryFile
from hive_contracts.files.result import pull_request_of
from hive_contracts.ids import SHORT_NAME
from hive_contracts.plan import (
    MAX_PHASES,
    ApprovalGate,
    Commanded,
    CommandGate,
    ForEach,
    Gate,
    GithubCheckGate,
    HttpGate,
    Listed,
    MetricGate,
    Phase,
    Plan,
    Repository,
    Retry,
    TaskSpec,
    Timeouts,
)

SHORT_FORM: Final = "work"
"""The phase and task of a mission that is one prompt or one command."""

MAX_PHASE_BYTES: Final = 40_000
"""Of one phase without its list of items: it is stored as one event."""
MAX_OBJECTIVE: Final = 8_000
"""Characters; it travels with every task."""

ReadPrompt = Callable[[str, str], str]
"""The text of a `prompt_file`, and where its name stands, to its content. Raises FileProblem."""
Asking = TypeVar("Asking", Mission, PhaseEntry, TaskEntry)


def compile_plan(
    file: MissionFile,
    repository_file: RepositoryFile,
    repository: Repository | None,
    *,
    extra_gates: Sequence[str] = (),
    no_gates: bool = False,
    default_agent: str = "",
    read_prompt: ReadPrompt | None = None,
) -> Plan:
    """The plan of a mission file.

    `extra_gates` are criteria from the command line, in the form of a file's gates. `no_gates`
    allows a mission that is never checked. `default_agent` serves where neither file names one.
    `read_prompt` reads prompt files; without it they are refused.
    Raises FileProblem for the first thing that cannot stand.
    """
    compiler = _Compiler(file, repository_file, default_agent, read_prompt)
    return compiler.plan(repository, extra_gates, no_gates)


class _Compiler:
    def __init__(
        self,
        file: MissionFile,
        repository_file: RepositoryFile,
        agent: str,
        read_prompt: ReadPrompt | None,
    ) -> None:
        self._places: Places = file.places
        self._read_prompt = read_prompt
        self._mission: Mission = self._worded(file.mission, ())
        self._repository_file = repository_file
        self._known: Mapping[str, CommandGate] = repository_file.named_gates
        self._agent = self._mission.agent or repository_file.agent or agent
        self._agents = terms_of(self._mission.agents, self._places)

    def plan(
        self, repository: Repository | None, extra_gates: Sequence[str], no_gates: bool
    ) -> Plan:
        mission = self._mission
        self._check_name("mission", mission.mission, ("mission",))
        if len(mission.objective) > MAX_OBJECTIVE:
            raise self._problem(
                ("objective",),
                f"the objective has {len(mission.objective):,} characters, "
                f"and {MAX_OBJECTIVE:,} are allowed",
                "keep the long text in a file of the repository",
            )
        criteria = () if no_gates else self._criteria(extra_gates)
        phases = self._phases(criteria)
        prerequisites, approvals = self._prerequisites(criteria)
        return Plan(
            name=mission.mission,
            objective=mission.objective,
            phases=phases,
            repository=repository,
            prerequisites=prerequisites,
            approvals=approvals,
            criteria=criteria,
            notify=notify_of(mission.notify, self._places),
            budget=budget_of(mission.budget, self._places),
            pull_request=pull_request_of(mission.result, self._places),
            deadline=mission.deadline or 0,
        )

    def _criteria(self, extra_gates: Sequence[str]) -> tuple[Gate, ...]:
        mission = self._mission
        written: list[GateItem] = [*(mission.gates or ()), *(mission.success_criteria or ())]
        if mission.gates is None and mission.success_criteria is None and not extra_gates:
            written = list(self._known)
        where = self._places.of("gates" if mission.gates else "success_criteria")
        gates = read_gates(written, self._known, where)
        for text in extra_gates:
            named = command_or_named(text, self._known, "--gate")
            gates += (named,) if named not in gates else ()
        if not gates:
            raise self._problem(
                ("gates",),
                "nothing would check the result: the mission has no gates, and neither has the "
                "repository file",
                "write `gates: [...]`, give --gate COMMAND, or allow it with --no-gates",
            )
        return self._plain_gates(gates, ("gates",))

    def _prerequisites(
        self, criteria: tuple[Gate, ...]
    ) -> tuple[tuple[str, ...], tuple[ApprovalGate, ...]]:
        names: list[str] = []
        approvals: list[GateItem] = []
        for number, entry in enumerate(self._mission.prerequisites):
            path: Path = ("prerequisites", number)
            written = PrerequisiteEntry(mission=entry) if isinstance(entry, str) else entry
            if bool(written.mission) == bool(written.approval):
                raise self._problem(
                    path, "a prerequisite is a mission or an approval", "write {mission: name}"
                )
            if written.mission:
                self._check_name("prerequisite", written.mission, path)
                if written.mission == self._mission.mission:
                    raise self._problem(path, "a mission cannot wait for itself", "take it out")
                names.append(written.mission)
            else:
                approvals.append(GateEntry(approval=written.approval))
        gates = read_gates(approvals, {}, self._places.of("prerequisites"), criteria)
        asked = tuple(gate for gate in gates if isinstance(gate, ApprovalGate))
        return tuple(dict.fromkeys(names)), asked

    def _phases(self, criteria: tuple[Gate, ...]) -> tuple[Phase, ...]:
        mission = self._mission
        single = bool(mission.prompt or mission.run)
        if single and mission.phases is not None:
            raise self._problem(
                ("phases",),
                "a mission is either one prompt or command, or phases",
                "move the prompt into a phase",
            )
        if single:
            entry = TaskEntry(prompt=mission.prompt, run=mission.run)
            # In the short form the one task is checked before it is merged too, so that what a
            # gate says is its next attempt's input.
            # What is probed is the world after the mission, not this task's work.
            own = tuple(gate for gate in criteria if isinstance(gate, CommandGate))
            task = self._task(SHORT_FORM, entry, PhaseEntry(), (), own)
            return (self._checked_size(Phase(SHORT_FORM, tasks=(task,)), ()),)
        if not mission.phases:
            raise self._problem(
                ("phases",), "the mission has nothing to do", "give it a prompt, run or phases"
            )
        for name in mission.phases:
            self._check_name("phase", name, ("phases", name))
        if len(mission.phases) > MAX_PHASES:
            raise self._problem(
                ("phases",),
                f"{len(mission.phases)} phases are too many",
                f"at most {MAX_PHASES} are allowed; use tasks or for_each within a phase",
            )
        needs = {name: phase.needs for name, phase in mission.phases.items()}
        check_needs(needs, "phase", self._places, ("phases",))
        return tuple(self._phase(name, phase) for name, phase in mission.phases.items())

    def _phase(self, name: str, written: PhaseEntry) -> Phase:
        path: Path = ("phases", name)
        entry = self._worded(written, path)
        single = bool(entry.prompt or entry.run)
        if entry.tasks is not None and (single or entry.for_each is not None):
            raise self._problem(
                path, f"phase `{name}` has both tasks and a prompt, run or for_each", "keep one"
            )
        if entry.output and (entry.tasks is not None or entry.for_each is not None):
            raise self._problem(
                (*path, "output"), "`output` is the file of one task", "write it in the task"
            )
        if not single and not entry.tasks:
            raise self._problem(
                path, f"phase `{name}` is empty", "give it a prompt, run, tasks or for_each"
            )
        needs = tuple(dict.fromkeys(entry.needs))
        gates = self._gates(entry.gates, (*path, "gates"))
        if entry.for_each is not None:
            phase = Phase(name, needs, for_each=self._for_each(name, entry, path, gates))
        elif single:
            own = TaskEntry(prompt=entry.prompt, run=entry.run, output=entry.output)
            phase = Phase(name, needs, (self._task(name, own, entry, path, gates),))
        else:
            phase = Phase(name, needs, self._tasks(entry, path, gates))
        phases = self._mission.phases or {}
        return self._checked_size(with_flow(phase, entry, phases, self._places, path), path)

    def _tasks(
        self, entry: PhaseEntry, path: Path, gates: tuple[Gate, ...]
    ) -> tuple[TaskSpec, ...]:
        tasks = entry.tasks or {}
        inside: Path = (*path, "tasks")
        for name in tasks:
            self._check_name("task", name, (*inside, name))
        check_needs(
            {name: task.needs for name, task in tasks.items()}, "task", self._places, inside
        )
        return tuple(
            self._task(name, self._worded(task, (*inside, name)), entry, (*inside, name), gates)
            for name, task in tasks.items()
        )

    def _for_each(
        self, name: str, entry: PhaseEntry, path: Path, gates: tuple[Gate, ...]
    ) -> ForEach:
        assert entry.for_each is not None
        inside: Path = (*path, "for_each")
        source = compile_source(entry.for_each, self._places, inside)
        if isinstance(source, Commanded):
            source = Commanded(self._plain(source.run, (*inside, "command")))
        own = TaskEntry(prompt=entry.prompt, run=entry.run)
        template = self._task(name, own, entry, path, gates, template=True)
        check_template(template, items_to_check(source, template), self._places, path)
        return ForEach(source, template, min=entry.for_each.min, max=entry.for_each.max)

    def _task(
        self,
        name: str,
        entry: TaskEntry,
        phase: PhaseEntry,
        path: Path,
        gates: tuple[Gate, ...],
        *,
        template: bool = False,
    ) -> TaskSpec:
        if bool(entry.prompt.strip()) == bool(entry.run.strip()):
            raise self._problem(
                path, f"task `{name}` needs either a prompt or a command to run", "keep one of them"
            )
        terms = self._terms_of(name, entry, phase, path) if entry.prompt else Terms("")
        check_inside([entry.output], self._places.of(*path, "output"))
        spec = TaskSpec(
            name=name,
            prompt=entry.prompt,
            run=entry.run,
            agent=terms.profile,
            needs=tuple(dict.fromkeys(entry.needs)),
            gates=gates if entry.gates is None else self._gates(entry.gates, (*path, "gates")),
            timeouts=self._timeouts(entry.timeouts, phase.timeouts, self._mission.timeouts),
            retry=self._retry((entry.attempts, phase.attempts, self._mission.attempts), path),
            paths=self._paths(entry, phase, path, template=template),
            review=bool(phase.sends_back_to),
            model=terms.model,
            permissions=terms.rules,
            read_only=terms.read_only,
            output=entry.output,
            exclusive=phase.exclusive if entry.exclusive is None else entry.exclusive,
            on_failure=entry.on_failure or "",
        )
        return spec if template else self._without_placeholders(spec, path)

    def _paths(
        self, entry: TaskEntry, phase: PhaseEntry, path: Path, *, template: bool
    ) -> tuple[str, ...]:
        where = self._places.of(*path, "paths")
        levels = (entry.paths, phase.paths, self._mission.paths)
        return paths_of(levels, str if template else lambda text: plain(text, where), where)

    def _terms_of(self, name: str, entry: TaskEntry, phase: PhaseEntry, path: Path) -> Terms:
        agent = entry.agent or phase.agent or self._agent
        if not agent:
            raise self._problem(
                path,
                f"no agent is named for the prompt of task `{name}`",
                "write `agent: NAME` here or in .hive/repo.yaml, or a command as `run: …`",
            )
        self._check_name("agent", agent, path)
        return self._agents.get(agent) or Terms(agent)

    def _worded(self, entry: Asking, path: Path) -> Asking:
        """The entry with the text of its prompt file as its prompt."""
        if not entry.prompt_file:
            return entry
        where = self._places.of(*path, "prompt_file")
        if entry.prompt:
            raise FileProblem("prompt and prompt_file are the same twice", where, "keep one")
        if self._read_prompt is None:
            raise FileProblem(
                "prompt_file is known only where the mission is a file", where, "write a prompt"
            )
        text = self._read_prompt(entry.prompt_file, where)
        if not text.strip():
            raise FileProblem(
                f"{entry.prompt_file} is empty", where, "say there what is to be done"
            )
        return msgspec.structs.replace(entry, prompt=text, prompt_file="")

    def _gates(self, items: tuple[GateItem, ...] | None, path: Path) -> tuple[Gate, ...]:
        return read_gates(items or (), self._known, self._places.of(*path))

    def _timeouts(self, *levels: TimeoutsEntry | None) -> Timeouts:
        """The innermost level that says something wins, for each time-out by itself."""
        chosen = {"setup": float(self._repository_file.setup_timeout)}
        for level in reversed(levels):
            for key in ("queue", "start", "run", "silence", "answer") if level else ():
                value = getattr(level, key)
                if value == 0:
                    raise FileProblem(
                        f"the time-out `{key}` is 0", self._places.of("timeouts", key),
                        "leave it out, or write how long",
                    )  # fmt: skip
                if value is not None:
                    chosen[key] = float(value)
        return Timeouts(**chosen)

    def _retry(self, levels: Iterable[int | None], path: Path) -> Retry:
        attempts = next((level for level in levels if level is not None), None)
        if attempts is None:
            return Retry()
        if not 1 <= attempts <= 100:
            raise self._problem(
                (*path, "attempts"), f"attempts is {attempts}", "write a number from 1 to 100"
            )
        return Retry(attempts=attempts)

    def _without_placeholders(self, spec: TaskSpec, path: Path) -> TaskSpec:
        return msgspec.structs.replace(
            spec,
            prompt=self._plain(spec.prompt, (*path, "prompt")),
            run=self._plain(spec.run, (*path, "run")),
            gates=self._plain_gates(spec.gates, (*path, "gates")),
        )

    def _plain_gates(self, gates: tuple[Gate, ...], path: Path) -> tuple[Gate, ...]:
        return tuple(self._plain_gate(gate, path) for gate in gates)

    def _plain_gate(self, gate: Gate, path: Path) -> Gate:
        match gate:
            case CommandGate(run=run):
                return msgspec.structs.replace(gate, run=self._plain(run, path))
            case ApprovalGate(text=text):
                return msgspec.structs.replace(gate, text=self._plain(text, path))
            case HttpGate(url=url, contains=contains):
                return msgspec.structs.replace(
                    gate, url=self._plain(url, path), contains=self._plain(contains, path)
                )
            case MetricGate(query=query):
                return msgspec.structs.replace(gate, query=self._plain(query, path))
            case GithubCheckGate():
                return gate

    def _plain(self, text: str, path: Path) -> str:
        return plain(text, self._places.of(*path))

    def _checked_size(self, phase: Phase, path: Path) -> Phase:
        """Items of a list are stored apart and do not count."""
        size = len(msgspec.json.encode(phase))
        if phase.for_each is not None and isinstance(phase.for_each.source, Listed):
            size -= len(msgspec.json.encode(phase.for_each.source))
        if size > MAX_PHASE_BYTES:
            raise self._problem(
                path,
                f"phase `{phase.name}` takes {size:,} bytes, and {MAX_PHASE_BYTES:,} are allowed",
                "keep long prompts in files of the repository, or split the phase",
            )
        return phase

    def _check_name(self, kind: str, name: str, path: Path) -> None:
        if SHORT_NAME.fullmatch(name) is None:
            raise self._problem(
                path, f"the {kind}'s name {name!r} is not allowed", "use 1 to 40 of a-z, 0-9 and -"
            )

    def _problem(self, path: Path, message: str, remedy: str) -> FileProblem:
        return FileProblem(message, self._places.of(*path), remedy)
