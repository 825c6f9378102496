"""Real coding agents, from npm, that talk to a scripted model: `make test-agents`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hive_runner.testing import ScriptedModel, parse_scenario
from hive_shared.profiles import Profile, profiles_of
from tests.integration.runner.workshop import Source, Workshop
from tests.system.agents.planted import PACKAGE, planted
from tests.system.hive import open_folder
from tests.system.modernise import NoIndex, download

FOLDER = os.environ.get("HIVE_TEST_AGENTS", "")
"""Where npm installed them."""

Model = Callable[[str], ScriptedModel]
"""Serves a scenario until the test is over."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = Source(tmp_path / "their" / "repo")
    source.commit({"README": "hello\n", "src/a.py": "a = 1\n"})
    return source


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "data")


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with open_folder("agents", request.session) as made:
        yield made


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of the package in which a bug is planted."""
    if not FOLDER:
        pytest.skip("no agent is installed that could mend it: make test-agents")
    try:
        return download(PACKAGE, tmp_path_factory.mktemp("download"))
    except NoIndex as reason:
        pytest.skip(str(reason))


@pytest.fixture
def repository(archive: Path, tmp_path: Path) -> Path:
    return planted(archive, tmp_path)


@pytest.fixture
def model() -> Iterator[Model]:
    models: list[ScriptedModel] = []

    def serve(scenario: str) -> ScriptedModel:
        models.append(ScriptedModel(parse_scenario(scenario)))
        return models[-1]

    yield serve
    for served in models:
        served.close()


def installed(name: str) -> str:
    """A PATH with a real agent on it; the test is skipped where it is not installed."""
    program = Path(FOLDER) / "node_modules" / ".bin" / name
    if not FOLDER or not program.exists():
        pytest.skip(f"{name} is not installed: make test-agents")
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def codex(home: Path, model: ScriptedModel) -> Profile:
    """Codex as it ships, with a home of its own in which the model is its provider."""
    path = installed("codex")
    folder = home / "codex"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(
        f"""
        model = "scripted"
        model_provider = "scripted"
        [model_providers.scripted]
        name = "scripted"
        base_url = "{model.url}"
        wire_api = "responses"
        """
    )
    (folder / "auth.json").write_text('{"OPENAI_API_KEY": "none is needed"}')
    # Codex puts the helper of its sandbox into its home, but never below the folder for temporary
    # files, where tests live: without the helper no command runs.
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    env = {
        "PATH": path,
        "CODEX_HOME": str(folder),
        "HOME": str(home),
        "TMPDIR": str(temporary),
    }
    return msgspec.structs.replace(profiles_of({})["codex"], set_env=env)


def claude(home: Path, model: ScriptedModel, name: str = "claude") -> Profile:
    """Claude Code as it ships, with a home of its own and the model in its provider's place."""
    home.mkdir(parents=True, exist_ok=True)
    profile = profiles_of({})[name]
    env = {
        "PATH": installed(profile.command[0]),
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": model.url.removesuffix("/v1"),
        "ANTHROPIC_API_KEY": "none is needed",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return msgspec.structs.replace(profile, set_env=env)


def gemini(home: Path, model: ScriptedModel, name: str = "gemini") -> Profile:
    """Gemini CLI as it ships, with a home of its own and the model in its provider's place."""
    folder = home / ".gemini"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
    }
    (folder / "settings.json").write_bytes(msgspec.json.encode(settings))
    env = {
        "PATH": installed("gemini"),
        "HOME": str(home),
        "GEMINI_API_KEY": "none is needed",
        "GEMINI_MODEL": "gemini-2.5-flash",
        "GOOGLE_GEMINI_BASE_URL": model.url.removesuffix("/v1"),
    }
    return msgspec.structs.replace(profiles_of({})[name], set_env=env)


def opencode(home: Path, model: ScriptedModel, name: str = "opencode") -> Profile:
    """OpenCode as it ships, with a home of its own in which the model is its provider."""
    path = installed("opencode")
    config = home / ".config" / "opencode"
    config.mkdir(parents=True, exist_ok=True)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "scripted",
        "options": {"baseURL": model.url},
        "models": {
            "scripted": {
                "name": "scripted",
                "cost": {"input": 2.0, "output": 10.0},
                "limit": {"context": 100_000, "output": 10_000},
            }
        },
    }
    (config / "opencode.json").write_bytes(
        msgspec.json.encode(
            {
                "model": "scripted/scripted",
                "autoupdate": False,
                "share": "disabled",
                "provider": {"scripted": provider},
            }
        )
    )
    env = {"PATH": path, "HOME": str(home)}
    return msgspec.structs.replace(profiles_of({})[name], set_env=env)
