"""The github service's process: `python -m hive_github`."""

import logging

from hive_github.edge import broker_for, serving
from hive_github.status import github_status
from hive_shared.bus.connection import connected
from hive_shared.heartbeats import beat
from hive_shared.process import Shell, run
from hive_shared.settings import GithubSettings, nats_url

_log = logging.getLogger("hive.github")


async def start(shell: Shell, settings: GithubSettings) -> None:
    status = github_status(settings)
    _log.info("GitHub is configured" if status.configured else status.reason)
    await shell.enter(serving(broker_for(nats_url(settings), settings)))
    client = await shell.enter(connected(nats_url(settings), "github"))
    shell.spawn(beat(shell, client), "heartbeats")


def main() -> int:
    return run("github", GithubSettings, start)
