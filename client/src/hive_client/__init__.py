"""A typed client of Agent Hive.

    async with Hive("127.0.0.1:8001", token) as hive:
        launched = await hive.launch(plan)
        async for change in hive.watch(launched.name):
            ...

`deploy_agent({...})` and `continue_agent_mission({...})` are the original calls, for plain scripts.
"""

from hive_client.address import Address, find_address
from hive_client.answers import Arrived, Continued, Launched, Page
from hive_client.calls import (
    continue_agent_mission,
    continue_agent_mission_async,
    deploy_agent,
    deploy_agent_async,
)
from hive_client.errors import (
    Broken,
    HistoryChanged,
    HiveError,
    NotAllowed,
    NotFound,
    Refused,
    Unreachable,
)
from hive_client.hive import Hive
from hive_client.watched import Change

__all__ = [
    "Address",
    "Arrived",
    "Broken",
    "Change",
    "Continued",
    "HistoryChanged",
    "Hive",
    "HiveError",
    "Launched",
    "NotAllowed",
    "NotFound",
    "Page",
    "Refused",
    "Unreachable",
    "continue_agent_mission",
    "continue_agent_mission_async",
    "deploy_agent",
    "deploy_agent_async",
    "find_address",
]
