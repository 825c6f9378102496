from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hive_stack import Stack
from tests.service.stack.standins import stack_at, write_standins
from tests.system.hive import open_folder

MakeStack = Callable[..., Stack]


@pytest.fixture
def open_path(request: pytest.FixtureRequest) -> Iterator[Path]:
    with open_folder("stack", request.session) as folder:
        yield folder


@pytest.fixture
def make_stack(open_path: Path) -> Iterator[MakeStack]:
    """`make_stack(name, programs, **env)`: a stack of stand-ins, down at the end of the test."""
    made: list[Stack] = []

    def make(name: str = "one", programs: dict[str, str] | None = None, **env: str) -> Stack:
        standins = write_standins(open_path / f"standins-{name}", programs)
        made.append(stack_at(open_path / name, standins, **env))
        return made[-1]

    yield make
    for stack in made:
        stack.down()
