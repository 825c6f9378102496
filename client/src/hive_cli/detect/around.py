"""What lies around the tracked files: ignored ones that are read, tool caches, files of CI."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from hive_cli.detect.findings import Detected, Proposal
from hive_cli.detect.folder import Files
from hive_contracts.files.definition import PROTECTED

_READ: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\.env(\.(local|development|dev|test)(\.local)?)?"), "variables that it reads"),
    (re.compile(r"\.envrc"), "what direnv sets"),
    (re.compile(r"\.npmrc|\.yarnrc\.yml|\.pypirc"), "where packages come from"),
    (re.compile(r"local\.properties"), "where Gradle finds an SDK"),
    (re.compile(r"(config/)?master\.key"), "what opens Rails' credentials"),
    (re.compile(r"[\w.-]*local[\w.-]*\.(toml|ya?ml|json|ini)"), "settings of this machine"),
)
"""Ignored files that projects read, by their names, and why a worktree may need them."""

_CACHES: Final = {
    "uv": (".cache/uv",),
    "pip": (".cache/pip",),
    "poetry": (".cache/pypoetry",),
    "npm": (".npm",),
    "pnpm": (".local/share/pnpm/store",),
    "yarn": (".cache/yarn",),
    "bun": (".bun/install/cache",),
    "cargo": (".cargo/registry",),
    "go": ("go/pkg/mod", ".cache/go-build"),
    "mvn": (".m2/repository",),
    "gradle": (".gradle/caches",),
}
"""Folders in a home, by the tools that keep what they download there."""
_WRAPPERS: Final = {"./mvnw": "mvn", "./gradlew": "gradle"}

_ANYWAY: Final = (
    (".hive/**", "this file, and so the gates"),
    (".github/**", "what GitHub does, also where it is not there yet"),
)
"""PROTECTED, explained."""

_CI: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (re.compile(r"\.github/.*"), ".github/**", "GitHub"),
    (re.compile(r"\.gitlab-ci\.ya?ml"), ".gitlab-ci.*", "GitLab CI"),
    (re.compile(r"\.gitlab/.*"), ".gitlab/**", "GitLab"),
    (re.compile(r"\.circleci/.*"), ".circleci/**", "CircleCI"),
    (re.compile(r"azure-pipelines\.ya?ml"), "azure-pipelines.*", "Azure Pipelines"),
    (re.compile(r"Jenkinsfile"), "Jenkinsfile", "Jenkins"),
    (re.compile(r"\.buildkite/.*"), ".buildkite/**", "Buildkite"),
    (re.compile(r"\.drone\.ya?ml"), ".drone.*", "Drone"),
    (re.compile(r"\.travis\.ya?ml"), ".travis.*", "Travis CI"),
)
"""Files that say what CI does, and the globs that hold them."""


def copies(ignored: Iterable[str]) -> tuple[Proposal, ...]:
    """Of the ignored files of a checkout, those that a project is likely to read."""
    found = []
    for path in sorted(ignored):
        for name, why in _READ:
            if name.fullmatch(path):
                found.append(Proposal(path, why))
                break
    return tuple(found)


def caches(found: Detected, in_home: Callable[[str], bool]) -> tuple[Proposal, ...]:
    """Caches of the tools that the commands call, as far as this home has them."""
    words = {
        word
        for command in (*(step.run for step in found.setup), *(gate.run for gate in found.gates))
        for word in re.split(r"[\s()&;|]+", command)
    }
    tools = {_WRAPPERS.get(word, word) for word in words}
    return tuple(
        Proposal(f"~/{path}", f"what {tool} has downloaded")
        for tool, paths in _CACHES.items()
        if tool in tools
        for path in paths
        if in_home(path)
    )


def protection(files: Files) -> tuple[Proposal, ...]:
    """What no work should change unseen; nothing where what is protected anyway is all of it."""
    ci = [
        Proposal(glob, f"what {name} does")
        for pattern, glob, name in _CI
        if any(pattern.fullmatch(path) for path in files)
    ]
    more = [each for each in ci if each.path not in PROTECTED]
    return (*(Proposal(*each) for each in _ANYWAY), *more) if more else ()
