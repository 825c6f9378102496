"""What the programs of a hive use of the processor."""

import psutil

from hive_stack import StackState


def processes(state: StackState) -> dict[str, list[psutil.Process]]:
    """Each program's processes, its own children included; PostgreSQL works in children."""
    found: dict[str, list[psutil.Process]] = {"client": [psutil.Process()]}
    for program in state.programs:
        if program.process is not None and program.name != "runner":
            parent = psutil.Process(program.process.pid)
            found[program.name] = [parent, *parent.children(recursive=True)]
    return found


def cpu(state: StackState) -> dict[str, float]:
    """Seconds of CPU that each program has used."""
    return {name: sum(map(_seconds, group)) for name, group in processes(state).items()}


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
