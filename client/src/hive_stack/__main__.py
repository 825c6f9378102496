"""The supervisor of one data directory; `hive up` starts it, with its settings as variables."""

import os
import sys

from hive_shared import logs
from hive_shared.settings import ClientSettings, Sources, load
from hive_stack.lock import held
from hive_stack.paths import Paths
from hive_stack.processes import adopt_orphans
from hive_stack.supervisor import Supervisor

EXIT_LOCKED = 75


def main() -> int:
    sources = Sources()
    settings = load(ClientSettings, sources)
    logs.configure("stack", str(os.getpid()), settings.log_level)
    os.chdir("/")
    adopt_orphans()
    with held(Paths(settings.data).lock) as ours:
        return Supervisor(settings, sources).run() if ours else EXIT_LOCKED


if __name__ == "__main__":
    sys.exit(main())
