"""Python: uv, Poetry, PDM, Pipenv, or pip with a virtual environment in the worktree."""

import configparser
import re
from typing import Any, Final

import msgspec

from hive_cli.detect.findings import Gate, Project, Step
from hive_cli.detect.folder import Folder, entries, inner, strings

MARKERS: Final = (
    "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "requirements*.txt", "tox.ini",
    "pytest.ini", "noxfile.py", "manage.py",
)  # fmt: skip

_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_QUOTED: Final = re.compile(r"""["']([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*[<>=!~;"']""")
_DEV_FILES: Final = re.compile(r"requirements[-_.]?(dev|test|tests|testing)?\.txt")
_VENV: Final = "python3 -m venv .venv && .venv/bin/pip install -q "
_TEST_EXTRAS: Final = ("test", "tests", "testing", "dev")


class _Manager(msgspec.Struct, frozen=True):
    kind: str
    seen: tuple[str, ...]
    setup: str
    why: str
    prefix: str
    """In front of a tool's name."""
    env: dict[str, str] = {}
    workspace: bool = False


def python(folder: Folder) -> Project | None:
    """None where nothing in this folder is a Python project."""
    pyproject = folder.table("pyproject.toml")
    declared = _declared(folder, pyproject)
    tables = (("project",), ("tool", "poetry"), ("tool", "uv"))
    is_package = any(inner(pyproject, *keys) is not None for keys in tables) or bool(
        folder.has("setup.py", "setup.cfg", "Pipfile", "uv.lock", "poetry.lock", "pdm.lock")
    )
    test = _test(folder, pyproject, declared)
    if not is_package and test is None and not _requirements(folder):
        return None
    tools = _missing(test, declared)
    manager = _manager(folder, pyproject, declared, is_package, tools)
    gates = [gate for gate in (*_checks(folder, pyproject, declared), test) if gate is not None]
    return Project(
        folder=folder.path,
        kind=manager.kind,
        seen=folder.seen(
            "pyproject.toml", "setup.py", "setup.cfg", *manager.seen, "tox.ini", "pytest.ini"
        ),
        setup=(Step(manager.setup, manager.why),) if manager.setup else (),
        gates=tuple(
            msgspec.structs.replace(gate, run=f"{manager.prefix}{gate.run}") for gate in gates
        ),
        env=manager.env,
        workspace=manager.workspace,
    )


def _manager(
    folder: Folder,
    pyproject: dict[str, Any],
    declared: dict[str, str],
    is_package: bool,
    tools: list[str],
) -> _Manager:
    extras = sorted({where[6:] for where in declared.values() if where.startswith("extra:")})
    wanted = [extra for extra in extras if _has_test_tool(declared, f"extra:{extra}")]
    if folder.has("uv.lock") or inner(pyproject, "tool", "uv") is not None:
        return _uv(folder, pyproject, declared, wanted, tools)
    if folder.has("poetry.lock") or inner(pyproject, "tool", "poetry") is not None:
        options = "".join(f" --extras {extra}" for extra in wanted)
        return _Manager(
            "Python, Poetry", ("poetry.lock",), f"poetry install --no-interaction{options}",
            folder.has("poetry.lock") or "[tool.poetry] in pyproject.toml", "poetry run ",
            {"POETRY_VIRTUALENVS_IN_PROJECT": "true"},
        )  # fmt: skip
    if folder.has("pdm.lock"):
        return _Manager("Python, PDM", ("pdm.lock",), "pdm sync", "pdm.lock", "pdm run ")
    if folder.has("Pipfile"):
        command = "pipenv sync --dev" if folder.has("Pipfile.lock") else "pipenv install --dev"
        return _Manager(
            "Python, Pipenv", ("Pipfile", "Pipfile.lock"), command,
            folder.has("Pipfile.lock", "Pipfile"), "pipenv run ", {"PIPENV_VENV_IN_PROJECT": "1"},
        )  # fmt: skip
    return _pip(folder, extras, wanted, is_package, tools)


def _uv(
    folder: Folder,
    pyproject: dict[str, Any],
    declared: dict[str, str],
    extras: list[str],
    tools: list[str],
) -> _Manager:
    workspace = inner(pyproject, "tool", "uv", "workspace") is not None
    options = [f" --extra {extra}" for extra in extras]
    default = strings(inner(pyproject, "tool", "uv", "default-groups")) or ["dev"]
    for where in sorted(set(declared.values())):
        group = where.removeprefix("group:")
        if group != where and group not in default and _has_test_tool(declared, where):
            options.append(f" --group {group}")
    if workspace:
        options.append(" --all-packages")
    frozen = " --frozen" if folder.has("uv.lock") else ""
    added = "".join(f" --with {tool}" for tool in tools)
    return _Manager(
        "Python, uv", ("uv.lock",), f"uv sync{frozen}{''.join(options)}",
        folder.has("uv.lock") or "[tool.uv] in pyproject.toml", f"uv run{frozen}{added} ",
        workspace=workspace,
    )  # fmt: skip


def _pip(
    folder: Folder, extras: list[str], wanted: list[str], is_package: bool, tools: list[str]
) -> _Manager:
    files = _requirements(folder)
    parts = [f"-r {file}" for file in files]
    installable = folder.has("setup.py", "setup.cfg") or inner(
        folder.table("pyproject.toml"), "project"
    )
    if is_package and installable:
        named = wanted or [extra for extra in _TEST_EXTRAS if extra in extras][:1]
        parts.append(f"-e '.[{','.join(named)}]'" if named else "-e .")
    parts += tools
    if not parts:
        return _Manager("Python", (), "", "", "")
    why = ", ".join(
        [*files, *([folder.has("pyproject.toml", "setup.py", "setup.cfg")] * is_package)]
    )
    return _Manager(
        "Python, pip", tuple(files), f"{_VENV}{' '.join(parts)}",
        why or "no file names its packages", ".venv/bin/",
    )  # fmt: skip


def _requirements(folder: Folder) -> list[str]:
    """Of the plain ones, what runs and what tests; of a folder of them, tests before dev."""
    plain = [n for n in folder.named("requirements*.txt") if _DEV_FILES.fullmatch(n) is not None]
    inside = [folder.has(f"requirements/{name}.txt") for name in ("base", "main")]
    inside.append(folder.has(*(f"requirements/{name}.txt" for name in _TEST_EXTRAS)))
    return [*plain, *(name for name in inside if name)]


def _test(folder: Folder, pyproject: dict[str, Any], declared: dict[str, str]) -> Gate | None:
    configured = _pytest_configured(folder, pyproject)
    if "pytest" in declared:
        return Gate("tests", "pytest -q", configured or f"pytest in {_where(declared['pytest'])}")
    if re.search(r"^\[testenv\]", folder.text("tox.ini"), re.MULTILINE):
        return Gate("tests", "tox -q -e py", "[testenv] in tox.ini")
    if folder.has("noxfile.py"):
        return Gate("tests", "nox", "noxfile.py")
    if configured:
        return Gate("tests", "pytest -q", configured)
    if folder.has("manage.py"):
        return Gate("tests", "python manage.py test", "manage.py: a Django project")
    # A folder below with a project of its own has tests of its own.
    found = sorted(folder.below("test_*.py", "*_test.py", "conftest.py"))
    return Gate("tests", "pytest -q", found[0]) if found else None


def _pytest_configured(folder: Folder, pyproject: dict[str, Any]) -> str:
    if inner(pyproject, "tool", "pytest") is not None:
        return "[tool.pytest] in pyproject.toml"
    if folder.has("pytest.ini"):
        return "pytest.ini"
    for name, section in (("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]")):
        if section in folder.text(name):
            return f"{section} in {name}"
    return ""


def _checks(
    folder: Folder, pyproject: dict[str, Any], declared: dict[str, str]
) -> list[Gate | None]:
    gates: list[Gate | None] = []
    ruff = folder.has("ruff.toml", ".ruff.toml")
    if ruff or inner(pyproject, "tool", "ruff") is not None:
        why = ruff or "[tool.ruff] in pyproject.toml"
        gates.append(Gate("lint", "ruff check .", why, sure="ruff" in declared))
    mypy = inner(pyproject, "tool", "mypy")
    if mypy is not None and (inner(mypy, "files") or inner(mypy, "packages")):
        sure = "mypy" in declared
        gates.append(Gate("types", "mypy", "[tool.mypy] in pyproject.toml", sure=sure))
    return gates


def _missing(test: Gate | None, declared: dict[str, str]) -> list[str]:
    """The tool of the tests, where no file of the project names it."""
    tool = test.run.split()[0] if test is not None else ""
    return [tool] if tool in ("pytest", "tox", "nox") and tool not in declared else []


def _has_test_tool(declared: dict[str, str], where: str) -> bool:
    return any(declared.get(tool) == where for tool in ("pytest", "ruff", "mypy", "tox", "nox"))


def _where(declared: str) -> str:
    kind, _, name = declared.partition(":")
    return {"extra": f"the extra {name}", "group": f"the group {name}", "file": name}.get(
        kind, "pyproject.toml"
    )


def _declared(folder: Folder, pyproject: dict[str, Any]) -> dict[str, str]:
    """Names of required packages, and where: ``, `extra:x`, `group:x` or `file:x`."""
    found: dict[str, str] = {}

    def take(requirements: list[str], where: str) -> None:
        for requirement in requirements:
            match = _NAME.match(requirement)
            if match is not None:
                found.setdefault(match[1].lower().replace("_", "-"), where)

    take(strings(inner(pyproject, "project", "dependencies")), "")
    for name, listed in entries(inner(pyproject, "dependency-groups")).items():
        take(strings(listed), f"group:{name}")
    take(strings(inner(pyproject, "tool", "uv", "dev-dependencies")), "group:dev")
    for name in ("dependencies", "dev-dependencies"):
        take(_keys(inner(pyproject, "tool", "poetry", name)), "")
    groups = inner(pyproject, "tool", "poetry", "group")
    for name in _keys(groups):
        take(_keys(inner(groups, name, "dependencies")), "")
    for name, listed in entries(inner(pyproject, "tool", "pdm", "dev-dependencies")).items():
        take(strings(listed), f"group:{name}")
    for name, listed in entries(inner(pyproject, "project", "optional-dependencies")).items():
        take(strings(listed), f"extra:{name}")
    for name in _requirements(folder):
        take(folder.text(name).splitlines(), f"file:{name}")
    take(_keys(folder.table("Pipfile").get("packages")), "file:Pipfile")
    take(_keys(folder.table("Pipfile").get("dev-packages")), "file:Pipfile")
    for name, text in _extras_of_setup_cfg(folder.text("setup.cfg")):
        take(text.splitlines(), f"extra:{name}" if name else "")
    take(_QUOTED.findall(folder.text("setup.py")), "file:setup.py")
    return found


def _extras_of_setup_cfg(text: str) -> list[tuple[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return []
    extras = "options.extras_require"
    found = list(parser.items(extras)) if parser.has_section(extras) else []
    needed = parser.get("options", "install_requires", fallback="")
    return [("", needed), *found]


def _keys(table: Any) -> list[str]:
    return list(entries(table))
