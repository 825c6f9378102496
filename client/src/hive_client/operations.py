"""What operates a hive: runners, health, objectives, parked events and the bus, for its client."""

from collections.abc import Sequence
from typing import Any

from hive_client.connection import Connection, new_id
from hive_contracts.v1 import operations_pb2, operations_pb2_grpc


class Operations:
    """Every method raises HiveError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub: Any = operations_pb2_grpc.OperationsServiceStub(connection.channel)

    async def runners(self) -> Sequence[operations_pb2.RunnerView]:
        answer = await self._connection.call(
            self._stub.ListRunners, operations_pb2.ListRunnersRequest()
        )
        return list(answer.runners)

    async def parked(self) -> Sequence[operations_pb2.ParkedStream]:
        """Streams that wait behind an effect that failed too often."""
        answer = await self._connection.call(
            self._stub.ListParked, operations_pb2.ListParkedRequest()
        )
        return list(answer.parked)

    async def show_parked(
        self, subscription: str, stream: str
    ) -> operations_pb2.ShowParkedResponse:
        request = operations_pb2.ShowParkedRequest(subscription=subscription, stream=stream)
        answer: operations_pb2.ShowParkedResponse = await self._connection.call(
            self._stub.ShowParked, request
        )
        return answer

    async def replay_parked(
        self, subscription: str, stream: str, *, command_id: str | None = None
    ) -> int:
        """Answers how many events were released."""
        request = operations_pb2.ReplayParkedRequest(
            command_id=command_id or new_id(), subscription=subscription, stream=stream
        )
        return int((await self._connection.call(self._stub.ReplayParked, request)).released)

    async def health(self) -> operations_pb2.HealthResponse:
        """Who is alive and ready, and what is wrong, with what to do about it."""
        answer: operations_pb2.HealthResponse = await self._connection.call(
            self._stub.Health, operations_pb2.HealthRequest()
        )
        return answer

    async def capacity(self) -> operations_pb2.CapacityResponse:
        """How many runners are wanted, and why."""
        answer: operations_pb2.CapacityResponse = await self._connection.call(
            self._stub.Capacity, operations_pb2.CapacityRequest()
        )
        return answer

    async def objectives(self) -> operations_pb2.ObjectivesResponse:
        """How each service level objective stands."""
        answer: operations_pb2.ObjectivesResponse = await self._connection.call(
            self._stub.Objectives, operations_pb2.ObjectivesRequest()
        )
        return answer

    async def baselines(self, days: int = 0) -> operations_pb2.BaselinesResponse:
        """What agents usually need, and where that changed, in the last so many days; 0 is 28."""
        answer: operations_pb2.BaselinesResponse = await self._connection.call(
            self._stub.Baselines, operations_pb2.BaselinesRequest(days=days)
        )
        return answer

    async def incidents(self, limit: int = 0) -> operations_pb2.ListIncidentsResponse:
        """Those that are not resolved first, the newest first."""
        request = operations_pb2.ListIncidentsRequest(limit=limit)
        answer: operations_pb2.ListIncidentsResponse = await self._connection.call(
            self._stub.ListIncidents, request
        )
        return answer

    async def incident(self, name: str) -> operations_pb2.IncidentReport:
        """One with its timeline, by its short name or id."""
        request = operations_pb2.ShowIncidentRequest(incident=name)
        answer = await self._connection.call(self._stub.ShowIncident, request)
        report: operations_pb2.IncidentReport = answer.report
        return report

    async def tell_incident(
        self,
        name: str,
        verb: str,
        note: str = "",
        *,
        anyway: bool = False,
        command_id: str | None = None,
    ) -> operations_pb2.TellIncidentResponse:
        """`verb`: acknowledge, mitigate, resolve or note."""
        request = operations_pb2.TellIncidentRequest(
            command_id=command_id or new_id(), incident=name, verb=verb, note=note, anyway=anyway
        )
        answer: operations_pb2.TellIncidentResponse = await self._connection.call(
            self._stub.TellIncident, request
        )
        return answer

    async def policy(self) -> operations_pb2.PolicyReport:
        """What follows from used-up error budgets, and what of it is in force."""
        answer = await self._connection.call(
            self._stub.ShowPolicy, operations_pb2.ShowPolicyRequest()
        )
        report: operations_pb2.PolicyReport = answer.report
        return report

    async def override_policy(
        self, for_s: float, reason: str = "", *, command_id: str | None = None
    ) -> operations_pb2.OverridePolicyResponse:
        """Lets all go on for so long; 0 ends an override."""
        request = operations_pb2.OverridePolicyRequest(
            command_id=command_id or new_id(), for_s=for_s, reason=reason
        )
        answer: operations_pb2.OverridePolicyResponse = await self._connection.call(
            self._stub.OverridePolicy, request
        )
        return answer

    async def bus_status(self) -> operations_pb2.BusStatusResponse:
        answer: operations_pb2.BusStatusResponse = await self._connection.call(
            self._stub.BusStatus, operations_pb2.BusStatusRequest()
        )
        return answer

    async def rebuild_bus(
        self, *, command_id: str | None = None
    ) -> operations_pb2.RebuildBusResponse:
        """Make the bus's event stream anew from the record."""
        request = operations_pb2.RebuildBusRequest(command_id=command_id or new_id())
        answer: operations_pb2.RebuildBusResponse = await self._connection.call(
            self._stub.RebuildBus, request, seconds=120
        )
        return answer
