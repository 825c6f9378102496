"""Health, asked over NATS. Adapter."""

from typing import Final, TypeVar

import msgspec
import nats.errors
from nats.aio.client import Client

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
from hive_contracts.submit import Refused
from hive_contracts.v1 import operations_pb2
from hive_contracts.wire import to_proto
from hive_gateway.refusals import Refusal, refusal_of

SECONDS: Final = 3.0
MOST_DAYS: Final = 100
_ITS_LOG: Final = "its log says why (`hive status` names the processes of a local hive)"

T = TypeVar("T", Incidents, IncidentReport, IncidentTold, PolicyReport, PolicyTold)


class _Unasked(Exception):
    """Health could not be asked; the text says why, and the remedy what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class AskingHealth:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def report(self) -> operations_pb2.HealthResponse:
        """What health says; where it cannot be asked, why not."""
        try:
            reply = await self._ask(ALIVE, msgspec.json.encode(AliveQuery()))
            alive = msgspec.json.decode(reply, type=Alive)
        except _Unasked as error:
            return operations_pb2.HealthResponse(trouble=str(error), remedy=error.remedy)
        except msgspec.MsgspecError as error:
            trouble = f"health speaks another version: {error}"
            return operations_pb2.HealthResponse(trouble=trouble, remedy="run the same one")
        report = to_proto(alive, operations_pb2.HealthReport)
        return operations_pb2.HealthResponse(report=report)

    async def capacity(self) -> operations_pb2.CapacityResponse:
        """How many runners are wanted. Raises Refusal."""
        alive = await self.seen()
        return operations_pb2.CapacityResponse(
            capacity=to_proto(alive.capacity, operations_pb2.Capacity),
            runners=[to_proto(runner, operations_pb2.RunnerMember) for runner in alive.runners],
        )

    async def seen(self) -> Alive:
        """What health knows. Raises Refusal."""
        reply = await self._answer(ALIVE, msgspec.json.encode(AliveQuery()))
        try:
            return msgspec.json.decode(reply, type=Alive)
        except msgspec.MsgspecError as error:
            raise Refusal(
                "unavailable", f"health speaks another version: {error}", remedy="run the same one"
            ) from error

    async def objectives(self) -> operations_pb2.ObjectivesResponse:
        """Raises Refusal."""
        reply = await self._answer(OBJECTIVES, msgspec.json.encode(ObjectivesQuery()))
        return to_proto(
            msgspec.json.decode(reply, type=Objectives), operations_pb2.ObjectivesResponse
        )

    async def baselines(self, days: int) -> operations_pb2.BaselinesResponse:
        """Raises Refusal."""
        query = BaselinesQuery(days or BaselinesQuery().days)
        if not 1 <= query.days <= MOST_DAYS:
            raise Refusal(
                "invalid", f"{days} days are not kept", "days", f"ask for 1 to {MOST_DAYS}"
            )
        reply = await self._answer(BASELINES, msgspec.json.encode(query))
        return to_proto(
            msgspec.json.decode(reply, type=Baselines), operations_pb2.BaselinesResponse
        )

    async def metrics(self, *, openmetrics: bool) -> bytes:
        """What Prometheus reads of the whole hive. Raises Refusal."""
        return await self._answer(METRICS, msgspec.json.encode(MetricsQuery(openmetrics)))

    async def incidents(self, limit: int) -> operations_pb2.ListIncidentsResponse:
        """Raises Refusal."""
        found = await self._told(INCIDENTS, IncidentsQuery(limit), Incidents)
        return to_proto(found, operations_pb2.ListIncidentsResponse)

    async def incident(self, name: str) -> operations_pb2.ShowIncidentResponse:
        """Raises Refusal."""
        found = await self._told(INCIDENT, IncidentQuery(name), IncidentReport)
        report = to_proto(found, operations_pb2.IncidentReport)
        return operations_pb2.ShowIncidentResponse(report=report)

    async def tell_incident(self, command: TellIncident) -> operations_pb2.TellIncidentResponse:
        """Raises Refusal."""
        told = await self._told(TELL_INCIDENT, command, IncidentTold)
        return to_proto(told, operations_pb2.TellIncidentResponse)

    async def policy(self) -> PolicyReport:
        """Raises Refusal."""
        return await self._told(POLICY, PolicyQuery(), PolicyReport)

    async def override_policy(self, command: TellPolicy) -> operations_pb2.OverridePolicyResponse:
        """Raises Refusal."""
        told = await self._told(OVERRIDE_POLICY, command, PolicyTold)
        return to_proto(told, operations_pb2.OverridePolicyResponse)

    async def _told(self, subject: str, asked: msgspec.Struct, kind: type[T]) -> T:
        """Raises Refusal: also the one that health answers."""
        reply = await self._answer(subject, msgspec.json.encode(asked))
        try:
            answer = msgspec.json.decode(reply, type=kind | Refused)
        except msgspec.MsgspecError as error:
            raise Refusal(
                "unavailable", "health answered something else; its log says why",
                remedy="look at the log of health",
            ) from error  # fmt: skip
        if isinstance(answer, Refused):
            raise refusal_of(answer)
        return answer

    async def _answer(self, subject: str, body: bytes) -> bytes:
        try:
            return await self._ask(subject, body)
        except _Unasked as error:
            raise Refusal("unavailable", str(error), remedy=f"{error.remedy}; repeat") from error

    async def _ask(self, subject: str, body: bytes) -> bytes:
        if not self._client.is_connected:
            raise _Unasked(
                "the gateway has no connection to the bus",
                "see that NATS runs and takes connections (nats_url); nothing is lost, and what"
                " waits goes on by itself",
            )
        try:
            return (await self._client.request(subject, body, timeout=SECONDS)).data
        except nats.errors.NoRespondersError:
            raise _Unasked("no process of health is there", f"start one: {_ITS_LOG}") from None
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise _Unasked(
                f"health does not answer: {error!r}", f"end its process if it hangs: {_ITS_LOG}"
            ) from error
