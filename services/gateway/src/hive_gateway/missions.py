# ruff: noqa: N802  # methods are named by the interface
"""MissionService: commands go to the orchestrator, reads to the gateway's own views."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from grpc import aio

from hive_contracts.codec import AnyEvent, decode_known
from hive_contracts.ids import is_id
from hive_contracts.mission import CancelMission, ExtendMission, LaunchMission
from hive_contracts.plan import Plan
from hive_contracts.subjects import stream_name
from hive_contracts.submit import Accepted, Submission, Submittable
from hive_contracts.task import ApproveGate, RejectGate, TellTask
from hive_contracts.v1 import mission_pb2, mission_pb2_grpc, plan_pb2
from hive_gateway.again import plan_again
from hive_gateway.approvals import Asked, choose
from hive_gateway.door import Call, current_call
from hive_gateway.launching import check_agents, check_command_id, names_agents, plan_of
from hive_gateway.naming import choose_open
from hive_gateway.refusals import Refusal
from hive_gateway.submitter import Submitter
from hive_gateway.views.messages import mission_message, summary_message
from hive_gateway.views.reader import ViewsReader
from hive_gateway.views.rows import MISSION_STATUSES
from hive_gateway.watching import Watchers
from hive_shared.eventstore.port import EventStore
from hive_shared.profiles import Profile
from hive_shared.telemetry import span

MAX_LAUNCHES: Final = 256
"""Launches in one LaunchMany."""
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
    ) -> None:
        self._submitter = submitter
        self._views = views
        self._watchers = watchers
        self._store = store
        self._profiles = profiles

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
        """The plan, if its agents are where a runner is. Raises Refusal."""
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

    async def Approve(
        self, request: mission_pb2.ApproveRequest, context: Context
    ) -> mission_pb2.ApproveResponse:
        call = current_call()
        asked = await self._asked(request)
        command = ApproveGate(asked.task_id, asked.gate, call.caller.actor, request.note)
        accepted = await self._submit("Approve", request.command_id, command, call)
        return mission_pb2.ApproveResponse(position=accepted.position)

    async def Reject(
        self, request: mission_pb2.RejectRequest, context: Context
    ) -> mission_pb2.RejectResponse:
        call = current_call()
        asked = await self._asked(request)
        command = RejectGate(asked.task_id, asked.gate, call.caller.actor, request.note)
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
        plan = plan_again(await self._history(mission.mission_id))
        command = LaunchMission("", await self._runnable(plan))
        accepted = await self._submit("Retry", request.command_id, command, current_call())
        return mission_pb2.RetryResponse(
            mission_id=accepted.id, name=accepted.name, position=accepted.position
        )

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
        mission = await self._views.find(request.mission)
        task = choose_open(
            await self._views.open_work(mission.mission_id), request.task, mission.name
        )
        command = TellTask(task.task_id, request.text, call.caller.actor)
        accepted = await self._submit("Tell", request.command_id, command, call)
        return mission_pb2.TellResponse(
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
        with span(f"gateway {name}", call.traceparent) as step:
            submission = Submission(command_id, call.caller.actor, command, step.traceparent)
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


def _page_token(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _page_begin(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error):
        raise Refusal("invalid", "the page token is none of this hive's", "page_token") from None
