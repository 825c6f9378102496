import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.files.naming import command_name
from hive_contracts.ids import SHORT_NAME


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("pytest -q tests/api", "pytest-tests-api"),
        ("uv run --frozen pytest -q", "pytest"),
        ("python3 -m pytest -q tests/${item.name}", "pytest-tests"),
        ("cd web && npm run lint", "lint"),
        ("CI=true yarn test", "yarn-test"),
        ("./gradlew --no-daemon -q test", "gradlew-test"),
        (".venv/bin/ruff check --fix .", "ruff-check"),
        ("make check && make test", "make-check"),
        ("go test ./... | tee log", "go-test"),
        ("test -z \"$(git status --porcelain)\"", "test-git-status-porcelain"),
        ("grep -q 'it works' README.md", "grep-it-works-readme-md"),
        ("echo 'no end", "echo-no-end"),
        ("-q", "q"),
        ("&&", "gate"),
    ],
)  # fmt: skip
def test_a_command_is_named_for_what_it_does(command: str, name: str) -> None:
    assert command_name(command, "gate") == name


@given(st.text())
def test_any_command_has_a_name(command: str) -> None:
    assert SHORT_NAME.fullmatch(command_name(command, "gate"))
