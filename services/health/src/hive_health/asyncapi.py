"""Health's AsyncAPI document: `python -m hive_health.asyncapi` prints it."""

import sys

import msgspec

from hive_contracts.health import (
    ALIVE,
    BASELINES,
    METRICS,
    OBJECTIVES,
    Alive,
    AliveQuery,
    Baselines,
    BaselinesQuery,
    MetricsQuery,
    Objectives,
    ObjectivesQuery,
)
from hive_contracts.heartbeat import Heartbeat
from hive_contracts.incident_report import (
    INCIDENT,
    INCIDENTS,
    TELL_INCIDENT,
    IncidentQuery,
    IncidentReport,
    Incidents,
    IncidentsQuery,
    IncidentTold,
    TellIncident,
)
from hive_contracts.policy_report import (
    OVERRIDE_POLICY,
    POLICY,
    PolicyQuery,
    PolicyReport,
    PolicyTold,
    TellPolicy,
)
from hive_contracts.subjects import HEARTBEATS
from hive_health.edge import broker_for
from hive_health.health import Health
from hive_shared.asyncapi import Exchange, document
from hive_shared.clock import SystemClock


def health_document() -> dict[str, object]:
    exchanges = {
        HEARTBEATS: Exchange(Heartbeat),
        ALIVE: Exchange(AliveQuery, Alive),
        OBJECTIVES: Exchange(ObjectivesQuery, Objectives),
        BASELINES: Exchange(BaselinesQuery, Baselines),
        METRICS: Exchange(MetricsQuery, str),
        INCIDENTS: Exchange(IncidentsQuery, Incidents),
        INCIDENT: Exchange(IncidentQuery, IncidentReport),
        TELL_INCIDENT: Exchange(TellIncident, IncidentTold),
        POLICY: Exchange(PolicyQuery, PolicyReport),
        OVERRIDE_POLICY: Exchange(TellPolicy, PolicyTold),
    }
    broker = broker_for("nats://localhost:4222", Health(SystemClock()))
    return document(broker, "Agent Hive: health", exchanges)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(health_document())) + b"\n")
