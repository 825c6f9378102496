"""Following a mission that asks a person: on a live screen, line by line, and for programs."""

import asyncio
import io
from collections.abc import AsyncIterator

import grpc
import pytest
from rich.console import Console

from hive_cli import follow
from hive_cli.exits import Exit
from hive_client import Hive
from hive_contracts.v1 import log_pb2, mission_pb2
from tests.component.cli.test_verbs import watch
from tests.component.client.fake_gateway import FakeGateway, begun, printed, serving
from tests.integration.runner.workshop import until

TASK = mission_pb2.TaskView(task_id="t", phase="build", name="api", status="awaiting-answer")
QUESTION = mission_pb2.PendingQuestion(
    task_id="t", id="q", text="Which one?\nLeft \x1b[2Jor right?"
)
MAY = mission_pb2.PendingQuestion(
    task_id="t", id="q", text="May I run: git push", options=["allow", "deny"], at_work=True
)
ASKS = "  ? build/api asks: Which one?"
ANSWER = 'hive answer make-it-1/build/api "…"'


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with serving() as fake:
        yield fake


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person saw, the frames of a live screen one after the other."""
    shown = io.StringIO()
    made = Console(file=shown, force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(follow, "console", lambda: made)
    return shown


async def followed(gateway: FakeGateway, *, wait: bool, as_json: bool = False) -> Exit:
    async with Hive(gateway.address, "secret") as hive:
        return await follow.follow(hive, "make-it-1", 1, as_json=as_json, wait=wait)


def waiting(question: mission_pb2.PendingQuestion = QUESTION) -> mission_pb2.WatchResponse:
    return watch("waiting", tasks=[TASK], questions=[question])


async def test_a_live_screen_shows_the_question_and_goes_on_once_it_is_answered(
    gateway: FakeGateway, terminal: io.StringIO
) -> None:
    answered = asyncio.Event()
    gateway.streams = [[watch("running", 7), waiting(), answered, watch("succeeded", 10)]]
    following = asyncio.ensure_future(followed(gateway, wait=True))
    await until(lambda: ANSWER in terminal.getvalue())
    assert not following.done()
    answered.set()
    assert await following is Exit.SUCCESS
    frames = terminal.getvalue()
    assert ASKS in frames
    assert "\x1b[2Jor" not in frames  # an agent does not drive the terminal
    assert "✓ succeeded" in frames.rpartition(ANSWER)[2]


async def test_a_live_screen_that_does_not_wait_ends_with_the_command_that_answers(
    gateway: FakeGateway, terminal: io.StringIO
) -> None:
    gateway.streams = [[watch("running", 7), waiting(), watch("succeeded", 10)]]
    assert await followed(gateway, wait=False) is Exit.WAITING
    end = terminal.getvalue().rpartition("waiting for a person: hive mission show make-it-1")[2]
    assert ASKS in end
    assert ANSWER in end


async def test_a_question_at_work_offers_the_answers_that_there_are(
    gateway: FakeGateway, terminal: io.StringIO
) -> None:
    gateway.streams = [[waiting(MAY)]]
    assert await followed(gateway, wait=False) is Exit.WAITING
    assert "hive answer make-it-1/build/api allow|deny" in terminal.getvalue()


async def test_where_no_terminal_is_it_ends_at_the_question(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.streams = [[watch("running", 7), waiting(), watch("succeeded", 10)]]
    assert await followed(gateway, wait=True) is Exit.WAITING
    said = capsys.readouterr().out
    assert "? build/api: awaiting-answer" in said
    assert said.rstrip().endswith(ANSWER)


def at_work(epoch: int = 1) -> mission_pb2.WatchResponse:
    task = mission_pb2.TaskView(
        task_id="t", phase="build", name="api", status="running", kind="work",
        epoch=epoch, attempt=epoch, attempts=2,
    )  # fmt: skip
    return watch("running", 7 + epoch, tasks=[task])


async def test_a_live_screen_shows_what_an_agent_does_as_it_prints_it(
    gateway: FakeGateway, terminal: io.StringIO
) -> None:
    goes_on, over, again = asyncio.Event(), asyncio.Event(), asyncio.Event()
    gateway.streams = [[at_work(), over, at_work(2), again, watch("succeeded", 10)]]
    first = [begun(1), printed(1, 0, b"reading a.py\n"), goes_on, printed(1, 13, b"editing b.py\n")]
    never = asyncio.Event()
    gateway.logs = {"t": [[*first, never], [begun(2), printed(2, 0, b"once more\n"), never]]}
    following = asyncio.ensure_future(followed(gateway, wait=True))
    await until(lambda: "attempt 1 of 2, reading a.py" in terminal.getvalue())
    goes_on.set()
    await until(lambda: "attempt 1 of 2, editing b.py" in terminal.getvalue())
    over.set()
    await until(lambda: "attempt 2 of 2, once more" in terminal.getvalue())
    again.set()
    assert await following is Exit.SUCCESS
    asked = [request for request in gateway.asked if isinstance(request, log_pb2.LogsRequest)]
    assert [(each.task_id, each.from_epoch, each.follow) for each in asked] == [
        ("t", 1, True), ("t", 2, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answers",
    [
        [begun(1), log_pb2.LogsResponse(epoch=1, note="no live output (no Redis is set)")],
        [grpc.StatusCode.PERMISSION_DENIED],
        [grpc.StatusCode.INTERNAL],
    ],
    ids=["no Redis", "not allowed", "broken"],
)
async def test_without_live_output_the_screen_goes_on_as_it_would(
    gateway: FakeGateway, terminal: io.StringIO, answers: list[object]
) -> None:
    seen = asyncio.Event()
    gateway.streams = [[at_work(), seen, watch("succeeded", 10)]]
    gateway.logs = {"t": [answers]}
    following = asyncio.ensure_future(followed(gateway, wait=True))
    await until(lambda: not gateway.logs["t"] and "attempt 1 of 2" in terminal.getvalue())
    seen.set()
    assert await following is Exit.SUCCESS
    assert "✓ succeeded" in terminal.getvalue()
