"""Which tasks a person has taken on this machine, and where their worktrees are.

<data>/taken/<mission>/<phase>_<task>.json      one for each, as long as it is not given back
<data>/taken/<mission>/<phase>_<task>-<epoch>   the worktree, unless another place was named
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Takeover(msgspec.Struct, frozen=True):
    """A worktree, and what it is for."""

    mission: str
    task: str
    """Phase and task."""
    task_id: str
    epoch: int
    path: str
    branch: str
    tip: str
    """The commit that the task starts from; what is given is `tip..HEAD`."""

    @property
    def name(self) -> str:
        return f"{self.mission}/{self.task}"

    @property
    def is_there(self) -> bool:
        """Whether its worktree is."""
        return Path(self.path).is_dir()


class TakenHere:
    def __init__(self, data: Path) -> None:
        self._folder = data / "taken"

    def place(self, mission: str, task: str, epoch: int) -> Path:
        """Where a worktree goes if no place is named."""
        return self._file(mission, task).with_suffix("").with_name(f"{_stem(task)}-{epoch}")

    def of(self, mission: str, task: str) -> Takeover | None:
        return _read(self._file(mission, task))

    def named(self, mission: str, task: str) -> list[Takeover]:
        """Those that `phase/task`, or `task`, may mean; all of the mission where that is empty."""
        return [
            takeover
            for takeover in self._every(mission)
            if task in ("", takeover.task, takeover.task.rpartition("/")[2])
        ]

    def around(self, folder: Path) -> Takeover | None:
        """The one in whose worktree a folder is."""
        here = folder.resolve()
        for takeover in self._every("*"):
            if here.is_relative_to(Path(takeover.path).resolve()):
                return takeover
        return None

    def keep(self, takeover: Takeover) -> None:
        """Raises OSError."""
        file = self._file(takeover.mission, takeover.task)
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(takeover))
        os.replace(fresh, file)

    def forget(self, takeover: Takeover) -> None:
        """It was given back; its worktree stays."""
        self._file(takeover.mission, takeover.task).unlink(missing_ok=True)

    def _every(self, mission: str) -> Iterator[Takeover]:
        for file in sorted(self._folder.glob(f"{mission}/*.json")):
            takeover = _read(file)
            if takeover is not None:
                yield takeover

    def _file(self, mission: str, task: str) -> Path:
        return self._folder / mission / f"{_stem(task)}.json"


def _stem(task: str) -> str:
    return task.replace("/", "_")


def _read(file: Path) -> Takeover | None:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=Takeover)
    return None
