"""What the error-budget policy demands is obeyed: fewer at once, and people approve each merge."""

from datetime import timedelta

import pytest

from hive_contracts.budget import Budget
from hive_contracts.codec import encode, stream_of
from hive_contracts.envelope import Meta, NewEvent
from hive_contracts.outcome import WorkDone
from hive_contracts.plan import (
    POLICY_GATE,
    ArtifactRef,
    ForEach,
    Item,
    Listed,
    Phase,
    Plan,
    TaskSpec,
)
from hive_contracts.policy import (
    NOTHING,
    AnyPolicyEvent,
    Pin,
    PolicyOverridden,
    PolicyOverrideEnded,
    PolicyTightened,
    Restraints,
    prompt_digest,
)
from hive_contracts.submit import Accepted
from hive_contracts.task import (
    ApprovalRequested,
    ApproveGate,
    RejectGate,
    TaskFailed,
    TaskLeased,
    TaskSucceeded,
)
from hive_shared.eventstore.errors import StoreUnavailable
from hive_shared.eventstore.port import Append, StreamVersion
from hive_shared.restraints import Restraining
from tests.component.orchestrator.capped import Hive, agents

WORK = WorkDone("b" * 40, ArtifactRef("d" * 64, 10))
WHY = "the error-budget policy is in `careful`"


class Restrained(Hive):
    """A hive whose policy a test decides."""

    def __init__(self) -> None:
        super().__init__()
        self._version = 0

    async def record(self, event: AnyPolicyEvent) -> None:
        meta = Meta("hive", self.simulation.new_id(), "health")
        new = NewEvent(
            self.simulation.new_id(), stream_of(event), type(event).__name__, encode(event), meta
        )
        expected = (StreamVersion(new.stream, self._version),)
        store = self.simulation.store
        await store.append(Append(expected, (new,)))
        self._version += 1

    async def demand(self, demanded: Restraints) -> None:
        await self.record(PolicyTightened("hive", 0, "careful", (), demanded, demanded))
        await self.pass_time(2)

    @property
    def now_ms(self) -> int:
        return self.simulation.clock.now_ms()


async def hive_with(demanded: Restraints, *names: str) -> Restrained:
    hive = Restrained()
    await hive.demand(demanded)
    await hive.launch(agents(*names))
    return hive


@pytest.mark.parametrize(
    ("demanded", "leased"),
    [
        (NOTHING, 2),
        (Restraints(slots_share=0.5), 1),
        (Restraints(slots_share=0.01), 1),
        (Restraints(slots_most=1), 1),
        (Restraints(slots_most=9), 2),
    ],
)
async def test_agents_work_takes_no_more_slots_than_are_allowed(
    demanded: Restraints, leased: int
) -> None:
    hive = await hive_with(demanded, "a", "b")
    assert len(hive.leases()) == leased
    await hive.pass_time(5)
    assert len(hive.leases()) == leased


async def test_what_is_at_work_goes_on_and_the_next_waits_for_it() -> None:
    hive = await hive_with(NOTHING, "a", "b", "c")
    begun = set(hive.leases())
    await hive.demand(Restraints(slots_most=1))
    assert set(hive.leases()) == begun
    for name in sorted(begun):
        await hive.report(name, WorkDone(no_change="nothing to do"))
    await hive.pass_time(3)
    assert set(hive.leases()) == {"a", "b", "c"} - begun


async def test_an_override_lets_all_go_on_until_its_time_is_over() -> None:
    hive = await hive_with(Restraints(slots_most=1), "a", "b")
    until = hive.now_ms + 60_000
    await hive.record(PolicyOverridden("hive", 0, "ann", until, "a release"))
    await hive.pass_time(2)
    assert len(hive.leases()) == 2
    later = Restraining(hive.simulation.store, hive.simulation.clock)
    assert await later.now() == NOTHING
    hive.simulation.clock.ms = until
    # Nobody said that it has ended: health may be away.
    assert (await later.now()).slots_most == 1


async def test_while_it_is_demanded_a_person_is_asked_before_work_is_merged() -> None:
    hive = await hive_with(Restraints(approve=True, reason=WHY), "a")
    await hive.report("a", WORK)
    asked = [e for e in await hive.events() if isinstance(e, ApprovalRequested)]
    assert [(e.gate, e.text) for e in asked] == [(POLICY_GATE, f"May p/a be merged? {WHY}")]
    assert not [e for e in await hive.events() if isinstance(e, TaskSucceeded)]
    approve = ApproveGate(asked[0].task_id, POLICY_GATE, "ann")
    assert isinstance(await hive.submit(approve), Accepted)
    assert [e.result for e in await hive.events() if isinstance(e, TaskSucceeded)] == [WORK]


async def test_who_refuses_ends_it() -> None:
    hive = await hive_with(Restraints(approve=True, reason=WHY), "a")
    await hive.report("a", WORK)
    [asked] = [e for e in await hive.events() if isinstance(e, ApprovalRequested)]
    await hive.submit(RejectGate(asked.task_id, POLICY_GATE, "ann", "not today"))
    [failed] = [e for e in await hive.events() if isinstance(e, TaskFailed)]
    assert "not today" in failed.failure.detail


async def test_nobody_is_asked_where_nothing_is_merged_or_nothing_is_demanded() -> None:
    hive = await hive_with(Restraints(approve=True, reason=WHY), "a", "b")
    await hive.report("a", WorkDone(no_change="nothing to do"))
    await hive.record(PolicyTightened("hive", 0, "x", (), NOTHING, Restraints(approve=True)))
    await hive.pass_time(2)
    await hive.report("b", WORK)
    assert not [e for e in await hive.events() if isinstance(e, ApprovalRequested)]


async def test_what_is_demanded_is_read_again_and_never_guessed() -> None:
    hive = Restrained()
    reading = Restraining(hive.simulation.store, hive.simulation.clock)
    assert await reading.now() == NOTHING
    frozen = Restraints(freeze_landing=True, reason=WHY)
    await hive.demand(frozen)
    assert await reading.now() == frozen
    await hive.record(PolicyOverrideEnded("hive", 1))
    hive.simulation.clock.ms += timedelta(seconds=2).seconds * 1000
    with pytest.MonkeyPatch.context() as cut:

        async def away() -> None:
            raise StoreUnavailable("gone")

        cut.setattr(hive.simulation.store, "head", away)
        with pytest.raises(StoreUnavailable):
            await reading.now()


def pinned(what: str, to: str, *, phase: str = "p") -> Restraints:
    pin = Pin("", "m", phase, "bot", what, to, "new")  # type: ignore[arg-type]
    return Restraints(reason=WHY, pins=(pin,))


async def leased_models(hive: Restrained) -> list[str | None]:
    return [event.model for event in await hive.events() if isinstance(event, TaskLeased)]


@pytest.mark.parametrize("budget", [None, Budget(tokens=1000)], ids=["no budget", "a budget"])
@pytest.mark.parametrize("old", ["old", ""])
async def test_the_pinned_model_is_leased_in_place_of_the_missions(
    old: str, budget: Budget | None
) -> None:
    hive = Restrained()
    await hive.demand(pinned("model", old))
    await hive.launch(agents("a", budget=budget, model="new"))
    assert await leased_models(hive) == [old]
    assert hive.leases()["a"].task.spec.model == old
    hive.restart()
    assert (await hive.start("a")).task.spec.model == old


@pytest.mark.parametrize(
    "demanded",
    [
        NOTHING,
        pinned("model", "new"),
        pinned("model", "old", phase="q"),
        pinned("prompt", "old"),
    ],
)
async def test_other_work_keeps_its_model(demanded: Restraints) -> None:
    hive = Restrained()
    await hive.demand(demanded)
    await hive.launch(agents("a", model="new"))
    assert await leased_models(hive) == [None]
    assert hive.leases()["a"].task.spec.model == "new"


async def test_an_override_gives_the_next_attempt_its_own_model() -> None:
    hive = Restrained()
    await hive.demand(pinned("model", "old"))
    until = hive.now_ms + 60_000
    await hive.record(PolicyOverridden("hive", 0, "ann", until, "a release"))
    await hive.pass_time(2)
    await hive.launch(agents("a", model="new"))
    assert hive.leases()["a"].task.spec.model == "new"


async def test_work_of_another_prompt_than_the_pinned_one_waits_for_a_person() -> None:
    hive = await hive_with(pinned("prompt", "0ld"), "a")
    await hive.report("a", WORK)
    [asked] = [e for e in await hive.events() if isinstance(e, ApprovalRequested)]
    digest = prompt_digest("do it")
    assert asked.gate == POLICY_GATE
    assert asked.text == (f"May p/a be merged? its prompt is {digest}, and 0ld is pinned: {WHY}")
    await hive.submit(ApproveGate(asked.task_id, POLICY_GATE, "ann"))
    assert [e.result for e in await hive.events() if isinstance(e, TaskSucceeded)] == [WORK]


@pytest.mark.parametrize(
    "demanded",
    [
        pinned("prompt", prompt_digest("do it")),
        pinned("prompt", "old", phase="q"),
        pinned("model", "old"),
    ],
)
async def test_nobody_is_asked_about_the_pinned_prompt_or_other_work(demanded: Restraints) -> None:
    hive = await hive_with(demanded, "a")
    await hive.report("a", WORK)
    assert not [e for e in await hive.events() if isinstance(e, ApprovalRequested)]
    assert [e for e in await hive.events() if isinstance(e, TaskSucceeded)]


async def test_an_override_lets_a_new_prompt_go() -> None:
    hive = await hive_with(pinned("prompt", "old"), "a")
    until = hive.now_ms + 60_000
    await hive.record(PolicyOverridden("hive", 0, "ann", until, "a release"))
    await hive.pass_time(2)
    await hive.report("a", WORK)
    assert [e for e in await hive.events() if isinstance(e, TaskSucceeded)]


async def test_of_a_fan_out_the_template_is_compared_and_no_item_of_it() -> None:
    template = TaskSpec("each", prompt="do ${item}", agent="bot")
    phase = Phase("p", for_each=ForEach(Listed((Item("a"),)), template))
    hive = Restrained()
    await hive.demand(pinned("prompt", prompt_digest("do ${item}")))
    await hive.launch(Plan("m", (phase,)))
    [name] = hive.leases()
    await hive.report(name, WORK)
    assert not [e for e in await hive.events() if isinstance(e, ApprovalRequested)]
    assert [e for e in await hive.events() if isinstance(e, TaskSucceeded)]
