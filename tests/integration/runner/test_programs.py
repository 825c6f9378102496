"""Programs of the hive's own that run beside a command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hive_runner

PARTS = ("__init__.py", "processes/__init__.py", "processes/programs.py")
STARTS = """
import subprocess, sys
from hive_runner.processes.programs import own_program
command = [*own_program("hive_runner.said"), "a b", "c"]
sys.exit(subprocess.run(command, cwd=sys.argv[1], env={}).returncode)
"""


def test_a_program_of_the_hive_is_of_the_same_hive_as_whoever_starts_it(tmp_path: Path) -> None:
    """Not of the one that is installed: here a copy stands before that."""
    installed, copy = Path(hive_runner.__path__[0]), tmp_path / "copy" / "hive_runner"
    for part in PARTS:
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(installed / part, copy / part)
    (copy / "said.py").write_text("import sys; print(__name__, __file__, sys.argv[1:])\n")
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    (worktree / "runpy.py").write_text("raise SystemExit('a module of the repository was run')\n")
    path = os.pathsep.join([str(copy.parent), *sys.path])
    said = subprocess.run(
        [sys.executable, "-c", STARTS, str(worktree)],
        env={"PYTHONPATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == f"__main__ {copy / 'said.py'} ['a b', 'c']\n"
