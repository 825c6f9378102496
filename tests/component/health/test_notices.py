"""Who is told what of a mission, and when nobody is."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest

from hive_contracts.codec import AnyEvent, encode, stream_of
from hive_contracts.dialogue import Question
from hive_contracts.envelope import Meta, NewEvent, Recorded
from hive_contracts.ids import uuid7
from hive_contracts.mission import (
    BudgetWarned,
    MissionCancelled,
    MissionFailed,
    MissionLaunched,
    MissionPaused,
    MissionRefused,
    MissionSucceeded,
    PhaseStarted,
)
from hive_contracts.plan import Notify
from hive_contracts.task import ApprovalRequested, QuestionAsked
from hive_health.notices import Notice, notice
from hive_health.notifier import Notifier
from hive_shared.eventstore.memory import MemoryEventStore
from hive_shared.eventstore.port import Append, StreamVersion
from tests.suites.simulator.clock import VirtualClock

M = "a" * 32
ASKED = ApprovalRequested("b" * 32, M, "ok", "Is it right?")
QUESTION = QuestionAsked("b" * 32, M, 1, "1", Question("Which one?"))
AT = datetime(2026, 1, 1, tzinfo=UTC)


def launched(*when: Literal["needs-you", "paused", "done"]) -> MissionLaunched:
    notify = Notify("https://example.org/hook", when) if when else None
    return MissionLaunched(M, "fix-1", "fix", notify=notify)


def recorded(event: AnyEvent, at: datetime = AT) -> Recorded:
    meta = Meta("", "", "ann")
    return Recorded(7, stream_of(event), 1, "e", type(event).__name__, encode(event), meta, at)


@pytest.mark.parametrize(
    ("event", "kind", "text", "next"),
    [
        (ASKED, "needs-you", "Is it right?", "hive mission approve fix-1 --gate ok"),
        (QUESTION, "needs-you", "Which one?", "hive why fix-1"),
        (MissionSucceeded(M, "fix"), "succeeded", "it has succeeded", "hive diff fix-1"),
        (MissionFailed(M, "no luck"), "failed", "no luck", "hive mission show fix-1"),
        (MissionRefused(M, "red base"), "refused", "red base", "hive mission show fix-1"),
        (MissionPaused(M, "lunch", "ann"), "paused", "lunch", "hive resume fix-1"),
        (MissionPaused(M, "", "ann"), "paused", "ann paused it", "hive resume fix-1"),
        (
            MissionPaused(M, "at the cap", "hive", cap="usd"),
            "paused",
            "at the cap",
            "hive resume fix-1 --add usd=20",
        ),
        (
            BudgetWarned(M, "tokens", 900, 1_000),
            "near-cap",
            "900 of 1,000 tokens are used",
            "hive budget fix-1 --add tokens=1M",
        ),
        (MissionCancelled(M, "enough"), "cancelled", "enough", "hive mission show fix-1"),
    ],
)
def test_what_is_told(event: AnyEvent, kind: str, text: str, next: str) -> None:
    told = notice(event, recorded(event), launched("needs-you", "paused", "done"))
    assert isinstance(told, Notice)
    assert (told.event, told.text, told.next) == (kind, text, next)
    assert (told.mission, told.position, told.recorded_at) == (
        "fix-1",
        7,
        "2026-01-01T00:00:00+00:00",
    )


def test_only_what_was_asked_for_is_told() -> None:
    done = MissionSucceeded(M, "fix")
    assert notice(done, recorded(done), launched("needs-you")) is None
    assert notice(ASKED, recorded(ASKED), launched("done")) is None
    assert notice(QUESTION, recorded(QUESTION), launched("done")) is None
    assert notice(QUESTION, recorded(QUESTION), launched("needs-you")) is not None
    assert notice(ASKED, recorded(ASKED), launched()) is None
    to_all = msgspec.structs.replace(launched(), notify=Notify("https://example.org/hook"))
    assert notice(ASKED, recorded(ASKED), to_all) is not None
    assert notice(done, recorded(done), to_all) is not None
    started = PhaseStarted(M, "p")
    assert notice(started, recorded(started), launched("needs-you", "done")) is None


class Posted:
    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, str]] = []

    async def post(self, url: str, body: bytes, effect_id: str) -> None:
        self.taken.append((url, body, effect_id))


async def record(store: MemoryEventStore, event: AnyEvent, version: int) -> None:
    new = NewEvent(
        uuid7(version, bytes(10)), stream_of(event), type(event).__name__, encode(event),
        Meta("", "", "ann"),
    )  # fmt: skip
    await store.append(Append((StreamVersion(new.stream, version),), (new,)))


async def test_the_mission_of_an_approval_says_who_is_told() -> None:
    clock = VirtualClock()
    store, posted = MemoryEventStore(clock), Posted()
    await record(store, launched("needs-you"), 0)
    notifier = Notifier(store, posted, clock)
    event = recorded(ASKED, clock.now())
    assert notifier.wants(event)
    await notifier.perform(event, "effect")
    [(url, body, effect_id)] = posted.taken
    assert (url, effect_id) == ("https://example.org/hook", "effect")
    assert msgspec.json.decode(body, type=Notice).gate == "ok"


async def test_a_question_of_an_agent_is_told_with_its_words() -> None:
    clock = VirtualClock()
    store, posted = MemoryEventStore(clock), Posted()
    await record(store, launched("needs-you"), 0)
    notifier = Notifier(store, posted, clock)
    event = recorded(QUESTION, clock.now())
    assert notifier.wants(event)
    await notifier.perform(event, "effect")
    [(_, body, _)] = posted.taken
    told = msgspec.json.decode(body, type=Notice)
    assert (told.event, told.mission, told.text) == ("needs-you", "fix-1", "Which one?")


async def test_nobody_is_told_of_a_mission_that_asks_for_nothing_or_is_not_there() -> None:
    clock = VirtualClock()
    store, posted = MemoryEventStore(clock), Posted()
    notifier = Notifier(store, posted, clock)
    await notifier.perform(recorded(ASKED, clock.now()), "effect")
    await record(store, launched(), 0)
    await notifier.perform(recorded(ASKED, clock.now()), "effect")
    assert posted.taken == []


def test_only_events_of_missions_that_asked_for_it_are_wanted() -> None:
    clock = VirtualClock()
    notifier = Notifier(MemoryEventStore(clock), Posted(), clock)
    asked, done = recorded(ASKED, clock.now()), recorded(MissionSucceeded(M, "fix"), clock.now())
    assert notifier.wants(asked), "its launch was before this process began"
    assert not notifier.wants(recorded(launched(), clock.now()))
    question = recorded(QUESTION, clock.now())
    assert not notifier.wants(asked)
    assert not notifier.wants(question)
    assert not notifier.wants(done)
    assert not notifier.wants(recorded(launched("done"), clock.now()))
    assert notifier.wants(question)
    assert notifier.wants(asked)
    assert notifier.wants(done)


def test_what_is_older_than_a_day_is_no_news() -> None:
    clock = VirtualClock()
    notifier = Notifier(MemoryEventStore(clock), Posted(), clock)
    assert notifier.wants(recorded(ASKED, clock.now() - timedelta(hours=23)))
    assert not notifier.wants(recorded(ASKED, clock.now() - timedelta(hours=25)))
    assert not notifier.wants(recorded(PhaseStarted(M, "p"), clock.now()))
