"""Who is alive and what is wrong, as lines for people."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from hive_client.address import find_address
from hive_client.errors import HiveError
from hive_client.hive import Hive
from hive_contracts.v1 import operations_pb2
from hive_shared.settings import ClientSettings

PATIENCE: Final = 3.0
"""Seconds; a hive that does not answer by then is shown as unknown."""
_MARKS: Final = {"alive": "✓", "silent": "✗", "unknown": "?", "ended": "–"}


def ask(settings: ClientSettings) -> operations_pb2.HealthResponse:
    """What the hive says of its health; why it cannot be asked, where that is so."""
    try:
        found = find_address(settings)
        return asyncio.run(_asked(found.gateway, found.token))
    except HiveError as error:
        return operations_pb2.HealthResponse(trouble=f"the gateway does not answer: {error}")


async def _asked(gateway: str, token: str) -> operations_pb2.HealthResponse:
    async with Hive(gateway, token, patience=PATIENCE) as hive:
        return await hive.operations.health()


def is_whole(health: operations_pb2.HealthResponse) -> bool:
    """Whether each service has a process that is alive and ready."""
    if not health.HasField("report"):
        return False
    members = health.report.members
    services = {member.service for member in members}
    return services == {m.service for m in members if m.state == "alive" and m.ready}


def as_json(health: operations_pb2.HealthResponse) -> dict[str, Any]:
    return dict(MessageToDict(health, preserving_proto_field_name=True))


def lines(health: operations_pb2.HealthResponse) -> list[str]:
    """Services in one line, what of them is not well, runners, and what is wrong."""
    if not health.HasField("report"):
        remedy = [f"      {health.remedy}"] if health.remedy else []
        return [f"  health unknown: {health.trouble}", *remedy]
    report = health.report
    return [
        "  " + "  ".join(_services(report.members)),
        *(f"  {line}" for member in report.members if (line := _complaint(member))),
        *(f"  {_runner(runner)}" for runner in report.runners if runner.state != "ended"),
        *(f"  {line}" for line in capacity_lines(report.capacity)),
        *_symptoms(report.symptoms),
    ]


def _services(members: Iterable[operations_pb2.HealthMember]) -> list[str]:
    shown = []
    for service, group in groupby(members, lambda member: member.service):
        marks = "".join(_mark(member) for member in group)
        shown.append(f"{service} {marks}")
    return shown


def _mark(member: operations_pb2.HealthMember) -> str:
    if member.state == "alive" and not member.ready:
        return "✗"
    return _MARKS.get(member.state, "?")


def _complaint(member: operations_pb2.HealthMember) -> str:
    """What is not well with it; empty where it is ready."""
    if member.ready:
        return ""
    if not member.instance:
        return f"{member.service} is unknown: it was never heard"
    state = "not ready" if member.state == "alive" else member.state
    return f"{member.service} {member.instance[-8:]} is {state}: {member.reason}"


def _runner(runner: operations_pb2.RunnerMember) -> str:
    mark = "✗" if runner.state == "alive" and not runner.ready else _MARKS.get(runner.state, "?")
    at_work = f" {runner.working} of {runner.slots} at work" if runner.state == "alive" else ""
    agents = f" · {', '.join(runner.agents)}" if runner.agents else ""
    reason = f" · {runner.state}: {runner.reason}" if runner.reason else ""
    return f"runner {runner.name} {mark}{at_work}{agents}{reason}"


def capacity_lines(capacity: operations_pb2.Capacity) -> list[str]:
    """What tasks want of runners; nothing where none wants any."""
    if not capacity.HasField("runners_desired"):
        return []
    found = []
    if capacity.waiting or capacity.working or capacity.runners_desired > capacity.runners:
        waits = f"{capacity.waiting} waiting, {capacity.working} at work"
        found.append(f"runners wanted {capacity.runners_desired} · tasks {waits}")
    found += [
        f"{a.waiting} wait for {a.agent}, which no runner has that is heard"
        for a in capacity.agents
        if a.waiting and not a.served
    ]
    return found


def _symptoms(symptoms: Sequence[operations_pb2.Symptom]) -> list[str]:
    found = []
    for symptom in symptoms:
        found += [f"  ✗ {symptom.kind}: {symptom.text}", f"      {symptom.remedy}"]
    return found
