"""Health's AsyncAPI document: `python -m hive_health.asyncapi` prints it."""

import sys

import msgspec

from hive_contracts.health import ALIVE, Alive, AliveQuery
from hive_contracts.heartbeat import Heartbeat
from hive_contracts.subjects import HEARTBEATS
from hive_health.edge import Health, broker_for
from hive_shared.asyncapi import Exchange, document
from hive_shared.clock import SystemClock


def health_document() -> dict[str, object]:
    exchanges = {
        HEARTBEATS: Exchange(Heartbeat),
        ALIVE: Exchange(AliveQuery, Alive),
    }
    broker = broker_for("nats://localhost:4222", Health(SystemClock()))
    return document(broker, "Agent Hive: health", exchanges)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(health_document())) + b"\n")
