"""The runner as it is started in earnest: `python -m hive_runner`."""

import asyncio
import os
import signal
import sys
from pathlib import Path


class RunnerProcess:
    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.folder = data / "runner"
        self.log = data / "runner.log"
        self.settings = {
            "HIVE_DATA": str(data),
            "HIVE_GATEWAY": f"127.0.0.1:{port}",
            "HIVE_RUNNER_SLOTS": "2",
            "HIVE_RUNNER_KILL_GRACE": "0.3",
            "HIVE_RUNNER_DRAIN": "20",
            # Commands tell these tests of themselves by files in the data folder.
            "HIVE_RUNNER_SANDBOX": "off",
            "HIVE_BEAT": "0.2",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, **settings: str) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "hive_runner",
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    **self.settings,
                    **settings,
                },
                cwd=self.data,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def kill(self) -> None:
        """SIGKILL, to the runner alone."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, seconds: float = 20) -> int:
        """Its exit status, once it has ended. Raises TimeoutError."""
        assert self._process is not None
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    def folders_left(self) -> list[str]:
        return [path.name for path in self.folder.glob("attempts/*")]
