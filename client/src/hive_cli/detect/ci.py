"""What CI and a development container run: GitHub Actions, GitLab CI, devcontainer.json."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hive_cli.detect.findings import Said
from hive_cli.detect.folder import Files, entries, strings
from hive_contracts.files import FileProblem
from hive_contracts.files.document import parse_document, plain_data

DEVCONTAINERS: Final = (".devcontainer/devcontainer.json", ".devcontainer.json")
_WORKFLOW: Final = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_GITLAB: Final = (".gitlab-ci.yml", ".gitlab-ci.yaml")
_HOOKS: Final = ("onCreateCommand", "updateContentCommand", "postCreateCommand")
_TESTS: Final = re.compile(
    r"\b(pytest|tox|nox|unittest|go test|cargo (nextest|test)|mvnw? .*\b(test|verify)|"
    r"gradlew? .*\b(test|check)|(npm|pnpm|yarn|bun)( run)? test\S*|make (test|tests|check)|ctest|"
    r"rspec|rake test|phpunit|dotnet test|mix test|swift test|bazel test|meson test)\b"
)
_COMMENT: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING: Final = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]{1,300}")


def ci_files(files: Files) -> list[str]:
    return sorted(path for path in files if _WORKFLOW.fullmatch(path) or path in _GITLAB)


def commands(files: Files, path: str) -> list[Said]:
    """The shell commands of a CI file, a line each. Raises FileProblem."""
    data = plain_data(parse_document(files[path], path))
    found = _of_gitlab(data) if path in _GITLAB else _of_workflow(data)
    lines = (line.strip() for text in found for line in _joined(text).splitlines())
    return [Said(line, path) for line in dict.fromkeys(lines) if usable(line)]


def usable(command: str) -> bool:
    """Whether it means the same outside CI: its own variables are not there."""
    return _PRINTABLE.fullmatch(command) is not None and not re.search(
        r"\$\{\{|\$(GITHUB|CI|RUNNER)_|^#|[|&;{(\\]$", command
    )


def is_test(command: str) -> bool:
    return _TESTS.search(command) is not None and not re.match(
        r"(pip|pip3|python3? -m pip|uv pip|uv tool|npm|pnpm|yarn) (install|add|i)\b", command
    )


def container_steps(files: Files) -> list[Said]:
    """What a development container runs when it is made. Raises FileProblem."""
    for path in DEVCONTAINERS:
        if path in files:
            container = _relaxed(files[path], path)
            texts = (text for hook in _HOOKS for text in _command(container.get(hook)))
            return [Said(text, path) for text in texts if usable(text)]
    return []


def _of_workflow(data: Any) -> Iterator[str]:
    for job in entries(entries(data).get("jobs")).values():
        steps = entries(job).get("steps")
        for step in steps if isinstance(steps, list) else []:
            run = entries(step).get("run")
            if isinstance(run, str):
                yield run


def _of_gitlab(data: Any) -> Iterator[str]:
    for job in entries(data).values():
        for key in ("before_script", "script"):
            value = entries(job).get(key)
            yield from [value] if isinstance(value, str) else strings(value)


def _joined(text: str) -> str:
    """Lines that a backslash continues, as one."""
    return re.sub(r"\\\n\s*", "", text)


def _command(value: Any) -> list[str]:
    if isinstance(value, str):
        return [" ".join(value.split())]
    if isinstance(value, list):
        return [" ".join(strings(value))]
    if isinstance(value, dict):
        return [text for part in value.values() for text in _command(part)]
    return []


def _relaxed(text: str, path: str) -> dict[str, Any]:
    """JSON with comments and commas at the end. Raises FileProblem."""
    bare = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    bare = _TRAILING.sub(lambda found: found[1] or "", bare)
    try:
        value = msgspec.json.decode(bare)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FileProblem(
            f"this is not valid JSON: {error}", path, "correct it, or take the file out"
        ) from error
    return entries(value)
