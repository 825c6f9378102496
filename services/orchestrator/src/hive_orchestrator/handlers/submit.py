"""Commands from outside: `hive.commands.orchestrator.submit`."""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from hive_contracts.codec import UnknownEvent
from hive_contracts.ids import NewId, is_id
from hive_contracts.mission import ExtendMission, LaunchMission
from hive_contracts.submit import Accepted, Answer, Refused, Submission
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.desk import Desk
from hive_orchestrator.handlers.commands import Commands, Order, fingerprint, stream_about
from hive_shared.eventstore.errors import (
    CommandReused,
    CommandTooOld,
    InvalidAppend,
    StoreUnavailable,
)
from hive_shared.eventstore.port import Appended


class Submit:
    def __init__(
        self, commands: Commands, aggregates: Aggregates, desk: Desk, new_id: NewId
    ) -> None:
        self._commands = commands
        self._aggregates = aggregates
        self._desk = desk
        self._new_id = new_id

    async def __call__(self, submissions: Sequence[Submission]) -> list[Answer]:
        """An answer for each, in the same order. Those about one stream are done in their order."""
        launches = [s.command for s in submissions if isinstance(s.command, LaunchMission)]
        numbers = iter(await self._desk.take_numbers([c.plan.name for c in launches]))
        prepared = [
            self._number(s, next(numbers)) if isinstance(s.command, LaunchMission) else s
            for s in submissions
        ]
        turns: dict[str, list[int]] = {}
        for index, submission in enumerate(prepared):
            turns.setdefault(stream_about(submission.command), []).append(index)
        answers: dict[int, Answer] = {}

        async def in_order(indices: list[int]) -> None:
            put_off: Refused | None = None
            for index in indices:
                # Of what the caller sent, before ids and numbers were given.
                sent = fingerprint(submissions[index].command)
                answer = put_off or await self._answer(prepared[index], sent)
                answers[index] = answer
                if isinstance(answer, Refused) and answer.code == "unavailable":
                    put_off = answer  # it will be sent again, and what follows must not overtake it

        await asyncio.gather(*map(in_order, turns.values()))
        return [answers[index] for index in range(len(prepared))]

    def _number(self, submission: Submission, number: int) -> Submission:
        command = submission.command
        assert isinstance(command, LaunchMission)
        named = replace(command, mission_id=self._new_id(), number=number)
        return replace(submission, command=named)

    async def _answer(self, submission: Submission, sent: bytes) -> Answer:
        if not is_id(submission.command_id):
            return Refused("invalid", "the command id is no UUIDv7 in 32 hex digits", "command_id")
        try:
            return await self._execute(submission, sent)
        except Rejected as no:
            return Refused(no.code, no.message, no.where, no.remedy)
        except CommandReused as error:
            return Refused("reused", str(error), "command_id", "use a new command id")
        except CommandTooOld as error:
            return Refused("too-old", str(error), "command_id", "use a new command id")
        except InvalidAppend as error:
            return Refused("invalid", str(error))
        except (StoreUnavailable, UnknownEvent) as error:
            return Refused("unavailable", str(error), remedy="repeat with the same command id")

    async def _execute(self, submission: Submission, sent: bytes) -> Accepted:
        command = submission.command
        answer = await self._describe(submission)
        order = Order(
            submission.command_id,
            submission.actor,
            command,
            submission.traceparent,
            msgspec.json.encode(answer),
            sent,
        )
        return _accepted(await self._commands.execute(order))

    async def _describe(self, submission: Submission) -> Accepted:
        """What the command is answered if it is taken; its position is known only then."""
        match submission.command:
            case LaunchMission(mission_id=id, plan=plan, number=number):
                return Accepted(0, id, f"{plan.name}-{number}")
            case ExtendMission(mission_id=id):
                loaded = await self._aggregates.load(stream_about(submission.command))
                launched = getattr(loaded.state, "launched", None)
                return Accepted(0, id, launched.name if launched else "")
        return Accepted(0)


def _accepted(appended: Appended) -> Accepted:
    first = msgspec.json.decode(appended.answer, type=Accepted)
    return replace(first, position=appended.position, repeated=appended.repeated)
