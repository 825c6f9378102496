# ruff: noqa: N802  # methods are named by the interface
"""MissionService: commands go to the orchestrator, reads to the gateway's own views."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import nullcontext
from typing import Any, Final

from grpc import aio

from hive_contracts.again import origin_of, plan_again
from hive_contracts.budget import Budget
from hive_contracts.codec import AnyEvent, decode_known
from hive_contracts.ids import is_commit, is_id
from hive_contracts.mission import (
    CancelMission,
    ExtendMission,
    LaunchMission,
    PauseMission,
    RaiseBudget,
    RecordLanding,
    ReleaseMission,
    ResumeMission,
)
from hive_contracts.plan import ArtifactRef, Plan
from hive_contracts.subjects import stream_name
from hive_contracts.submit import Accepted, Submission, Submittable
from hive_contracts.task import (
    AnswerQuestion,
    ApproveGate,
    GiveTask,
    RejectGate,
    TakeTask,
    TellTask,
)
from hive_contracts.v1 import mission_pb2, mission_pb2_grpc, plan_pb2
from hive_contracts.wire import Misfit, from_proto
from hive_gateway.answers import choose_asking
from hive_gateway.approvals import Asked, choose
from hive_gateway.door import Call, current_call
from hive_gateway.launching import (
    check_agents,
    check_command_id,
    check_judges,
    names_agents,
    needs_github,
    plan_of,
)
from hive_gateway.naming import choose_open
from hive_gateway.refusals import Refusal
from hive_gateway.retrying import left_of, tell_left
from hive_gateway.submitter import Submitter
from hive_gateway.traced import call_span
from hive_gateway.views.messages import mission_message, summary_message
from hive_gateway.views.reader import ViewsReader
from hive_gateway.views.rows import MISSION_STATUSES, TaskRow
from hive_gateway.watching import Watchers
from hive_shared.eventstore.port import EventStore
from hive_shared.profiles import Profile
from hive_shared.telemetry import current

MAX_LAUNCHES: Final = 256
"""Launches in one LaunchMany."""
_SERVICE: Final = "hive.v1.MissionService"
MAX_LISTED: Final = 500

Context = aio.ServicerContext[Any, Any]


class Missions(mission_pb2_grpc.MissionServiceServicer):
    def __init__(
        self,
        submitter: Submitter,
        views: ViewsReader,
        watchers: Watchers,
        store: EventStore,
        profiles: Mapping[str, Profile],
        judges: Callable[[], Collection[str]],
        github: Callable[[str], Awaitable[None]],
    ) -> None:
        """`judges` tells the names and roles of those who can answer a gate. `github` raises
        Refusal where GitHub cannot be had for what it is given."""
        self._submitter = submitter
        self._views = views
        self._watchers = watchers
        self._store = store
        self._profiles = profiles
        self._judges = judges
        self._github = github

    # --- commands

    async def Launch(
        self, request: mission_pb2.LaunchRequest, context: Context
    ) -> mission_pb2.LaunchResponse:
        return await self._launch(request, current_call())

    async def LaunchMany(
        self, request: mission_pb2.LaunchManyRequest, context: Context
    ) -> mission_pb2.LaunchManyResponse:
        if len(request.launches) > MAX_LAUNCHES:
            raise Refusal(
                "invalid", f"{len(request.launches)} launches, {MAX_LAUNCHES} at most", "launches"
            )
        call = current_call()
        outcomes = await asyncio.gather(
            *(self._outcome(launch, call) for launch in request.launches)
        )
        return mission_pb2.LaunchManyResponse(outcomes=outcomes)

    async def _outcome(
        self, launch: mission_pb2.LaunchRequest, call: Call
    ) -> mission_pb2.LaunchOutcome:
        try:
            return mission_pb2.LaunchOutcome(launched=await self._launch(launch, call))
        except Refusal as refusal:
            return mission_pb2.LaunchOutcome(problem=refusal.problem())

    async def _launch(
        self, request: mission_pb2.LaunchRequest, call: Call
    ) -> mission_pb2.LaunchResponse:
        check_command_id(request.command_id)
        command = LaunchMission("", await self._plan(request.plan))
        accepted = await self._submit("Launch", request.command_id, command, call)
        return mission_pb2.LaunchResponse(
            mission_id=accepted.id,
            name=accepted.name,
            position=accepted.position,
            repeated_command=accepted.repeated,
        )

    async def Continue(
        self, request: mission_pb2.ContinueRequest, context: Context
    ) -> mission_pb2.ContinueResponse:
        call = current_call()
        check_command_id(request.command_id)
        plan = await self._plan(request.plan)
        if not plan.type:
            raise Refusal("invalid", "plan.type says which mission to continue", "plan.type")
        await self._catch_up()
        launch = LaunchMission("", plan)
        open_id = await self._to_continue(request.command_id, plan.type)
        accepted, continued = None, False
        if open_id is not None:
            extend = ExtendMission(open_id, plan.phases)
            try:
                accepted = await self._submit("Continue", request.command_id, extend, call)
                continued = True
            except Refusal as refusal:
                # It ended a moment ago: then there is none to continue.
                if refusal.code != "conflict":
                    raise
        if accepted is None:
            accepted = await self._submit("Continue", request.command_id, launch, call)
        return mission_pb2.ContinueResponse(
            mission_id=accepted.id,
            name=accepted.name,
            position=accepted.position,
            continued=continued,
        )

    async def _plan(self, message: plan_pb2.Plan) -> Plan:
        """Raises Refusal where nobody could do its work."""
        return await self._runnable(plan_of(message, self._profiles))

    async def _runnable(self, plan: Plan) -> Plan:
        """The plan, if there is who can do and judge it. Raises Refusal."""
        check_judges(plan, self._judges())
        if what := needs_github(plan):
            await self._github(what)
        if names_agents(plan):
            runners = await self._views.runners()
            connected = [runner.agents for runner in runners if runner.status == "connected"]
            check_agents(plan, self._profiles, connected)
        return plan

    async def _to_continue(self, command_id: str, agent_type: str) -> str | None:
        """The mission to add to; None launches one. A repeated command means what it meant."""
        if (extended := await self._views.extended_by(command_id)) is not None:
            launched_it = await self._views.launched_by(command_id)
            return None if launched_it is not None else extended.mission_id
        newest = await self._views.newest_open(agent_type)
        return None if newest is None else newest.mission_id

    async def Cancel(
        self, request: mission_pb2.CancelRequest, context: Context
    ) -> mission_pb2.CancelResponse:
        check_command_id(request.command_id)
        command = CancelMission(await self._mission_id(request.mission), request.reason)
        accepted = await self._submit("Cancel", request.command_id, command, current_call())
        return mission_pb2.CancelResponse(position=accepted.position)

    async def RecordLanding(
        self, request: mission_pb2.RecordLandingRequest, context: Context
    ) -> mission_pb2.RecordLandingResponse:
        call = current_call()
        check_command_id(request.command_id)
        if not is_commit(request.commit):
            raise Refusal("invalid", f"{request.commit[:80]!r} is no commit", "commit")
        id = await self._mission_id(request.mission)
        command = RecordLanding(id, request.commit, request.branch, call.caller.actor)
        accepted = await self._submit("RecordLanding", request.command_id, command, call)
        return mission_pb2.RecordLandingResponse(position=accepted.position)

    async def Discard(
        self, request: mission_pb2.DiscardRequest, context: Context
    ) -> mission_pb2.DiscardResponse:
        call = current_call()
        check_command_id(request.command_id)
        id = await self._mission_id(request.mission)
        command = ReleaseMission(id, call.caller.actor, request.reason)
        accepted = await self._submit("Discard", request.command_id, command, call)
        return mission_pb2.DiscardResponse(position=accepted.position)

    async def Pause(
        self, request: mission_pb2.PauseRequest, context: Context
    ) -> mission_pb2.PauseResponse:
        call = current_call()
        check_command_id(request.command_id)
        id = await self._mission_id(request.mission)
        command = PauseMission(id, call.caller.actor, request.reason, request.now)
        accepted = await self._submit("Pause", request.command_id, command, call)
        return mission_pb2.PauseResponse(position=accepted.position)

    async def Resume(
        self, request: mission_pb2.ResumeRequest, context: Context
    ) -> mission_pb2.ResumeResponse:
        call = current_call()
        check_command_id(request.command_id)
        add = _budget(request.add) if request.HasField("add") else None
        id = await self._mission_id(request.mission)
        command = ResumeMission(id, call.caller.actor, add)
        accepted = await self._submit("Resume", request.command_id, command, call)
        return mission_pb2.ResumeResponse(position=accepted.position)

    async def RaiseBudget(
        self, request: mission_pb2.RaiseBudgetRequest, context: Context
    ) -> mission_pb2.RaiseBudgetResponse:
        call = current_call()
        check_command_id(request.command_id)
        id = await self._mission_id(request.mission)
        command = RaiseBudget(id, _budget(request.add), call.caller.actor)
        accepted = await self._submit("RaiseBudget", request.command_id, command, call)
        return mission_pb2.RaiseBudgetResponse(position=accepted.position)

    async def Approve(
        self, request: mission_pb2.ApproveRequest, context: Context
    ) -> mission_pb2.ApproveResponse:
        call = current_call()
        asked = await self._asked(request)
        command = ApproveGate(
            asked.task_id, asked.gate, call.caller.actor, request.note, call.caller.role
        )
        accepted = await self._submit("Approve", request.command_id, command, call)
        return mission_pb2.ApproveResponse(position=accepted.position)

    async def Reject(
        self, request: mission_pb2.RejectRequest, context: Context
    ) -> mission_pb2.RejectResponse:
        call = current_call()
        asked = await self._asked(request)
        command = RejectGate(
            asked.task_id, asked.gate, call.caller.actor, request.note, call.caller.role
        )
        accepted = await self._submit("Reject", request.command_id, command, call)
        return mission_pb2.RejectResponse(position=accepted.position)

    async def Retry(
        self, request: mission_pb2.RetryRequest, context: Context
    ) -> mission_pb2.RetryResponse:
        check_command_id(request.command_id)
        await self._catch_up()
        mission = await self._views.find(request.mission)
        if mission.ended_at is None:
            raise Refusal(
                "conflict",
                f"{mission.name} has not ended",
                "mission",
                f"hive cancel {mission.name}",
            )
        history = await self._history(mission.mission_id)
        left = left_of(mission.name, history) if request.failed else None
        plan, origin = left.plan if left else plan_again(history), origin_of(history)
        command = LaunchMission("", await self._runnable(plan), origin=origin)
        accepted = await self._submit("Retry", request.command_id, command, current_call())
        answer = mission_pb2.RetryResponse(
            mission_id=accepted.id, name=accepted.name, position=accepted.position
        )
        if left is not None:
            tell_left(left, answer)
        return answer

    async def _history(self, mission_id: str) -> list[AnyEvent]:
        """All events of a mission's stream. Raises StoreError."""
        stream, events, after = stream_name("mission", mission_id), [], 0
        while page := await self._store.read_stream(stream, after):
            events += [event for r in page if (event := decode_known(r)) is not None]
            after = page[-1].version
        return events

    async def Tell(
        self, request: mission_pb2.TellRequest, context: Context
    ) -> mission_pb2.TellResponse:
        call = current_call()
        check_command_id(request.command_id)
        await self._catch_up()
        task = await self._open_task(request.mission, request.task)
        command = TellTask(task.task_id, request.text, call.caller.actor)
        accepted = await self._submit("Tell", request.command_id, command, call)
        return mission_pb2.TellResponse(
            position=accepted.position, task=f"{task.phase}/{task.name}"
        )

    async def Take(
        self, request: mission_pb2.TakeRequest, context: Context
    ) -> mission_pb2.TakeResponse:
        call = current_call()
        check_command_id(request.command_id)
        await self._catch_up()
        task = await self._open_task(request.mission, request.task)
        command = TakeTask(task.task_id, call.caller.actor)
        accepted = await self._submit("Take", request.command_id, command, call)
        return mission_pb2.TakeResponse(
            position=accepted.position, task=f"{task.phase}/{task.name}", task_id=task.task_id
        )

    async def Give(
        self, request: mission_pb2.GiveRequest, context: Context
    ) -> mission_pb2.GiveResponse:
        call = current_call()
        check_command_id(request.command_id)
        await self._catch_up()
        task = await self._open_task(request.mission, request.task)
        command = GiveTask(
            task.task_id,
            call.caller.actor,
            request.epoch,
            request.commit,
            from_proto(request.bundle, ArtifactRef) if request.HasField("bundle") else None,
            request.note,
            request.done,
            request.drop,
            request.force,
        )
        accepted = await self._submit("Give", request.command_id, command, call)
        return mission_pb2.GiveResponse(
            position=accepted.position, task=f"{task.phase}/{task.name}"
        )

    async def _open_task(self, mission: str, task: str) -> TaskRow:
        """Raises Refusal where it is not clear which is meant."""
        if is_id(task):  # also one that has ended: what is sent again is answered as it was
            view = await self._views.mission(mission, [task])
            for row in view.tasks:
                if row.task_id == task:
                    return row
        found = await self._views.find(mission)
        return choose_open(await self._views.open_work(found.mission_id), task, found.name)

    async def Answer(
        self, request: mission_pb2.AnswerRequest, context: Context
    ) -> mission_pb2.AnswerResponse:
        call = current_call()
        check_command_id(request.command_id)
        await self._catch_up()
        mission = await self._views.find(request.mission)
        asking = await self._views.asking(mission.mission_id)
        task = choose_asking(asking, request.task, request.command_id, mission.name)
        command = AnswerQuestion(task.task_id, request.text, call.caller.actor, request.question)
        accepted = await self._submit("Answer", request.command_id, command, call)
        return mission_pb2.AnswerResponse(
            position=accepted.position, task=f"{task.phase}/{task.name}"
        )

    async def _asked(
        self, request: mission_pb2.ApproveRequest | mission_pb2.RejectRequest
    ) -> Asked:
        check_command_id(request.command_id)
        await self._catch_up()
        mission = await self._views.find(request.mission)
        tasks = await self._views.asking(mission.mission_id)
        return choose(tasks, request.gate, request.command_id, mission.name)

    async def _mission_id(self, ref: str) -> str:
        if is_id(ref):
            return ref
        await self._catch_up()
        return (await self._views.find(ref)).mission_id

    async def _catch_up(self) -> None:
        """What was answered to anybody before now is in the views afterwards."""
        await self._views.reach((await self._store.head()).position)

    async def _submit(
        self, name: str, command_id: str, command: Submittable, call: Call
    ) -> Accepted:
        cause = current()
        # Of a call that came without a context the trace begins here.
        with nullcontext() if cause else call_span(f"{_SERVICE}/{name}") as begun:
            call.begun = begun.traceparent if begun else ""
            trace = call.begun or cause
            submission = Submission(command_id, call.caller.actor, command, trace)
            return await self._submitter.submit(submission, call.timeout)

    # --- reads

    async def Get(
        self, request: mission_pb2.GetRequest, context: Context
    ) -> mission_pb2.GetResponse:
        await self._views.reach(request.at_least_position)
        view = await self._views.mission(request.mission)
        return mission_pb2.GetResponse(mission=mission_message(view), position=view.position)

    async def List(
        self, request: mission_pb2.ListRequest, context: Context
    ) -> mission_pb2.ListResponse:
        if not 0 <= request.limit <= MAX_LISTED:
            raise Refusal("invalid", f"limit is 1 to {MAX_LISTED}, or 0 for 50", "limit")
        for status in request.statuses:
            if status not in MISSION_STATUSES:
                known = ", ".join(MISSION_STATUSES)
                raise Refusal("invalid", f"{status!r} is no status: {known} are", "statuses")
        await self._views.reach(request.at_least_position)
        limit = request.limit or 50
        before = (_page_begin(request.page_token),) if request.page_token else ()
        page = await self._views.missions(request.statuses, limit, *before)
        full = len(page.missions) == limit
        return mission_pb2.ListResponse(
            missions=map(summary_message, page.missions),
            next_page_token=_page_token(page.missions[-1].position) if full else "",
            position=page.position,
        )

    async def Watch(
        self, request: mission_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[mission_pb2.WatchResponse]:
        await self._views.reach(request.at_least_position)
        mission = await self._views.find(request.mission)
        async for change in self._watchers.watch(mission.mission_id):
            yield change


def _budget(message: plan_pb2.Budget) -> Budget:
    try:
        return from_proto(message, Budget)
    except Misfit as misfit:
        seen = misfit.within("add")
        raise Refusal("invalid", str(seen), seen.where) from None


def _page_token(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _page_begin(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error):
        raise Refusal("invalid", "the page token is none of this hive's", "page_token") from None
