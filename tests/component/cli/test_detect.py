"""What `hive init` tells from a repository's files: tables of files and of findings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_cli.detect import Detected, detect, programs
from hive_cli.detect.ci import is_test
from hive_cli.detect.page import page
from hive_contracts.files import parse_repository

UV = '[project]\nname = "x"\n[dependency-groups]\ndev = ["pytest>=8", "ruff"]\n[tool.ruff]\n'
WORKFLOW = """
on: push
jobs:
  test:
    strategy: {matrix: {python: ["3.11"]}}
    steps:
      - uses: actions/checkout@v4
      - run: pip install -r requirements.txt
      - run: |
          ./configure --with-tests
          make \\
            check
      - run: deploy ${{ secrets.TOKEN }}
"""
POM = "<project><modules><module>a</module></modules></project>"


def package(**fields: object) -> str:
    return json.dumps(fields)


def setup_of(found: Detected) -> str:
    return " && ".join(step.run for step in found.setup)


def gates_of(found: Detected) -> dict[str, str]:
    return {gate.name: gate.run for gate in found.gates if gate.sure}


@pytest.mark.parametrize(
    ("files", "setup", "gates"),
    [
        pytest.param(
            {"pyproject.toml": UV, "uv.lock": ""},
            "uv sync --frozen",
            {"lint": "uv run --frozen ruff check .", "tests": "uv run --frozen pytest -q"},
            id="uv with a lock",
        ),
        pytest.param(
            {
                "pyproject.toml": '[project]\nname="x"\n[project.optional-dependencies]\n'
                'test=["pytest"]\nfast=["numpy"]\n[dependency-groups]\ntypes=["mypy"]\n'
                '[tool.mypy]\nfiles=["src"]\n',
                "uv.lock": "",
            },
            "uv sync --frozen --extra test --group types",
            {"types": "uv run --frozen mypy", "tests": "uv run --frozen pytest -q"},
            id="uv with tools in an extra and in a group",
        ),
        pytest.param(
            {
                "pyproject.toml": '[project]\nname="x"\n[tool.uv.workspace]\nmembers=["libs/*"]\n',
                "uv.lock": "",
                "libs/a/pyproject.toml": UV,
                "libs/a/tests/test_a.py": "",
            },
            "uv sync --frozen --all-packages",
            {"tests": "uv run --frozen --with pytest pytest -q"},
            id="a workspace of uv takes its members along",
        ),
        pytest.param(
            {
                "pyproject.toml": '[tool.poetry.dependencies]\npython="^3.11"\n'
                '[tool.poetry.group.dev.dependencies]\npytest="^8"\n',
                "poetry.lock": "",
            },
            "poetry install --no-interaction",
            {"tests": "poetry run pytest -q"},
            id="poetry",
        ),
        pytest.param(
            {"pyproject.toml": '[project]\nname="x"\n', "pdm.lock": "", "tests/test_a.py": ""},
            "pdm sync",
            {"tests": "pdm run pytest -q"},
            id="pdm",
        ),
        pytest.param(
            {"Pipfile": '[dev-packages]\npytest = "*"\n', "Pipfile.lock": ""},
            "pipenv sync --dev",
            {"tests": "pipenv run pytest -q"},
            id="pipenv",
        ),
        pytest.param(
            {"requirements.txt": "flask\n", "requirements-dev.txt": "pytest\n"},
            "python3 -m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt"
            " -r requirements.txt",
            {"tests": ".venv/bin/pytest -q"},
            id="requirements",
        ),
        pytest.param(
            {
                "pyproject.toml": '[project]\nname="x"\n',
                "requirements/dev.txt": "-r tests.txt\nruff\n",
                "requirements/tests.txt": "pytest==8\n",
                "tox.ini": "[testenv]\ndeps = -r requirements/tests.txt\n",
            },
            "python3 -m venv .venv && .venv/bin/pip install -q -r requirements/tests.txt -e .",
            {"tests": ".venv/bin/pytest -q"},
            id="a folder of requirements",
        ),
        pytest.param(
            {"setup.cfg": "[options.extras_require]\ntesting =\n  pytest\n[tool:pytest]\n"},
            "python3 -m venv .venv && .venv/bin/pip install -q -e '.[testing]'",
            {"tests": ".venv/bin/pytest -q"},
            id="setup.cfg with an extra for tests",
        ),
        pytest.param(
            {"setup.py": "setup(install_requires=['six>=1'])", "tests/test_a.py": ""},
            "python3 -m venv .venv && .venv/bin/pip install -q -e . pytest",
            {"tests": ".venv/bin/pytest -q"},
            id="setup.py that does not name pytest",
        ),
        pytest.param(
            {"setup.py": "", "tox.ini": "[tox]\nenvlist = py311\n[testenv]\ndeps = pytest\n"},
            "python3 -m venv .venv && .venv/bin/pip install -q -e . tox",
            {"tests": ".venv/bin/tox -q -e py"},
            id="tox knows what the tests need",
        ),
        pytest.param(
            {"manage.py": "", "requirements.txt": "django\n"},
            "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt",
            {"tests": ".venv/bin/python manage.py test"},
            id="django",
        ),
        pytest.param(
            {"pyproject.toml": "[broken", "tests/test_a.py": ""},
            "python3 -m venv .venv && .venv/bin/pip install -q pytest",
            {"tests": ".venv/bin/pytest -q"},
            id="a pyproject that does not parse",
        ),
        pytest.param(
            {
                "package.json": package(
                    scripts={"test": "vitest", "lint": "eslint .", "typecheck": "tsc"},
                    devDependencies={"vitest": "1"},
                ),
                "pnpm-lock.yaml": "",
            },
            "pnpm install --frozen-lockfile",
            {"lint": "pnpm run lint", "types": "pnpm run typecheck", "tests": "pnpm test"},
            id="pnpm",
        ),
        pytest.param(
            {"package.json": package(devDependencies={"jest": "29"}), "package-lock.json": ""},
            "npm ci",
            {"tests": "npx jest"},
            id="npm with jest and no script",
        ),
        pytest.param(
            {
                "package.json": package(
                    scripts={"test": "react-scripts test"}, dependencies={"react": "18"}
                ),
                "yarn.lock": "# yarn lockfile v1\n",
            },
            "yarn install --frozen-lockfile",
            {"tests": "CI=true yarn test"},
            id="yarn 1, with tests that would watch",
        ),
        pytest.param(
            {
                "package.json": package(
                    packageManager="yarn@4.1.0", scripts={"test": "jest --watch", "test:ci": "jest"}
                ),
                "yarn.lock": "__metadata:\n",
            },
            "yarn install --immutable",
            {"tests": "yarn run test:ci"},
            id="yarn 4, with a script for CI",
        ),
        pytest.param(
            {
                "package.json": package(
                    scripts={"test": 'echo "Error: no test specified" && exit 1', "build": "tsc"},
                    dependencies={"a": "1"},
                )
            },
            "npm install",
            {"build": "npm run build"},
            id="npm without lock and tests",
        ),
        pytest.param(
            {"go.mod": "module x\n\nrequire (\n\ta v1\n)\n", "main.go": "", ".golangci.yml": ""},
            "go mod download",
            {"vet": "go vet ./...", "tests": "go test ./..."},
            id="go",
        ),
        pytest.param(
            {"Cargo.toml": '[workspace]\nmembers=["a"]\n', "Cargo.lock": "", "a/Cargo.toml": ""},
            "cargo fetch --locked",
            {"tests": "cargo test --workspace --locked"},
            id="a workspace of cargo",
        ),
        pytest.param(
            {"pom.xml": POM, "mvnw": "", "a/pom.xml": "<project/>"},
            "",
            {"tests": "./mvnw -B -q test"},
            id="maven with its wrapper and a module",
        ),
        pytest.param(
            {"build.gradle.kts": "", "settings.gradle.kts": 'include("a")', "a/build.gradle": ""},
            "",
            {"tests": "gradle --no-daemon -q test"},
            id="gradle",
        ),
        pytest.param(
            {"Makefile": "CC := gcc\nlint:\n\ttrue\ntest: build\n\ttrue\n", "a.c": ""},
            "",
            {"lint": "make lint", "tests": "make test"},
            id="a Makefile",
        ),
        pytest.param(
            {".github/workflows/ci.yml": WORKFLOW, "configure": ""},
            "",
            {"tests": "make check"},
            id="only CI says how to test",
        ),
        pytest.param(
            {".gitlab-ci.yml": "t:\n  before_script: [./deps]\n  script:\n    - ctest -j2\n"},
            "",
            {"tests": "ctest -j2"},
            id="only GitLab says how to test",
        ),
        pytest.param(
            {
                ".devcontainer/devcontainer.json": '{// made by hand\n"image": "a//b",\n'
                '"postCreateCommand": {"a": "make deps", "b": ["npm", "ci"]},\n}',
                "Makefile": "check:\n",
            },
            "make deps && npm ci",
            {"tests": "make check"},
            id="a devcontainer sets up where no lock file does",
        ),
        pytest.param(
            {
                "api/pyproject.toml": UV, "api/uv.lock": "",
                "web/package.json": package(scripts={"test": "vitest run"}),
                "web/package-lock.json": "",
                "web/node_modules/a/package.json": package(scripts={"test": "x"}),
                "api/tests/fixtures/p/pyproject.toml": UV,
            },
            "(cd api && uv sync --frozen) && (cd web && npm ci)",
            {
                "api-lint": "cd api && uv run --frozen ruff check .",
                "api-tests": "cd api && uv run --frozen pytest -q",
                "web-tests": "cd web && npm test",
            },
            id="two languages in folders of their own",
        ),
        pytest.param(
            {
                "pyproject.toml": UV, "uv.lock": "",
                "package.json": package(scripts={"test": "jest"}, devDependencies={"jest": "1"}),
                "go.mod": "module x\n",
            },
            "uv sync --frozen && npm install",
            {
                "lint": "uv run --frozen ruff check .",
                "tests": "uv run --frozen pytest -q",
                "javascript-tests": "npm test",
                "vet": "go vet ./...",
                "go-tests": "go test ./...",
            },
            id="three languages in one folder",
        ),
        pytest.param({"README.md": ""}, "", {}, id="nothing that is known"),
        pytest.param({}, "", {}, id="no file at all"),
    ],
)  # fmt: skip
def test_files_tell_the_set_up_and_the_gates(
    files: dict[str, str], setup: str, gates: dict[str, str]
) -> None:
    found = detect(files)
    assert setup_of(found) == setup
    assert gates_of(found) == gates
    written = parse_repository(page(found, []), "repo.yaml")
    assert (written.setup_command, written.gates) == (setup, gates)


def test_a_gate_whose_tool_nobody_installs_is_only_proposed() -> None:
    found = detect({"pyproject.toml": '[project]\nname="x"\n[tool.ruff]\n', "uv.lock": ""})
    assert gates_of(found) == {}
    assert "#   tests" not in page(found, [])
    assert "\n  # lint: uv run --frozen ruff check .\n" in page(found, [])


@pytest.mark.parametrize(
    ("files", "called"),
    [
        ({"pyproject.toml": UV, "uv.lock": ""}, ["uv"]),
        ({"requirements.txt": "pytest"}, ["python3"]),
        ({"web/package.json": package(scripts={"test": "react-scripts test"})}, ["npm"]),
        ({"pom.xml": "", "mvnw": ""}, []),
    ],
)  # fmt: skip
def test_programs_that_a_runner_needs_are_told(files: dict[str, str], called: list[str]) -> None:
    assert programs(detect(files)) == called


def test_what_ci_runs_besides_is_shown_for_a_person_to_choose_from() -> None:
    text = page(detect({".github/workflows/ci.yml": WORKFLOW, "go.mod": "module x"}), [])
    assert "#   ./configure --with-tests   (.github/workflows/ci.yml)\n" in text
    assert "secrets.TOKEN" not in text


def test_a_ci_file_that_does_not_parse_is_said() -> None:
    found = detect({".github/workflows/ci.yml": "a: [", ".devcontainer.json": "{", "go.mod": ""})
    assert len(found.remarks) == 2
    assert "Not used: .github/workflows/ci.yml:1: this is not valid YAML" in page(found, [])


def test_poetry_keeps_its_environment_in_the_worktree() -> None:
    found = detect({"pyproject.toml": "[tool.poetry]\n", "poetry.lock": ""})
    file = parse_repository(page(found, []), "repo.yaml")
    assert file.env.set == {"POETRY_VIRTUALENVS_IN_PROJECT": "true"}


@pytest.mark.parametrize(
    ("agents", "agent"), [([], ""), (["claude"], "claude"), (["claude", "codex"], "")]
)
def test_an_agent_is_written_only_where_there_is_one(agents: list[str], agent: str) -> None:
    assert parse_repository(page(detect({"go.mod": ""}), agents), "repo.yaml").agent == agent


def test_more_projects_than_a_person_would_read_are_named_and_left() -> None:
    files = {f"svc-{n:02}/go.mod": "module x" for n in range(20)}
    found = detect(files)
    assert len(found.projects) == 12
    assert found.remarks == (
        "these folders have projects too: "
        + ", ".join(f"svc-{n}" for n in range(12, 20)),
    )  # fmt: skip


@pytest.mark.parametrize("line", ["pip install pytest", "npm install mocha", "uv pip install tox"])
def test_installing_a_test_tool_is_no_test(line: str) -> None:
    assert not is_test(line)


names = st.sampled_from(
    ["pyproject.toml", "setup.cfg", "setup.py", "package.json", "Cargo.toml", "go.mod", "pom.xml",
     "requirements.txt", "tox.ini", "Pipfile", "Makefile", ".gitlab-ci.yml", "uv.lock",
     ".devcontainer.json", ".github/workflows/a.yml", "build.gradle", "settings.gradle"]
)  # fmt: skip
folders = st.sampled_from(["", "web/", "a b/", "it's/", "$(x)/", "\n/", "é/", "-x/"])
contents = st.one_of(
    st.text(max_size=40),
    st.sampled_from([
        UV, WORKFLOW, POM, '{"scripts": {"test": 1, "lint": "x"}, "workspaces": {}}', "[project]",
        'tool = "x"', "[tool]\npoetry = 1", "project = [1]", "dependency-groups = 3", "[testenv]",
        "[project]\noptional-dependencies = 2", "[tool.poetry]\ngroup = 2", "{" * 3000,
        '{"dependencies": [], "scripts": []}', "test: [1]\njobs: {a: {steps: [{run: [x]}]}}",
        "[tool.mypy]\nfiles = 'x'", "[tool.uv]\nworkspace = 1", "[tool]\nmypy = 1", "x: test:",
    ]),
)  # fmt: skip


@given(st.dictionaries(st.builds(str.__add__, folders, names), contents, max_size=6))
def test_whatever_stands_in_the_files_what_is_written_can_be_read(files: dict[str, str]) -> None:
    found = detect(files)
    file = parse_repository(page(found, ["claude"], "x.json"), "repo.yaml")
    assert file.gates == gates_of(found)
    assert file.setup_command == setup_of(found)


def test_ignored_files_that_are_read_are_proposed_and_not_copied_unasked() -> None:
    found = detect({}, [".env", "notes.txt", ".env.example", "config/master.key", "x/.env"])
    assert [each.path for each in found.copy] == [".env", "config/master.key"]
    text = page(found, [])
    assert '\n# copy: [".env", "config/master.key"]\n' in text
    assert "# .env  variables that it reads\n" in text
    assert parse_repository(text, "repo.yaml").copy == ()
    uncommented = text.replace("# copy:", "copy:")
    assert parse_repository(uncommented, "repo.yaml").copy == (".env", "config/master.key")
    assert "copy:" not in page(detect({}, ["notes.txt"]), [])


def test_caches_of_the_tools_that_are_called_are_proposed_where_they_are() -> None:
    files = {"pyproject.toml": UV, "uv.lock": "", "go.mod": "module x"}
    found = detect(files, in_home=lambda path: path != ".cache/go-build")
    assert [each.path for each in found.cache] == ["~/.cache/uv", "~/go/pkg/mod"]
    text = page(found, []).replace("# cache:", "cache:")
    assert parse_repository(text, "repo.yaml").cache == ("~/.cache/uv", "~/go/pkg/mod")
    assert detect(files).cache == ()


@pytest.mark.parametrize(
    ("files", "protected"),
    [
        ({".gitlab-ci.yml": ""}, (".hive/**", ".github/**", ".gitlab-ci.*")),
        (
            {".github/workflows/ci.yml": "", "Jenkinsfile": "", ".circleci/config.yml": ""},
            (".hive/**", ".github/**", ".circleci/**", "Jenkinsfile"),
        ),
        ({".github/workflows/ci.yml": ""}, (".hive/**", ".github/**")),
        ({"src/Jenkinsfile": ""}, (".hive/**", ".github/**")),
    ],
)
def test_files_of_ci_are_protected_where_they_would_not_be(
    files: dict[str, str], protected: tuple[str, ...]
) -> None:
    assert parse_repository(page(detect(files), []), "repo.yaml").protect == protected
