"""The original calls' dictionaries to plans.

type                  the agent profile, and the mission's name
mission               the objective; focus, timeline … are added to it
prerequisites         a name waits for a run of that mission; free text is confirmed by a person
deployment_phases     phases, one after the other
remaining_tasks       tasks of one phase, one after the other
success_criteria      free text is confirmed by a person, on the result
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hive_contracts.files import FileProblem, RepositoryFile
from hive_contracts.files.naming import MAX_NAME, short_name
from hive_contracts.files.reading import nearest
from hive_contracts.ids import SHORT_NAME
from hive_contracts.plan import (
    MAX_GATES,
    RESERVED,
    ApprovalGate,
    Gate,
    Phase,
    Plan,
    Repository,
    TaskSpec,
    Timeouts,
)

REPOSITORY: Final = "repository"
"""The key that names a folder; without it the call's argument or the working directory counts."""

_NOTES: Final = {
    "focus": "Focus",
    "timeline": "Timeline",
    "current_progress": "Progress so far",
    "success_pattern": "Pattern that works",
    "estimated_completion": "Estimated completion",
}
_TEXTS: Final = frozenset({"type", "mission", REPOSITORY, *_NOTES})
_LISTS: Final = frozenset(
    {"prerequisites", "success_criteria", "deployment_phases", "remaining_tasks"}
)
_SHORT_FORM: Final = "work"
_REMAINING: Final = "remaining"
_ESTIMATE: Final = re.compile(r"\s*\([^()]*\)\s*$")
MAX_TEXT: Final = 2_000
"""Characters of one text."""


class Call:
    """A dictionary of the original calls, checked. Raises FileProblem for what it cannot mean."""

    def __init__(self, written: object, where: str) -> None:
        """`where` is the call's name, for messages."""
        if not isinstance(written, Mapping):
            raise FileProblem("a dictionary is expected", where, 'pass such as {"objective": "…"}')
        for key in written:
            if key not in _TEXTS | _LISTS:
                raise FileProblem(f"unknown key {key!r}", where, nearest(str(key), _TEXTS | _LISTS))
        self._where = where
        self._texts = {key: self._text(written[key], key) for key in written if key in _TEXTS}
        self._lists = {key: self._list(written[key], key) for key in written if key in _LISTS}
        self.type = self._texts.get("type", "")
        if SHORT_NAME.fullmatch(self.type) is None:
            raise FileProblem(
                f"the type {self.type!r} names no agent profile",
                f"{where}: type",
                "give a name of 1 to 40 of a-z, 0-9 and -, such as devops-deployer",
            )

    @property
    def repository(self) -> str:
        """The folder that the dictionary names, or empty."""
        return self._texts.get(REPOSITORY, "")

    def plan(self, repository: Repository | None, file: RepositoryFile) -> Plan:
        """Raises FileProblem where there is nothing to do."""
        phases = self._phases(Timeouts(setup=file.setup_timeout))
        if not phases:
            raise FileProblem(
                "there is nothing to do",
                self._where,
                "give `mission`, `deployment_phases` or `remaining_tasks`",
            )
        names, confirmed = self._prerequisites()
        gates = tuple(file.named_gates.values()) if repository else ()
        return Plan(
            name=self.type,
            type=self.type,
            objective=self._objective(),
            phases=phases,
            repository=repository,
            prerequisites=names,
            approvals=approvals(confirmed, "prerequisite", ()),
            criteria=(*gates, *self._criteria(gates, confirmed)),
        )

    def _objective(self) -> str:
        notes = [
            f"{label}: {self._texts[key]}" for key, label in _NOTES.items() if self._texts.get(key)
        ]
        return "\n".join([text for text in (self._texts.get("mission", ""),) if text] + notes)

    def _phases(self, timeouts: Timeouts) -> tuple[Phase, ...]:
        phases: list[Phase] = []
        written = self._lists.get("deployment_phases", ())
        for text, name in zip(written, unique_names(written, "phase"), strict=True):
            needs = (phases[-1].name,) if phases else ()
            task = TaskSpec(_SHORT_FORM, prompt=text, agent=self.type, timeouts=timeouts)
            phases.append(Phase(name, needs, (task,)))
        if remaining := self._lists.get("remaining_tasks", ()):
            needs = (phases[-1].name,) if phases else ()
            phases.append(Phase(_REMAINING, needs, self._tasks(remaining, timeouts)))
        if not phases and self._texts.get("mission"):
            task = TaskSpec(
                _SHORT_FORM, prompt=self._texts["mission"], agent=self.type, timeouts=timeouts
            )
            phases.append(Phase(_SHORT_FORM, tasks=(task,)))
        return tuple(phases)

    def _tasks(self, written: Sequence[str], timeouts: Timeouts) -> tuple[TaskSpec, ...]:
        tasks: list[TaskSpec] = []
        for text, name in zip(written, unique_names(written, "task"), strict=True):
            needs = (tasks[-1].name,) if tasks else ()
            tasks.append(
                TaskSpec(name, prompt=text, agent=self.type, needs=needs, timeouts=timeouts)
            )
        return tuple(tasks)

    def _prerequisites(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of missions, and texts that a person confirms."""
        written = self._lists.get("prerequisites", ())
        names = [text for text in written if SHORT_NAME.fullmatch(text)]
        if self.type in names:
            raise FileProblem(
                "a mission cannot wait for itself", f"{self._where}: prerequisites", "take it out"
            )
        return tuple(names), tuple(text for text in written if text not in names)

    def _criteria(
        self, gates: Sequence[Gate], confirmed: Sequence[str]
    ) -> tuple[ApprovalGate, ...]:
        taken = [gate.name for gate in (*gates, *approvals(confirmed, "prerequisite", ()))]
        return approvals(self._lists.get("success_criteria", ()), "criterion", taken)

    def _text(self, value: object, key: str) -> str:
        if not isinstance(value, str) or not value.strip() or "\x00" in value:
            raise FileProblem(
                f"`{key}` must be text, not {value!r:.60}",
                f"{self._where}: {key}",
                "write text that is not empty",
            )
        if len(value) > MAX_TEXT:
            raise FileProblem(
                f"a text of {len(value):,} characters is too long",
                f"{self._where}: {key}",
                f"keep it to {MAX_TEXT:,}; put the rest into a file of the repository",
            )
        return value.strip()

    def _list(self, value: Any, key: str) -> tuple[str, ...]:
        """Texts, each once; a text alone is a list of one."""
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or len(items) > MAX_GATES:
            raise FileProblem(
                f"`{key}` must be a list of at most {MAX_GATES} texts",
                f"{self._where}: {key}",
                'pass such as ["…", "…"]',
            )
        return tuple(dict.fromkeys(self._text(item, key) for item in items))


def approvals(texts: Sequence[str], default: str, taken: Iterable[str]) -> tuple[ApprovalGate, ...]:
    names = unique_names(texts, default, taken)
    return tuple(ApprovalGate(name, text) for name, text in zip(names, texts, strict=True))


def unique_names(texts: Sequence[str], default: str, taken: Iterable[str] = ()) -> list[str]:
    """A short name for each text: what stands before a colon, without an estimate at the end."""
    used = {*taken, *RESERVED}
    names: list[str] = []
    for text in texts:
        name = first = short_name(_ESTIMATE.sub("", text).split(":")[0], default)
        number = 1
        while name in used:
            number += 1
            ending = f"-{number}"
            name = first[: MAX_NAME - len(ending)].rstrip("-") + ending
        used.add(name)
        names.append(name)
    return names
