"""What agents print, kept and read."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_contracts.outcome import MAX_SAID, Usage
from hive_runner.agents.transcript import Transcript
from hive_shared.profiles import Profile, Reading, profiles_of

PROFILES = profiles_of({})

CODEX: list[dict[str, Any]] = [
    {"type": "thread.started", "thread_id": "t-1"},
    {"type": "error", "message": "Reconnecting... 1/5"},
    {"type": "item.completed", "item": {"type": "agent_message", "text": "First."}},
    {"type": "item.completed", "item": {"type": "command_execution", "text": "not said"}},
    {"type": "item.completed", "item": {"type": "agent_message", "text": "Done."}},
    {"type": "turn.completed", "usage": {
        "input_tokens": 2100, "cached_input_tokens": 1200, "output_tokens": 55}},
]  # fmt: skip
CLAUDE: list[dict[str, Any]] = [
    {"type": "system", "subtype": "init", "session_id": "c-1"},
    {"type": "assistant", "message": {"content": []}},
    {"type": "result", "is_error": False, "result": "Done.", "session_id": "c-1",
     "total_cost_usd": 0.25, "usage": {
         "input_tokens": 10, "cache_creation_input_tokens": 90, "cache_read_input_tokens": 900,
         "output_tokens": 20}},
]  # fmt: skip
GEMINI: list[dict[str, Any]] = [
    {"type": "init", "session_id": "g-1", "model": "x"},
    {"type": "message", "role": "user", "content": "the prompt"},
    {"type": "message", "role": "assistant", "content": "Do", "delta": True},
    {"type": "message", "role": "assistant", "content": "ne.", "delta": True},
    {"type": "result", "status": "success",
     "stats": {"input_tokens": 1000, "cached": 900, "output_tokens": 20}},
]  # fmt: skip


def heard(tmp_path: Path, profile: Profile, *pieces: bytes, limit: int = 1 << 20) -> Transcript:
    transcript = Transcript(tmp_path / "output.log", limit, profile)
    for piece in pieces:
        transcript.write(piece)
    transcript.end()
    transcript.close()
    return transcript


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.mark.parametrize(
    ("agent", "events", "session", "usage"),
    [
        ("codex", CODEX, "t-1", Usage(2100, 1200, 55, unpriced=1)),
        ("claude", CLAUDE, "c-1", Usage(1000, 900, 20, estimated_usd=0.25)),
        ("gemini", GEMINI, "g-1", Usage(1000, 900, 20, unpriced=1)),
    ],
)
def test_an_agent_tells_its_session_its_last_words_and_its_tokens(
    tmp_path: Path, agent: str, events: list[dict[str, Any]], session: str, usage: Usage
) -> None:
    told = heard(tmp_path, PROFILES[agent], lines(events)).told
    assert (told.session, told.said, told.error) == (session, "Done.", "")
    assert told.usage == usage


@given(st.data())
def test_it_does_not_matter_how_the_output_is_cut_into_pieces(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = b"a warning\n" + lines(CODEX) + b"no end of line"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    ends = [0, *cuts, len(whole)]
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(ends)]
    folder = tmp_path_factory.mktemp("transcript")
    told = heard(folder, PROFILES["codex"], *pieces).told
    assert (told.session, told.said) == ("t-1", "Done.")
    assert told.usage == Usage(2100, 1200, 55, unpriced=1)
    assert list(told.lines) == ["no end of line"]


def test_an_error_counts_only_if_it_is_the_last_word(tmp_path: Path) -> None:
    failed = [*CODEX[:3], {"type": "turn.failed", "error": {"message": "usage limit"}}]
    told = heard(tmp_path, PROFILES["codex"], lines(failed)).told
    assert (told.error, list(told.lines)) == ("usage limit", ["usage limit"])


def test_a_limit_in_numbers_is_taken_as_it_is(tmp_path: Path) -> None:
    info = {"status": "rejected", "resetsAt": 1795887380}
    event = {"type": "rate_limit_event", "rate_limit_info": info}
    assert heard(tmp_path, PROFILES["claude"], lines([event])).told.resets_at == 1795887380
    allowed = {"type": "rate_limit_event", "rate_limit_info": info | {"status": "allowed"}}
    assert heard(tmp_path, PROFILES["claude"], lines([allowed])).told.resets_at == 0


def test_a_bill_and_an_estimate_are_told_apart(tmp_path: Path) -> None:
    reading = Reading(input=("n",), cost="usd", add=True)
    for cost, usage in (
        ("billed", Usage(3, billed_usd=0.5)),
        ("estimated", Usage(3, estimated_usd=0.5)),
        ("unknown", Usage(3, unpriced=1)),
    ):
        profile = Profile(("x",), events=(reading,), cost=cost)  # type: ignore[arg-type]
        events = [{"n": 1, "usd": 0.25}, {"n": 2, "usd": 0.25}]
        assert heard(tmp_path, profile, lines(events)).told.usage == usage


@pytest.mark.parametrize(
    "event",
    [
        b'{"type": "turn.completed", "usage": {"input_tokens": -5}}',
        b'{"type": "turn.completed", "usage": {"input_tokens": "many"}}',
        b'{"type": "turn.completed", "usage": {"input_tokens": 1e300}}',
        b'{"type": "turn.completed", "usage": {"input_tokens": true}}',
        b'{"type": "turn.completed", "usage": [1]}',
        b'{"type": {"deep": 1}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{",
        b"{}",
    ],
)
def test_what_makes_no_sense_is_kept_and_not_believed(tmp_path: Path, event: bytes) -> None:
    transcript = heard(tmp_path, PROFILES["codex"], event + b"\n")
    assert transcript.told.usage is None
    assert (tmp_path / "output.log").read_bytes() == event + b"\n"


def test_a_line_without_an_end_is_not_held_and_the_next_one_is_read(tmp_path: Path) -> None:
    flood = b'{"type": "' + b"x" * 5_000_000
    pieces = [flood[begin : begin + 65_536] for begin in range(0, len(flood), 65_536)]
    told = heard(tmp_path, PROFILES["codex"], *pieces, b'"}\n', lines(CODEX[:1])).told
    assert told.session == "t-1"


def test_of_a_flood_of_lines_the_last_ones_are_read(tmp_path: Path) -> None:
    flood = lines([{"type": "thread.started", "thread_id": f"t-{n}"} for n in range(30_000)])
    told = heard(tmp_path, PROFILES["codex"], flood, lines(CODEX[1:])).told
    assert (told.session, told.said) == ("t-29999", "Done.")
    looked_at: list[str] = []
    transcript = Transcript(tmp_path / "flood", 1 << 20, Profile(("x",)), looked_at.extend)
    transcript.write(b"x" * 10_000 + b"\n" + b"y\n" * 30_000)
    transcript.close()
    assert looked_at == ["y"] * 8


def test_of_a_long_line_that_is_no_event_the_beginning_is_kept(tmp_path: Path) -> None:
    told = heard(tmp_path, PROFILES["codex"], "ä".encode() * 10_000 + b"\n").told
    assert list(told.lines) == ["ä" * 500]


def test_last_words_are_cut_to_what_an_event_carries(tmp_path: Path) -> None:
    long = {"type": "item.completed", "item": {"type": "agent_message", "text": "x" * 9_000 + "\0"}}
    said = heard(tmp_path, PROFILES["codex"], lines([long])).told.said
    assert (len(said), said[-1]) == (MAX_SAID, "\ufffd")


def test_output_without_events_is_text_and_its_last_lines_are_looked_at(tmp_path: Path) -> None:
    profile = Profile(("x",))
    told = heard(tmp_path, profile, b"\n".join(b"%d" % n for n in range(100))).told
    assert (told.lines[-1], len(told.lines)) == ("99", 40)


def test_what_a_message_tells_again_with_each_of_its_parts_counts_once(tmp_path: Path) -> None:
    seen: list[int] = []
    transcript = Transcript(
        tmp_path / "output.log", 1 << 20, PROFILES["claude"],
        on_usage=lambda usage: seen.append(usage.input_tokens + usage.output_tokens),
    )  # fmt: skip

    def say(id: str, read: int, written: int) -> None:
        usage = {"input_tokens": read, "cache_read_input_tokens": 5, "output_tokens": written}
        event = {"type": "assistant", "message": {"id": id, "usage": usage}}
        transcript.write(json.dumps(event).encode() + b"\n")

    say("m1", 10, 1)
    say("m1", 10, 3)
    say("m2", 20, 4)
    assert seen == [16, 18, 47]
    whole = {"input_tokens": 30, "output_tokens": 20}
    end = {"type": "result", "is_error": False, "usage": whole, "total_cost_usd": 0.5}
    transcript.write(json.dumps(end).encode() + b"\n")
    transcript.close()
    assert transcript.told.usage == Usage(30, 0, 20, estimated_usd=0.5)
