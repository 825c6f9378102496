from pathlib import Path

import pytest

from hive_contracts.files import RepositoryFile, compile_plan, parse_mission

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_missions_that_ship_are_plans(path: Path) -> None:
    file = parse_mission(path.read_text(), path.name)
    assert compile_plan(file, RepositoryFile(), None, extra_gates=["make test"]).phases
