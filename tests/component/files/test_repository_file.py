import pytest

from hive_contracts.files import FileProblem, RepositoryFile, parse_repository
from hive_contracts.files.repository import ports_wanted, with_ports


@pytest.mark.parametrize("text", ["", "\n \n", "# gates:\n  # tests: make test\n"])
def test_every_field_is_optional(text: str) -> None:
    assert parse_repository(text, ".hive/repo.yaml") == RepositoryFile()


def test_a_whole_file() -> None:
    file = parse_repository(
        """
setup: uv sync --frozen
env: {pass: [HOME, USER, PATH], set: {PORT: 8080, DEBUG: no}}
gates: {lint: ruff check ., tests: uv run pytest -q}
agent: claude
""",
        ".hive/repo.yaml",
    )
    assert (file.setup_command, file.setup_timeout) == ("uv sync --frozen", 900)
    assert file.env.pass_ == ("HOME", "USER", "PATH")
    assert file.env.set == {"PORT": "8080", "DEBUG": "no"}
    assert file.gates == {"lint": "ruff check .", "tests": "uv run pytest -q"}
    assert file.agent == "claude"


def test_set_up_may_have_a_time_out_of_its_own() -> None:
    file = parse_repository("setup: {run: make deps, timeout: 1h}\n", ".hive/repo.yaml")
    assert (file.setup_command, file.setup_timeout) == ("make deps", 3600)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gate: {}", ".hive/repo.yaml:1: unknown key `gate` (did you mean `gates`?)"),
        ("gates: {Tests: x y}", "name 'Tests' is not allowed"),
        ("gates: {tests: ''}", "the gate `tests` has no command"),
        ("gates: {tests: [a]}", "expected text in `gates.tests`, found a list"),
        ("gates: {tests: {compare: base}}", "`run` is missing in `gates.tests`"),
        ("gates: {tests: {run: x, report: /tmp/x}}", "'/tmp/x' is no path in the repository"),
        ("protect: ['../x']", "'../x' is no path in the repository"),
        ("setup: {timeout: 5m}", "`run` is missing in `setup`"),
        ("setup: {run: x, timeout: soon}", "'soon' is no duration in `setup.timeout`"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, said: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_repository(text, ".hive/repo.yaml")
    assert said in str(caught.value)
    assert caught.value.remedy


def test_all_that_a_worktree_gets_is_read() -> None:
    file = parse_repository(
        "setup: {run: uv sync, inputs: [uv.lock, '**/pyproject.toml']}\n"
        "copy: .env\n"
        "env: {set: {PORT: '${port.0}', PLAIN: '$${HOME}'}}\n"
        "cache: [~/.cache/uv, .gradle/]\n"
        "submodules: false\n",
        ".hive/repo.yaml",
    )
    assert file.setup_inputs == ("uv.lock", "**/pyproject.toml")
    assert file.copy == (".env",)
    assert (file.home_caches, file.tree_caches) == ((".cache/uv",), (".gradle",))
    assert not file.submodules
    assert ports_wanted(file)
    values = {name: with_ports(value, 20_010) for name, value in file.env.set.items()}
    assert values == {"PORT": "20010", "PLAIN": "${HOME}"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env: {set: {P: '${port.10}'}}", "${port.10} has no meaning in `env.set.P`"),
        ("env: {set: {P: '${item}'}}", "${item} has no meaning in `env.set.P`"),
        ("env: {set: {'A=B': x}}", "'A=B' is no name of a variable"),
        ("env: {pass: ['A B']}", "'A B' is no name of a variable"),
        ("copy: [../secret]", ".hive/repo.yaml:1: `copy: ../secret` leads out of the repository"),
        ("copy: [/etc/passwd]", "leads out of the repository"),
        ("copy: ['.git/config']", "`copy: .git/config` is not allowed: .git is kept apart"),
        ("copy: ['.GIT/config']", "is kept apart"),
        ("copy: [':(top)x']", "is no path"),
        ("copy: ['']", "`copy` names nothing"),
        ("cache: [~root/x]", "`cache: ~root/x` is no folder in a home"),
        ("cache: ['~/']", "is no folder in a home"),
        ("cache: [~/../x]", "leads out of the repository"),
        ("cache: [a, a/b]", "`cache` names a/b within a"),
        ("cache: [.hive/x]", "is kept apart"),
        ("setup: {run: x, inputs: [../y]}", "`setup.inputs: ../y` leads out of the repository"),
    ],
)
def test_what_would_lead_out_of_the_repository_is_refused(text: str, said: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_repository(text, ".hive/repo.yaml")
    assert said in str(caught.value)
    assert caught.value.remedy


def test_some_paths_are_protected_unless_the_file_says_which() -> None:
    assert parse_repository("", "f").protect == (".hive/**", ".github/**")
    assert parse_repository("agent: claude", "f").protect == (".hive/**", ".github/**")
    assert parse_repository("protect: []", "f").protect == ()
    assert parse_repository("protect: 'ci/**'", "f").protect == ("ci/**",)
