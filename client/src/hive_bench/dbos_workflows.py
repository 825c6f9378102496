"""Run by an interpreter in which DBOS is installed: URL CALLERS SECONDS; see `peer_dbos`."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version


def main(url: str, callers: int, seconds: float) -> None:
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    def step() -> int:
        return 1

    @DBOS.workflow()
    def workflow() -> int:
        return step()

    def repeat(until: float) -> list[float]:
        durations = []
        while (began := time.perf_counter()) < until:
            workflow()
            durations.append(time.perf_counter() - began)
        return durations

    DBOS.launch()
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(repeat, [time.perf_counter() + seconds / 5] * callers))
        began = time.perf_counter()
        found = list(pool.map(repeat, [began + seconds] * callers))
        took = time.perf_counter() - began
    durations = [duration for some in found for duration in some]
    print(json.dumps({"version": version("dbos"), "seconds": took, "durations_s": durations}))
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
