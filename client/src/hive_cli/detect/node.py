"""JavaScript and TypeScript: npm, pnpm, yarn or bun, and the scripts of package.json."""

import re
from typing import Any, Final

from hive_cli.detect.findings import Gate, Project, Step
from hive_cli.detect.folder import Folder, entries

MARKERS: Final = ("package.json",)

_LOCKS: Final = (
    ("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun"),
    ("package-lock.json", "npm"), ("npm-shrinkwrap.json", "npm"),
)  # fmt: skip
_NO_TEST: Final = re.compile(r"no test specified")
_WATCHES: Final = re.compile(r"--watch(?!=false)(All)?\b|\bvitest watch\b")
_TESTS: Final = ("test:ci", "test", "test:run", "test:unit", "unit")
_TYPES: Final = ("typecheck", "type-check", "check-types", "types", "tsc")


def node(folder: Folder) -> Project | None:
    if not folder.has("package.json"):
        return None
    package = folder.mapping("package.json")
    manager = _manager(folder, package)
    scripts = entries(package.get("scripts"))
    gates = [gate for gate in _gates(package, scripts, manager) if gate is not None]
    lock = _lock(folder)
    workspaces = bool(package.get("workspaces")) or bool(folder.has("pnpm-workspace.yaml"))
    return Project(
        folder=folder.path,
        kind=f"JavaScript, {manager}",
        seen=folder.seen("package.json", lock, "pnpm-workspace.yaml"),
        setup=_setup(package, manager, lock, _is_berry(folder, package)),
        gates=tuple(gates),
        workspace=workspaces,
    )


def _lock(folder: Folder) -> str:
    return folder.has(*(name for name, _ in _LOCKS))


def _manager(folder: Folder, package: dict[str, Any]) -> str:
    named = str(package.get("packageManager", "")).partition("@")[0]
    if named in ("npm", "pnpm", "yarn", "bun"):
        return named
    return dict(_LOCKS).get(_lock(folder), "npm")


def _is_berry(folder: Folder, package: dict[str, Any]) -> bool:
    """Yarn 2 and later, whose options differ."""
    named = str(package.get("packageManager", ""))
    modern = re.match(r"yarn@([2-9]|\d\d)", named) is not None
    return modern or bool(folder.has(".yarnrc.yml")) or "__metadata:" in folder.text("yarn.lock")


def _setup(package: dict[str, Any], manager: str, lock: str, berry: bool) -> tuple[Step, ...]:
    needs = any(package.get(key) for key in ("dependencies", "devDependencies", "workspaces"))
    if not lock and not needs:
        return ()
    if not lock:
        return (Step(f"{manager} install", "dependencies of package.json, with no lock file"),)
    command = {
        "npm": "npm ci",
        "pnpm": "pnpm install --frozen-lockfile",
        "yarn": "yarn install --immutable" if berry else "yarn install --frozen-lockfile",
        "bun": "bun install --frozen-lockfile",
    }[manager]
    return (Step(command, lock),)


def _gates(package: dict[str, Any], scripts: dict[str, Any], manager: str) -> list[Gate | None]:
    tests = _tests(package, scripts, manager)
    build = None if tests is not None else _script(scripts, manager, "build", ("build",))
    return [
        _script(scripts, manager, "lint", ("lint",)),
        _script(scripts, manager, "types", _TYPES),
        build,
        tests,
    ]


def _tests(package: dict[str, Any], scripts: dict[str, Any], manager: str) -> Gate | None:
    fitting = {
        name: text
        for name, text in scripts.items()
        if isinstance(text, str) and not _NO_TEST.search(text) and not _WATCHES.search(text)
    }
    found = _script(fitting, manager, "tests", _TESTS)
    if found is not None:
        # Some runners watch for changes, and so never end, unless CI is set.
        watched = "react-scripts" in str(fitting.get(_name_in(fitting, _TESTS)))
        return Gate(found.name, f"CI=true {found.run}", found.why) if watched else found
    needed = {**entries(package.get("dependencies")), **entries(package.get("devDependencies"))}
    runner = {"npm": "npx", "pnpm": "pnpm exec", "yarn": "yarn", "bun": "bunx"}[manager]
    for tool, command in (("vitest", "vitest run"), ("jest", "jest"), ("mocha", "mocha")):
        if tool in needed:
            return Gate("tests", f"{runner} {command}", f"{tool} in package.json")
    return None


def _script(
    scripts: dict[str, Any], manager: str, gate: str, names: tuple[str, ...]
) -> Gate | None:
    name = _name_in(scripts, names)
    if not name:
        return None
    command = f"{manager} test" if name == "test" and manager != "bun" else f"{manager} run {name}"
    return Gate(gate, command, f"the script `{name}` of package.json")


def _name_in(scripts: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if isinstance(scripts.get(name), str)), "")
