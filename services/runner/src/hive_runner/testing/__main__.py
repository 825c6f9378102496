"""`python -m hive_runner.testing SCENARIO`: a scripted model, until it is interrupted."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from hive_runner.testing import Heard, ScenarioProblem, ScriptedModel, read_scenario


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hive_runner.testing",
        description="A model that says what a scenario file says, on 127.0.0.1.",
    )
    parser.add_argument("scenario", type=Path, help="a scenario in TOML (docs/agents.md)")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    told = parser.parse_args()
    try:
        model = ScriptedModel(read_scenario(told.scenario), told.port, _say)
    except (ScenarioProblem, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"scripted model at {model.url} · Ctrl-C stops it", flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    model.close()
    return 0


def _say(heard: Heard) -> None:
    print(f"{heard.path} turn {heard.asked.answered + 1}: {heard.became}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
