"""The names of streams and NATS subjects: the only module that builds and parses them.

stream      task-018f…                             category, "-", id; split at the first "-"
event       hive.events.task.018f….TaskLeased
command     hive.commands.orchestrator.submit      core request/reply
heartbeat   hive.heartbeats.gateway.018f…
hint        hive.hints.appended                    "look at the record", may be lost
            hive.hints.orders.<runner id>          "this runner's orders changed"
"""

from typing import Final, NamedTuple

EVENTS: Final = "hive.events.>"
HEARTBEATS: Final = "hive.heartbeats.>"
APPENDED: Final = "hive.hints.appended"
SUBMIT: Final = "hive.commands.orchestrator.submit"
RUNBOOK: Final = "hive.commands.orchestrator.runbook"
BEAT: Final = "hive.commands.orchestrator.beat"

DEADLINE_HEADER: Final = "Hive-Deadline-Ms"


class EventSubject(NamedTuple):
    category: str
    id: str
    type: str


class HeartbeatSubject(NamedTuple):
    service: str
    instance: str


def stream_name(category: str, id: str) -> str:
    return f"{category}-{id}"


def split_stream(stream: str) -> tuple[str, str]:
    """Category and id of a stream. Raises ValueError for a name without both."""
    category, dash, id = stream.partition("-")
    if not (category and dash and id):
        raise ValueError(f"{stream!r} is no stream name: expected category-id")
    return category, id


def event_subject(stream: str, type: str) -> str:
    category, id = split_stream(stream)
    return f"hive.events.{category}.{id}.{type}"


def parse_event_subject(subject: str) -> EventSubject:
    match subject.split("."):
        case ["hive", "events", category, id, type]:
            return EventSubject(category, id, type)
    raise ValueError(f"{subject!r} is no event subject: expected hive.events.category.id.Type")


def command_subject(service: str, name: str) -> str:
    return f"hive.commands.{service}.{name}"


def heartbeat_subject(service: str, instance: str) -> str:
    return f"hive.heartbeats.{service}.{instance}"


def parse_heartbeat_subject(subject: str) -> HeartbeatSubject:
    match subject.split("."):
        case ["hive", "heartbeats", service, instance]:
            return HeartbeatSubject(service, instance)
    raise ValueError(f"{subject!r} is no heartbeat subject")


def orders_hint(runner_id: str) -> str:
    return f"hive.hints.orders.{runner_id}"


def event_stream_name(log_id: str) -> str:
    """The JetStream stream that carries one history of the log."""
    return f"HIVE_EVENTS_{log_id[:8]}"
