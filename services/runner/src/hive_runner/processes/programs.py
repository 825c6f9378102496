"""How a program of the hive's own is started beside a command of an attempt."""

import sys
from pathlib import Path
from typing import Final

import hive_contracts
import hive_runner
import hive_shared

_START: Final = (
    "import runpy, sys; module, *places = sys.argv.pop(1).split('\\n');"
    " sys.path[:0] = [place for place in places if place not in sys.path];"
    " runpy.run_module(module, run_name='__main__', alter_sys=True)"
)


def own_program(module: str) -> tuple[str, ...]:
    """The beginning of its command line; its arguments follow.

    It works in a worktree and in an attempt's environment, and none of their modules may stand for
    one of the hive's: -P leaves the folder out, -E the variables. So it is told where the hive's
    packages are, of which it is to run the same as this process.
    """
    packages = (hive_runner, hive_shared, hive_contracts)
    places = dict.fromkeys(str(Path(str(each.__file__)).parents[1]) for each in packages)
    return (sys.executable, "-P", "-E", "-c", _START, "\n".join((module, *places)))
