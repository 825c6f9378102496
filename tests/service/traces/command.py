"""The `hive` command as people start it."""

import asyncio
import os
import sys
from pathlib import Path

from tests.system.hive import RealHive


async def command(hive: RealHive, endpoint: str, *arguments: str) -> int:
    """Its exit status, once it has ended."""
    status, said = await ended(hive, endpoint, *arguments)
    print(said.decode())
    return status


async def ended(hive: RealHive, endpoint: str, *arguments: str) -> tuple[int, bytes]:
    """Its exit status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hive_cli.main", *arguments,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(hive.folder),
            "HIVE_DATA": str(hive.data),
            "HIVE_OTLP_ENDPOINT": endpoint,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said


def mission_file(folder: Path, text: str) -> str:
    path = folder / "mission.yaml"
    path.write_text(text)
    return str(path)
