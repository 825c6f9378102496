"""How an attempt is called: in refs, in trailers and on disk.

    refs/hive/attempts/<mission>/<task>/<epoch>   in the attempt's own git directory
    refs/hive/kept/<mission>/<task>/<epoch>       in the mirror: work that is not landed
    refs/hive/bases/<commit>                      in the mirror: where a mission started
    refs/hive/commits/<commit>                    in the mirror: brought by a bundle
    refs/heads/hive/<mission>                     in the mirror: the newest tip seen, a cache

In refs a task is `<phase>_<name>`: neither part has an underscore, and one level cannot collide
with the refs of another task as `<phase>` and `<phase>/<name>` would.
"""

import re
from typing import Final

import msgspec

from hive_contracts.task import TaskPlanned

_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")


class AttemptName(msgspec.Struct, frozen=True):
    task_id: str
    mission: str
    phase: str
    task: str
    epoch: int

    @property
    def key(self) -> str:
        """Of its folder; unique among all attempts of all hives."""
        return f"{_ODD.sub('-', self.task_id)}-{self.epoch}"

    @property
    def trailer(self) -> str:
        """`mission/phase/task/epoch`, as people write it."""
        return f"{self.command_name}/{self.epoch}"

    @property
    def command_name(self) -> str:
        """`mission/phase/task`, as commands take it."""
        return "/".join(part for part in self._parts if part)

    @property
    def attempt_ref(self) -> str:
        return f"refs/hive/attempts/{self.path}"

    @property
    def kept_ref(self) -> str:
        return f"{KEPT}{self.path}"

    @property
    def _parts(self) -> tuple[str, str, str]:
        return (self.mission, self.phase, self.task)

    @property
    def path(self) -> str:
        """`<mission>/<task>/<epoch>`, as in refs."""
        mission, phase, task = (_ODD.sub("-", part) for part in self._parts)
        return f"{mission}/{f'{phase}_{task}' if phase else task}/{self.epoch}"


def name_of(task: TaskPlanned, epoch: int) -> AttemptName:
    return AttemptName(task.task_id, task.mission, task.phase, task.spec.name, epoch)


KEPT: Final = "refs/hive/kept/"
"""What all kept refs begin with."""


def base_ref(commit: str) -> str:
    return f"refs/hive/bases/{commit}"


def commit_ref(commit: str) -> str:
    return f"refs/hive/commits/{commit}"


def branch_ref(mission: str) -> str:
    """The only branch of a mission: `hive/<mission>`."""
    return f"refs/heads/hive/{_ODD.sub('-', mission)}"
