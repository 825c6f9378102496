"""What runners say and should do: `hive.commands.orchestrator.beat`."""

from collections.abc import Sequence
from contextlib import suppress

from hive_contracts.dialogue import Reply
from hive_contracts.ids import NewId
from hive_contracts.orders import Beat, Canary, Heard, Holding, Lease, Orders
from hive_contracts.outcome import WorkDone
from hive_contracts.runner import AnyRunnerCommand, CloseSession, OpenSession
from hive_contracts.subjects import stream_name
from hive_orchestrator.aggregates import Aggregates
from hive_orchestrator.deciders import task_state
from hive_orchestrator.deciders.rejected import Rejected
from hive_orchestrator.desk import Desk, HeldLease
from hive_orchestrator.handlers.commands import Commands, Order


class Beats:
    def __init__(
        self,
        commands: Commands,
        aggregates: Aggregates,
        desk: Desk,
        new_id: NewId,
        beat_seconds: float,
        session_ttl: float,
    ) -> None:
        self._commands = commands
        self._aggregates = aggregates
        self._desk = desk
        self._new_id = new_id
        self._beat_seconds = beat_seconds
        self._session_ttl = session_ttl
        self._agents: dict[str, tuple[str, ...]] = {}
        """By runner: those that it had at the last beat heard here, as the record has them."""

    async def __call__(self, heard: Heard) -> Orders | None:
        """All that the session should be working on; None for a canary."""
        match heard:
            case Canary():
                await self._desk.heard_ourselves(int(2000 * self._beat_seconds))
                return None
            case Beat():
                return await self._answer(heard)

    async def _answer(self, beat: Beat) -> Orders:
        known = {(holding.task_id, holding.epoch): holding for holding in beat.holding}
        leases: list[Lease] = []
        keep: list[Holding] = []
        taken: list[Holding] = []
        replies: list[Reply] = []
        for held in await self._hear(beat):
            holding = known.get((held.task_id, held.epoch))
            if held.taken:
                taken.append(holding or Holding(held.task_id, held.epoch))
            elif holding is not None:
                keep.append(holding)
                if holding.asks and (reply := await self._reply(held, holding)) is not None:
                    replies.append(reply)
            elif (lease := await self._offer(held)) is not None:
                leases.append(lease)
        return Orders(
            beat.session_id,
            tuple(leases),
            tuple(keep),
            self._beat_seconds,
            hand_over=tuple(taken),
            replies=tuple(replies),
            answers=beat.number,
            session_ttl=self._session_ttl,
        )

    async def _hear(self, beat: Beat) -> Sequence[HeldLease]:
        """What the session should be working on; an older process of a runner on nothing."""
        if beat.draining and not beat.holding:
            await self._execute(beat, CloseSession(beat.runner_id, beat.session_id, "drained"))
            return ()
        held = await self._desk.heard(beat.session_id, beat.draining or bool(beat.closed))
        if held is None or self._agents.get(beat.runner_id) != beat.agents:
            opening = OpenSession(
                beat.runner_id, beat.session_id, beat.name, beat.slots, beat.agents
            )
            await self._execute(beat, opening)
            self._agents[beat.runner_id] = beat.agents
        return held or ()

    async def _execute(self, beat: Beat, command: AnyRunnerCommand) -> None:
        with suppress(Rejected):
            await self._commands.execute(Order(self._new_id(), beat.runner_id, command))

    async def _offer(self, held: HeldLease) -> Lease | None:
        """The lease as the task's stream tells it; None where the board lags behind."""
        facts = await self._leased(held) or await self._leased(held, fresh=True)
        if facts is None:
            return None
        return Lease(
            held.epoch,
            facts.step,
            facts.at_tip(),
            facts.failed + 1,
            facts.feedback,
            facts.result if isinstance(facts.result, WorkDone) else None,
            held.traceparent,
            facts.hints,
            facts.session,
            start=facts.start if facts.step == "work" else None,
            answers=facts.answers,
            cap=facts.cap,
        )

    async def _reply(self, held: HeldLease, holding: Holding) -> Reply | None:
        """What a person answered to the question for which an attempt waits at work."""
        for fresh in (False, True):
            facts = await self._leased(held, fresh=fresh)
            if facts is not None and (replied := facts.replied) and replied.id == holding.asks:
                return Reply(held.task_id, held.epoch, replied.id, replied.text)
        return None

    async def _leased(self, held: HeldLease, *, fresh: bool = False) -> task_state.Facts | None:
        """What is remembered may be older than the lease, which another replica may have made."""
        loaded = await self._aggregates.load(stream_name("task", held.task_id), fresh=fresh)
        state = loaded.state
        leased = isinstance(state, task_state.Leased | task_state.Running)
        return state.facts if leased and state.facts.minted == held.epoch else None
