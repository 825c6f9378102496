from pathlib import Path

import pytest

from tests.integration.runner.workshop import Source, Workshop, new_nap


@pytest.fixture
def source(tmp_path: Path) -> Source:
    files = {"README": "hello\n", "src/a.py": "a = 1\n", ".gitignore": "*.log\n"}
    return Source(tmp_path / "their" / "repo", files)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data")


@pytest.fixture
def nap() -> str:
    return new_nap()
