"""A hive as its users call it: missions, events, artifacts, operations."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from hive_client.answers import Arrived, Continued, Launched, Page, Retried, TakenTask, Told
from hive_client.connection import Connection, new_id
from hive_client.errors import Broken, HiveError, from_problem
from hive_client.given import TRANSFER_SECONDS, Given, given_request, pieces, ref_of
from hive_client.logged import Logged
from hive_client.on_github import OnGithub
from hive_client.operations import Operations
from hive_client.recorded import recorded
from hive_client.watched import Change, Watched
from hive_contracts import wire
from hive_contracts.budget import Budget
from hive_contracts.plan import ArtifactRef, Plan
from hive_contracts.v1 import (
    event_pb2,
    event_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
    mission_pb2,
    mission_pb2_grpc,
    plan_pb2,
    runner_pb2,
    runner_pb2_grpc,
)

ENDED: Final = frozenset({"succeeded", "failed", "refused", "cancelled"})
"""Statuses in which a mission stays."""
BATCH: Final = 64
"""Launches that travel in one call."""


class Hive:
    """One gateway. An async context manager; every method raises HiveError.

    Methods that change something take a `command_id`: with the same id the change is made once,
    however often it is asked for. Without one they make a fresh one and keep it over their own
    tries.
    """

    def __init__(
        self, address: str, token: str, *, patience: float = 30, traceparent: str = ""
    ) -> None:
        """`address`: host and port of the gateway's gRPC door; of several with commas between.

        `patience`: seconds for which a gateway that has answered once is tried again.
        `traceparent`: the W3C trace context that calls belong to.
        """
        self._connection = Connection(address, token, patience=patience, traceparent=traceparent)
        channel = self._connection.channel
        self._missions: Any = mission_pb2_grpc.MissionServiceStub(channel)
        self._events: Any = event_pb2_grpc.EventServiceStub(channel)
        self._logs: Any = log_pb2_grpc.LogServiceStub(channel)
        self._runners: Any = runner_pb2_grpc.RunnerServiceStub(channel)
        self.github = OnGithub(self._connection)
        self.operations = Operations(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    # Missions

    async def launch(self, plan: Plan, *, command_id: str | None = None) -> Launched:
        answer = await self._call(self._missions.Launch, _launch(plan, command_id))
        return _launched(answer)

    async def launch_many(
        self, plans: Sequence[Plan], *, command_ids: Sequence[str] | None = None
    ) -> list[Launched | HiveError]:
        """An answer for each plan, in order: launches do not depend on each other."""
        ids = command_ids if command_ids is not None else [new_id() for _ in plans]
        requests = [_launch(plan, id) for plan, id in zip(plans, ids, strict=True)]
        answers: list[Launched | HiveError] = []
        for start in range(0, len(requests), BATCH):
            request = mission_pb2.LaunchManyRequest(launches=requests[start : start + BATCH])
            answer = await self._call(self._missions.LaunchMany, request)
            answers += [_outcome(outcome) for outcome in answer.outcomes]
        if len(answers) != len(requests):
            raise Broken(f"{len(answers)} answers to {len(requests)} launches", code="broken")
        return answers

    async def continue_(self, plan: Plan, *, command_id: str | None = None) -> Continued:
        """Add the plan's phases to the newest open mission of its type, or launch it."""
        request = mission_pb2.ContinueRequest(
            command_id=command_id or new_id(), plan=wire.to_proto(plan, plan_pb2.Plan)
        )
        answer = await self._call(self._missions.Continue, request)
        return Continued(answer.mission_id, answer.name, answer.position, answer.continued)

    async def get(self, mission: str, *, at_least_position: int = 0) -> mission_pb2.Mission:
        """A mission by its id or short name."""
        request = mission_pb2.GetRequest(mission=mission, at_least_position=at_least_position)
        answer: mission_pb2.GetResponse = await self._call(self._missions.Get, request)
        return answer.mission

    async def list(
        self,
        statuses: Sequence[str] = (),
        *,
        limit: int = 0,
        page_token: str = "",
        at_least_position: int = 0,
    ) -> mission_pb2.ListResponse:
        """A page of missions, newest first."""
        request = mission_pb2.ListRequest(
            statuses=statuses,
            limit=limit,
            page_token=page_token,
            at_least_position=at_least_position,
        )
        answer: mission_pb2.ListResponse = await self._call(self._missions.List, request)
        return answer

    async def watch(self, mission: str, *, at_least_position: int = 0) -> AsyncIterator[Change]:
        """The mission as it stands, then after each change, until it has ended.

        Over a break of the connection no state goes back and none is shown twice; changes that
        happened meanwhile come as one state, without their events.
        """
        seen, watched = at_least_position, Watched()
        first = True

        def request() -> mission_pb2.WatchRequest:
            return mission_pb2.WatchRequest(mission=mission, at_least_position=seen)

        async for answer in self._connection.resumed(self._missions.Watch, request, ends=False):
            ended = answer.mission.summary.status in ENDED
            if first or ended or answer.position > seen:
                first = False
                seen = max(seen, answer.position)
                yield watched.take(answer)
            if ended:
                return

    async def cancel(self, mission: str, reason: str = "", *, command_id: str | None = None) -> int:
        """Answers the position of the change."""
        request = mission_pb2.CancelRequest(
            command_id=command_id or new_id(), mission=mission, reason=reason
        )
        return int((await self._call(self._missions.Cancel, request)).position)

    async def record_landing(
        self, mission: str, commit: str, branch: str, *, command_id: str | None = None
    ) -> int:
        """Say that a mission's tip is in a branch. Answers the position of the change."""
        request = mission_pb2.RecordLandingRequest(
            command_id=command_id or new_id(), mission=mission, commit=commit, branch=branch
        )
        return int((await self._call(self._missions.RecordLanding, request)).position)

    async def discard(
        self, mission: str, reason: str = "", *, command_id: str | None = None
    ) -> int:
        """Say that an ended mission's work may go. Answers the position of the change."""
        request = mission_pb2.DiscardRequest(
            command_id=command_id or new_id(), mission=mission, reason=reason
        )
        return int((await self._call(self._missions.Discard, request)).position)

    async def pause(
        self, mission: str, reason: str = "", *, now: bool = False, command_id: str | None = None
    ) -> int:
        """`now` stops what is at work, as nobody's fault. Answers the position of the change."""
        request = mission_pb2.PauseRequest(
            command_id=command_id or new_id(), mission=mission, reason=reason, now=now
        )
        return int((await self._call(self._missions.Pause, request)).position)

    async def resume(
        self, mission: str, add: Budget | None = None, *, command_id: str | None = None
    ) -> int:
        """`add` is what each cap is raised by first. Answers the position of the change."""
        request = mission_pb2.ResumeRequest(
            command_id=command_id or new_id(),
            mission=mission,
            add=None if add is None else wire.to_proto(add, plan_pb2.Budget),
        )
        return int((await self._call(self._missions.Resume, request)).position)

    async def raise_budget(
        self, mission: str, add: Budget, *, command_id: str | None = None
    ) -> int:
        """A mission that is paused at a cap that is raised goes on. Answers the position."""
        request = mission_pb2.RaiseBudgetRequest(
            command_id=command_id or new_id(),
            mission=mission,
            add=wire.to_proto(add, plan_pb2.Budget),
        )
        return int((await self._call(self._missions.RaiseBudget, request)).position)

    async def approve(
        self, mission: str, gate: str = "", note: str = "", *, command_id: str | None = None
    ) -> int:
        """`gate` may be empty where only one waits. Answers the position of the change."""
        request = mission_pb2.ApproveRequest(
            command_id=command_id or new_id(), mission=mission, gate=gate, note=note
        )
        return int((await self._call(self._missions.Approve, request)).position)

    async def reject(
        self, mission: str, gate: str = "", note: str = "", *, command_id: str | None = None
    ) -> int:
        """`gate` may be empty where only one waits. Answers the position of the change."""
        request = mission_pb2.RejectRequest(
            command_id=command_id or new_id(), mission=mission, gate=gate, note=note
        )
        return int((await self._call(self._missions.Reject, request)).position)

    async def retry(
        self, mission: str, *, failed: bool = False, command_id: str | None = None
    ) -> Retried:
        """Launch the plan of a mission that has ended once more, from the same base.

        With `failed` only its failed tasks and what they held up, on top of what was merged.
        Raises Refused where no task has failed.
        """
        request = mission_pb2.RetryRequest(
            command_id=command_id or new_id(), mission=mission, failed=failed
        )
        answer = await self._call(self._missions.Retry, request)
        return Retried(
            answer.mission_id, answer.name, int(answer.position),
            tuple(answer.failed), tuple(answer.undone), answer.start,
        )  # fmt: skip

    async def tell(
        self, mission: str, text: str, task: str = "", *, command_id: str | None = None
    ) -> Told:
        """A hint for a task's next attempts; `task` may be empty where only one is open."""
        request = mission_pb2.TellRequest(
            command_id=command_id or new_id(), mission=mission, task=task, text=text
        )
        answer = await self._call(self._missions.Tell, request)
        return Told(int(answer.position), answer.task)

    async def take(
        self, mission: str, task: str = "", *, command_id: str | None = None
    ) -> TakenTask:
        """End the turn of a task's agent, and have the task; `task` may be empty where only one is
        open. What the agent left comes into the task's view, as `taken`.
        """
        request = mission_pb2.TakeRequest(
            command_id=command_id or new_id(), mission=mission, task=task
        )
        answer = await self._call(self._missions.Take, request)
        return TakenTask(int(answer.position), answer.task, answer.task_id)

    async def give(
        self, mission: str, task: str = "", work: Given | None = None,
        *, command_id: str | None = None,
    ) -> Told:  # fmt: skip
        """Hand a taken task back; without `work` as the next attempt would begin anyway."""
        request = given_request(command_id or new_id(), mission, task, work or Given())
        answer = await self._call(self._missions.Give, request)
        return Told(int(answer.position), answer.task)

    async def answer(
        self,
        mission: str,
        text: str,
        task: str = "",
        *,
        question: str = "",
        command_id: str | None = None,
    ) -> Told:
        """To what an agent asks; `task` may be empty where only one asks."""
        request = mission_pb2.AnswerRequest(
            command_id=command_id or new_id(),
            mission=mission,
            task=task,
            text=text,
            question=question,
        )
        answer = await self._call(self._missions.Answer, request)
        return Told(int(answer.position), answer.task)

    # Events

    async def read(
        self, filter: event_pb2.EventFilter | None = None, *, after: int = 0, limit: int = 0
    ) -> Page:
        """A page of the record."""
        request = event_pb2.ReadRequest(filter=filter, after=after, limit=limit)
        answer = await self._call(self._events.Read, request)
        events = tuple(recorded(event) for event in answer.events)
        return Page(events, answer.next, answer.head, answer.log_id)

    async def subscribe(
        self,
        filter: event_pb2.EventFilter | None = None,
        *,
        after: int | None = None,
        resume_token: str = "",
    ) -> AsyncIterator[Arrived]:
        """Events after a position (or a token), then those to come, each once and in order.

        With neither only what is recorded from now on. Resumes by itself where it was broken.
        Raises HistoryChanged where the token belongs to another history.
        """
        token, seen = resume_token, after or 0

        def request() -> event_pb2.SubscribeRequest:
            asked = event_pb2.SubscribeRequest(filter=filter, resume_token=token)
            if not token and after is None:
                asked.live = True
            elif not token:
                asked.after = seen
            return asked

        stream = self._connection.resumed(self._events.Subscribe, request, ends=False)
        async for answer in stream:
            token = answer.resume_token or token
            if answer.HasField("event") and answer.event.position > seen:
                seen = answer.event.position
                yield Arrived(recorded(answer.event), token, answer.log_id, answer.head)

    # Output

    async def logs(
        self, task_id: str, *, attempt: int = 0, follow: bool = False, from_epoch: int = 0
    ) -> AsyncIterator[log_pb2.LogsResponse]:
        """What a task's commands print: what there is, then with `follow` what comes.

        `attempt` (from 1) asks for that one alone. With `follow` it ends with the task. Bytes come
        once each and in order, except those marked `late`, which fill a gap that was told before;
        over a break of the connection too.
        """
        logged = Logged()
        logged.from_epoch = from_epoch

        def request() -> log_pb2.LogsRequest:
            return log_pb2.LogsRequest(
                task_id=task_id, attempt=attempt, follow=follow, from_epoch=logged.from_epoch
            )

        async for answer in self._connection.resumed(self._logs.Logs, request, ends=True):
            for fresh in logged.take(answer):
                yield fresh

    # Artifacts

    async def fetch(self, digest: str, into: IO[bytes]) -> int:
        """Write an artifact to a file that can be truncated, and answer its size in bytes.

        Raises Broken where what arrived is not that artifact.
        """
        request = runner_pb2.GetArtifactRequest(digest=digest)
        sha256 = hashlib.sha256()

        def begin() -> runner_pb2.GetArtifactRequest:
            # A broken download begins again: pieces have no place to resume from.
            nonlocal sha256
            sha256 = hashlib.sha256()
            into.seek(0)
            into.truncate()
            return request

        stream = self._connection.resumed(self._runners.GetArtifact, begin, ends=True)
        async for answer in stream:
            sha256.update(answer.piece)
            into.write(answer.piece)
        if sha256.hexdigest() != digest:
            raise Broken(f"artifact {digest} arrived damaged", code="damaged", remedy="try again")
        return into.tell()

    async def put(self, path: Path) -> ArtifactRef:
        """Hand in a file as an artifact. Raises OSError where it cannot be read."""
        ref = ref_of(path)

        def begin(request: ArtifactRef, **options: Any) -> Any:
            return self._runners.PutArtifact(pieces(path, request), **options)

        await self._call(begin, ref, seconds=TRANSFER_SECONDS)
        return ref

    async def _call(self, method: Any, request: Any, seconds: float = 10) -> Any:
        return await self._connection.call(method, request, seconds=seconds)


def _launch(plan: Plan, command_id: str | None) -> mission_pb2.LaunchRequest:
    return mission_pb2.LaunchRequest(
        command_id=command_id or new_id(), plan=wire.to_proto(plan, plan_pb2.Plan)
    )


def _launched(answer: mission_pb2.LaunchResponse) -> Launched:
    return Launched(answer.mission_id, answer.name, answer.position, answer.repeated_command)


def _outcome(outcome: mission_pb2.LaunchOutcome) -> Launched | HiveError:
    if outcome.HasField("problem"):
        return from_problem(outcome.problem)
    return _launched(outcome.launched)
