"""click as it is published, with one bug: what its own suite says judges who mends it."""

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final

from tests.component.client.repositories import make_repository, run_git
from tests.system.hive import RealHive

PACKAGE: Final = "click==8.1.8"
FILE: Final = "src/click/types.py"
SOUND: Final = "operator.le if self.min_open else operator.lt"
BROKEN: Final = "operator.lt if self.min_open else operator.le"
HALF: Final = "operator.lt if self.min_open else operator.lt"
"""Mends what the mission tells of, and breaks what only the suite knows."""
SUITE: Final = (
    "PYTHONPATH=src PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -q -p no:cacheprovider"
    " -W ignore::pytest.PytestRemovedIn10Warning"
)
"""Without the plugins that the hive's own tests need, and with what its pytest warns of."""
MISSION: Final = f"""
mission: bounds
phases:
  fix:
    agent: AGENT
    prompt: IntRange(5) refuses 5, which is in its range. Find the cause.
    gates: ["{SUITE}"]
gates: [{{run: "{SUITE} --junitxml=junit.xml", compare: base, report: junit.xml, name: suite}}]
"""


def change(before: str, after: str) -> str:
    """What an agent, or a person, types to write the one for the other."""
    return f"sed -i 's/{before}/{after}/' {FILE}"


def planted(archive: Path, folder: Path) -> Path:
    """A repository with all of the source distribution, but for one line."""
    path = make_repository(folder / "click")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    shutil.copytree(source, path, dirs_exist_ok=True)
    text = (path / FILE).read_text()
    assert text.count(SOUND) == 1
    (path / FILE).write_text(text.replace(SOUND, BROKEN))
    (path / ".gitignore").write_text("__pycache__\njunit.xml\n")
    run_git(path, "add", "--all", "--force")
    run_git(path, "commit", "-q", "-m", f"{PACKAGE}, but for one line")
    return path


def hive_with(folder: Path, profile: dict[str, object], agent: str) -> RealHive:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    profiles = json.dumps({agent: profile})
    return RealHive(folder, HIVE_PROFILES=profiles, PATH=path, HOME=str(folder))
