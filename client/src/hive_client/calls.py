"""`deploy_agent({...})` and `continue_agent_mission({...})`, as they always were.

Both take the dictionaries of the original calls, check them before anything is sent, and return as
soon as the hive has recorded the mission. The forms that end in `_async` are for callers with an
event loop; the others start one.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hive_client.address import find_address
from hive_client.answers import Continued, Launched
from hive_client.checkout import read_checkout
from hive_client.hive import Hive
from hive_client.original import Call
from hive_contracts.plan import Plan


def deploy_agent(
    agent: Mapping[str, Any],
    *,
    repository: str | Path | None = None,
    gateway: str | None = None,
    token: str | None = None,
) -> Launched:
    """Launch a mission for one agent.

    `repository`: a folder; default: the dictionary's `repository`, else the working directory.
    `gateway`, `token`: default: those of the settings. Raises FileProblem for a dictionary or
    folder that cannot stand, HiveError where the hive refuses.
    """
    return asyncio.run(
        deploy_agent_async(agent, repository=repository, gateway=gateway, token=token)
    )


def continue_agent_mission(
    progress: Mapping[str, Any],
    *,
    repository: str | Path | None = None,
    gateway: str | None = None,
    token: str | None = None,
) -> Continued:
    """Go on with the newest open mission of that type, or launch one.

    Arguments and errors as of `deploy_agent`.
    """
    return asyncio.run(
        continue_agent_mission_async(progress, repository=repository, gateway=gateway, token=token)
    )


async def deploy_agent_async(
    agent: Mapping[str, Any],
    *,
    repository: str | Path | None = None,
    gateway: str | None = None,
    token: str | None = None,
) -> Launched:
    """As `deploy_agent`."""
    plan = _plan(agent, "deploy_agent", repository)
    async with _hive(gateway, token) as hive:
        return await hive.launch(plan)


async def continue_agent_mission_async(
    progress: Mapping[str, Any],
    *,
    repository: str | Path | None = None,
    gateway: str | None = None,
    token: str | None = None,
) -> Continued:
    """As `continue_agent_mission`."""
    plan = _plan(progress, "continue_agent_mission", repository)
    async with _hive(gateway, token) as hive:
        return await hive.continue_(plan)


def _plan(written: Mapping[str, Any], name: str, repository: str | Path | None) -> Plan:
    call = Call(written, name)
    checkout = read_checkout(Path(repository or call.repository or "."))
    return call.plan(checkout.repository, checkout.file)


def _hive(gateway: str | None, token: str | None) -> Hive:
    if gateway is None or token is None:
        found = find_address()
        gateway, token = gateway or found.gateway, token or found.token
    return Hive(gateway, token)
