"""Workflows of DBOS, an engine for durable workflows on PostgreSQL, for comparison.

DBOS is not a dependency: an interpreter is named in which it is installed (`pip install dbos`), and
`dbos_workflows.py` is run by it.
"""

import asyncio
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from hive_bench.result import BenchRefused, CaseResult, result

PROGRAM: Final = Path(__file__).with_name("dbos_workflows.py")
_DATABASE: Final = "dbos"
_GRACE_SECONDS: Final = 60.0


class Report(msgspec.Struct, frozen=True):
    """What the program prints."""

    version: str
    seconds: float
    durations_s: list[float]


async def measured(python: Path, admin_url: str, callers: int, seconds: float) -> CaseResult:
    """One durable step a workflow, by so many callers. Raises BenchRefused where it fails."""
    server, _, _ = admin_url.rpartition("/")
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f"create database {_DATABASE}")
    finally:
        await connection.close()
    try:
        process = await asyncio.create_subprocess_exec(
            *(python, PROGRAM, f"{server}/{_DATABASE}", str(callers), str(seconds)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise BenchRefused(f"{python} does not start: {error.strerror}") from error
    try:
        async with asyncio.timeout(2 * seconds + _GRACE_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise BenchRefused("the workflows of DBOS do not end") from None
    if process.returncode != 0:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise BenchRefused(f"the workflows of DBOS failed: {last}", str(python), "pip install dbos")
    report = msgspec.json.decode(out, type=Report)
    rate = len(report.durations_s) / report.seconds
    case = f"DBOS {report.version}, one step a workflow, {callers} callers"
    return result("missions", case, rate, "workflows/s", report.durations_s)
