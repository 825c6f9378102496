import hashlib
import io
from collections.abc import AsyncIterator

import grpc
import pytest

from hive_client.answers import Launched
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
from hive_contracts.ids import is_id
from hive_contracts.plan import Phase, Plan, TaskSpec
from hive_contracts.v1 import event_pb2, mission_pb2
from tests.component.client.fake_gateway import (
    FakeGateway,
    arrival,
    begun,
    ended,
    missing,
    piece,
    printed,
    serving,
    state,
)

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def plan(name: str = "fix") -> Plan:
    return Plan(name, (Phase("work", tasks=(TaskSpec("work", run="true"),)),))


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with serving() as fake:
        yield fake


@pytest.fixture
async def hive(gateway: FakeGateway) -> AsyncIterator[Hive]:
    async with Hive(gateway.address, "secret") as connected:
        yield connected


async def test_a_launch_carries_the_token_and_a_fresh_command_id(
    hive: Hive, gateway: FakeGateway
) -> None:
    launched = await hive.launch(plan())
    assert launched == Launched(gateway.asked[0].command_id, "fix-1", 7)
    assert is_id(gateway.asked[0].command_id)
    assert gateway.tokens == ["Bearer secret"]


async def test_a_launch_is_sent_again_under_the_same_command_id(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.failures = [UNAVAILABLE, UNAVAILABLE]
    await hive.launch(plan())
    assert len(gateway.asked) == 3
    assert len({request.command_id for request in gateway.asked}) == 1


async def test_many_launches_travel_in_batches_and_are_answered_one_by_one(
    hive: Hive, gateway: FakeGateway
) -> None:
    plans = [plan("bad" if n == 70 else f"m{n}") for n in range(100)]
    answers = await hive.launch_many(plans)
    assert [len(request.launches) for request in gateway.asked] == [64, 36]
    assert len(answers) == 100
    refused = answers[70]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.where) == ("invalid", "name")
    assert all(isinstance(a, Launched) for n, a in enumerate(answers) if n != 70)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "invalid", Refused),
        (grpc.StatusCode.FAILED_PRECONDITION, "no-command", Refused),
        (grpc.StatusCode.NOT_FOUND, "not-found", NotFound),
        (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated", NotAllowed),
        (grpc.StatusCode.DATA_LOSS, "damaged", Broken),
    ],
)
async def test_a_refusal_says_what_where_and_what_to_do(
    hive: Hive, gateway: FakeGateway, status: grpc.StatusCode, reason: str, kind: type[HiveError]
) -> None:
    gateway.refuse(status, reason, "no", where="phases.a", remedy="change it", more="7")
    with pytest.raises(HiveError) as caught:
        await hive.launch(plan())
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.message, error.where) == (reason, "no", "phases.a")
    assert (error.remedy, error.facts) == ("change it", {"more": "7"})
    assert len(gateway.asked) == 1


async def test_a_gateway_that_is_not_there_is_named_with_the_remedy() -> None:
    async with Hive("127.0.0.1:1", "secret") as hive:
        with pytest.raises(Unreachable, match=r"127.0.0.1:1: no answer .*hive up"):
            await hive.get("fix-1")


async def test_a_watch_goes_on_over_breaks_and_never_goes_back(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.streams = [
        [state(3, "running"), state(5, "running"), UNAVAILABLE],
        [state(4, "running"), state(5, "running")],
        [state(9, "waiting"), state(11, "succeeded"), state(12, "succeeded")],
    ]
    seen = [answer.position async for answer in hive.watch("fix-1")]
    assert seen == [3, 5, 9, 11]
    assert [request.at_least_position for request in gateway.asked] == [0, 5, 5]


async def test_a_watch_keeps_the_whole_mission_from_messages_about_single_tasks(
    hive: Hive, gateway: FakeGateway
) -> None:
    def about(position: int, status: str, *tasks: tuple[str, str]) -> mission_pb2.WatchResponse:
        message = state(position, status)
        message.event.position = position
        for name, task_status in tasks:
            message.mission.tasks.add(task_id=name, status=task_status)
        return message

    first = state(3, "running")
    first.mission.tasks.add(task_id="a", status="running")
    first.mission.unmet_prerequisites.append("other")
    gateway.streams = [
        [first, about(4, "running", ("b", "queued")), about(5, "succeeded", ("a", "succeeded"))]
    ]
    seen = []
    async for change in hive.watch("fix-1"):
        tasks = {task.task_id: task.status for task in change.mission.tasks}
        seen.append((tasks, [task.task_id for task in change.tasks]))
        last = change
    assert seen == [
        ({"a": "running"}, ["a"]),
        ({"a": "running", "b": "queued"}, ["b"]),
        ({"a": "succeeded", "b": "queued"}, ["a"]),
    ]
    assert last.mission.summary.status == "succeeded"
    assert list(last.mission.unmet_prerequisites) == []
    assert last.event is not None
    assert last.event.position == 5


async def test_a_subscription_resumes_by_its_token_without_loss_or_repetition(
    hive: Hive, gateway: FakeGateway
) -> None:
    moved = event_pb2.SubscribeResponse(resume_token="token-30", log_id="l")
    gateway.streams = [
        [arrival(8), arrival(9), UNAVAILABLE],
        [arrival(9), arrival(12), moved, grpc.StatusCode.RESOURCE_EXHAUSTED],
        [arrival(31), UNAVAILABLE],
    ]
    positions: list[int] = []
    async for arrived in hive.subscribe(event_pb2.EventFilter(mission="fix-1"), after=7):
        positions.append(arrived.event.position)
        if arrived.event.position == 31:
            break
    assert positions == [8, 9, 12, 31]
    first, *later = gateway.asked
    assert (first.after, first.resume_token) == (7, "")
    assert [request.resume_token for request in later] == ["token-9", "token-30"]
    assert all(request.filter.mission == "fix-1" for request in gateway.asked)


async def test_a_subscription_without_a_place_is_live(hive: Hive, gateway: FakeGateway) -> None:
    gateway.streams = [[arrival(8)]]
    async for _ in hive.subscribe():
        break
    assert gateway.asked[0].live


async def test_a_token_of_another_history_is_an_error_of_its_own(
    hive: Hive, gateway: FakeGateway
) -> None:
    status = grpc.StatusCode.FAILED_PRECONDITION
    gateway.refuse(status, "other-history", "restored", head="12")
    with pytest.raises(HistoryChanged) as caught:
        async for _ in hive.subscribe(resume_token="old"):
            pass
    assert caught.value.facts == {"head": "12"}


async def test_an_artifact_that_breaks_off_is_fetched_from_its_beginning(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.streams = [[piece(b"abc"), UNAVAILABLE], [piece(b"abc"), piece(b"def")]]
    into = io.BytesIO()
    assert await hive.fetch(hashlib.sha256(b"abcdef").hexdigest(), into) == 6
    assert into.getvalue() == b"abcdef"


async def test_an_artifact_that_is_not_its_digest_s_is_refused(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.streams = [[piece(b"abc")]]
    with pytest.raises(Broken, match="damaged"):
        await hive.fetch("0" * 64, io.BytesIO())


async def test_a_log_goes_on_over_breaks_with_each_byte_once(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.logs["t"] = [
        [begun(1), printed(1, 0, b"one"), ended(1), begun(2), printed(2, 0, b"ab"), UNAVAILABLE],
        # Another gateway lacks the beginning, and has more of the end.
        [begun(2), missing(2, 0, 1), printed(2, 1, b"bcd"), UNAVAILABLE],
        [begun(2), missing(2, 0, 6), printed(2, 6, b"gh"), UNAVAILABLE],
        [begun(2), printed(2, 0, b"abcdefgh"), ended(2)],
    ]
    told = [answer async for answer in hive.logs("t", follow=True)]
    assert [request.from_epoch for request in gateway.asked] == [0, 2, 2, 2]
    assert [(answer.epoch, answer.WhichOneof("said")) for answer in told] == [
        (1, "begun"), (1, "piece"), (1, "ended"),
        (2, "begun"), (2, "piece"), (2, "piece"), (2, "gap"), (2, "piece"), (2, "piece"),
        (2, "ended"),
    ]  # fmt: skip
    pieces = [answer.piece for answer in told if answer.HasField("piece") and answer.epoch == 2]
    assert [(piece.offset, piece.piece, piece.late) for piece in pieces] == [
        (0, b"ab", False),
        (2, b"cd", False),
        (6, b"gh", False),
        (4, b"ef", True),
    ]
