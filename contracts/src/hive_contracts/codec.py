"""Events to bytes and back, with upcasters, and a path for what this version does not know.

Writers call `decode`, which fails closed: to decide on a partial state is worse than to wait.
Projections and outside readers call `decode_known`, which answers None for an event that a newer
writer has added.
"""

from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec

from hive_contracts.capacity import AnyCapacityEvent, CapacityEvent
from hive_contracts.envelope import Recorded
from hive_contracts.github.check import AnyCheckEvent, CheckEvent
from hive_contracts.github.delivery import AnyDeliveryEvent, DeliveryEvent
from hive_contracts.github.issue import AnyIssueEvent, IssueEvent
from hive_contracts.github.pull_request import AnyPullRequestEvent, PullRequestEvent
from hive_contracts.github.repository import AnyRepositoryEvent, RepositoryEvent
from hive_contracts.incident import AnyIncidentEvent, IncidentEvent
from hive_contracts.mission import AnyMissionEvent, MissionEvent
from hive_contracts.policy import AnyPolicyEvent, PolicyEvent
from hive_contracts.runner import AnyRunnerEvent, RunnerEvent
from hive_contracts.subjects import split_stream, stream_name
from hive_contracts.task import AnyTaskEvent, TaskEvent

AnyGithubEvent = (
    AnyDeliveryEvent | AnyRepositoryEvent | AnyPullRequestEvent | AnyIssueEvent | AnyCheckEvent
)
AnyHealthEvent = AnyCapacityEvent | AnyIncidentEvent | AnyPolicyEvent
AnyEvent = AnyMissionEvent | AnyTaskEvent | AnyRunnerEvent | AnyGithubEvent | AnyHealthEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the JSON object of one schema version of an event into that of the next."""

UPCASTERS: Final[dict[tuple[str, str, int], Upcaster]] = {}
"""By category, type and the schema version that it starts from."""


class UnknownEvent(Exception):
    """An event of a type or schema that this version does not know: upgrade this service."""

    def __init__(self, stream: str, type: str, schema: int) -> None:
        super().__init__(
            f"{type} (schema {schema}) in {stream} is not known here: upgrade this service"
        )


_MEMBERS: Final[dict[str, Any]] = {
    "mission": AnyMissionEvent,
    "task": AnyTaskEvent,
    "runner": AnyRunnerEvent,
    "delivery": AnyDeliveryEvent,
    "repository": AnyRepositoryEvent,
    "pull_request": AnyPullRequestEvent,
    "issue": AnyIssueEvent,
    "check": AnyCheckEvent,
    "capacity": AnyCapacityEvent,
    "incident": AnyIncidentEvent,
    "policy": AnyPolicyEvent,
}
_TYPES: Final = {
    (category, member.__name__): member
    for category, union in _MEMBERS.items()
    for member in get_args(union) or (union,)
}
_DECODERS: Final = {key: msgspec.json.Decoder(member) for key, member in _TYPES.items()}
_ENCODER: Final = msgspec.json.Encoder()


def event_types() -> dict[tuple[str, str], type[msgspec.Struct]]:
    """Each event's struct by category and type."""
    return dict(_TYPES)


def stream_of(event: AnyEvent) -> str:
    """The stream that an event belongs to."""
    match event:
        case MissionEvent(mission_id=id):
            return stream_name("mission", id)
        case TaskEvent(task_id=id):
            return stream_name("task", id)
        case RunnerEvent(runner_id=id):
            return stream_name("runner", id)
        case DeliveryEvent(delivery_id=id):
            return stream_name("delivery", id)
        case RepositoryEvent(repository_id=id):
            return stream_name("repository", id)
        case PullRequestEvent(mission_id=id):
            return stream_name("pull_request", id)
        case IssueEvent(issue_id=id):
            return stream_name("issue", id)
        case CheckEvent(mission_id=id):
            return stream_name("check", id)
        case CapacityEvent(pool=id):
            return stream_name("capacity", id)
        case IncidentEvent(incident_id=id):
            return stream_name("incident", id)
        case PolicyEvent(policy_id=id):
            return stream_name("policy", id)
    raise TypeError(f"{type(event).__name__} is no event")


def encode(event: AnyEvent) -> bytes:
    return _ENCODER.encode(event)


def schema_of(category: str, type: str) -> int:
    """The schema version that this version of the code writes."""
    return 1 + max((v for c, t, v in UPCASTERS if (c, t) == (category, type)), default=0)


def decode(recorded: Recorded) -> AnyEvent:
    """The event in a record. Raises UnknownEvent; msgspec.ValidationError for damaged data."""
    category, _ = split_stream(recorded.stream)
    decoder = _DECODERS.get((category, recorded.type))
    current = schema_of(category, recorded.type)
    schema = recorded.meta.schema
    if decoder is None or schema > current:
        raise UnknownEvent(recorded.stream, recorded.type, schema)
    if schema == current:
        return decoder.decode(recorded.data)  # type: ignore[no-any-return]
    body = msgspec.json.decode(recorded.data)
    for version in range(schema, current):
        body = UPCASTERS[category, recorded.type, version](body)
    return msgspec.convert(body, _TYPES[category, recorded.type])  # type: ignore[no-any-return]


def decode_known(recorded: Recorded) -> AnyEvent | None:
    """The event in a record, or None where a newer writer wrote it."""
    try:
        return decode(recorded)
    except UnknownEvent:
        return None
