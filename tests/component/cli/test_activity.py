"""What an attempt does right now, from what it prints, and the rows that say it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from hive_cli import screen, task_row
from hive_cli.activity import Activity, Now
from hive_contracts.v1 import log_pb2, mission_pb2, plan_pb2
from hive_runner.agents.transcript import Transcript
from hive_shared.profiles import Profile, profiles_of
from tests.component.client.fake_gateway import missing, printed

TRANSCRIPTS = Path(__file__).parents[1] / "agents" / "transcripts"


def heard(*pieces: bytes, output: str = "output") -> Now:
    return listening(*pieces, output=output).now


def listening(*pieces: bytes, output: str = "output", offset: int = 0) -> Activity:
    activity = Activity()
    for piece in pieces:
        activity.take(log_pb2.LogPiece(output=output, offset=offset, piece=piece))
        offset += len(piece)
    return activity


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def says(text: str) -> dict[str, Any]:
    return {"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}}


def uses(tool: str, path: str, *, id: str = "m1", tokens: int = 0) -> dict[str, Any]:
    used = {"type": "tool_use", "name": tool, "input": {"file_path": path}}
    usage = {"input_tokens": tokens, "output_tokens": 1} if tokens else {}
    return {"type": "assistant", "message": {"id": id, "content": [used], "usage": usage}}


def answers(text: str) -> dict[str, Any]:
    return {"type": "user", "message": {"content": [{"type": "tool_result", "content": text}]}}


def test_the_last_tool_is_shown_with_the_words_before_it() -> None:
    said = says("Let me look.\n\nThe retry reads the clock twice.")
    now = heard(lines(said, uses("Edit", "src/upload.py")))
    assert now.doing == '▸ Edit src/upload.py "The retry reads the clock twice."'


def test_what_a_tool_answers_hides_no_tool_and_new_words_do() -> None:
    edit = lines(uses("Edit", "a.py"), answers("the file was changed"))
    assert heard(edit).doing == "▸ Edit a.py"
    assert heard(edit, lines(says("Done."))).doing == "Done."


def test_tokens_are_those_of_all_steps_so_far_each_once() -> None:
    first = uses("Read", "a.py", id="m1", tokens=100)
    second = uses("Edit", "a.py", id="m2", tokens=200)
    assert heard(lines(first, first, second)).tokens == 302


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini", "opencode", "opencode-acp"])
def test_of_real_agents_it_counts_what_the_runner_counts(agent: str, tmp_path: Path) -> None:
    content = (TRANSCRIPTS / f"{agent}.jsonl").read_bytes()
    profile = profiles_of({})[agent]
    if profile.protocol == "acp":
        profile = acp(profile)
    transcript = Transcript(tmp_path / "output.log", 1 << 20, profile)
    transcript.write(content)
    transcript.close()
    used = transcript.told.usage
    now = heard(content)
    assert now.tokens == (used.input_tokens + used.output_tokens if used else 0)
    assert now.doing
    assert " tokens in, " not in now.doing


def acp(profile: Profile) -> Profile:
    from msgspec.structs import replace

    from hive_shared.profiles import ACP_EVENTS

    return replace(profile, events=ACP_EVENTS)


def test_words_of_an_agent_that_read_like_what_was_used_are_its_words() -> None:
    assert heard(lines(says("The log says 5 tokens in, 7 out"))).doing.endswith(
        "5 tokens in, 7 out"
    )


def test_words_in_pieces_are_put_together() -> None:
    chunks = [{"type": "chunk", "text": text} for text in ("I will\n", "mend the", " clock")]
    assert heard(lines(*chunks)).doing == "mend the clock"


def test_of_a_command_it_is_the_last_line() -> None:
    assert heard(b"one\n\ntwo\nthr").doing == "two"
    assert heard(b"one\n\ntwo\nthr", b"ee\n").doing == "three"
    assert heard(b"{not json\n").doing == "{not json"


def test_it_cannot_drive_the_terminal() -> None:
    now = heard(b"\x1b[2J\x1b]0;title\x07a\tb \x08\r\n")
    assert now.doing == "a b \\x08"
    assert heard(lines(says("a\x1b[1mb\nc"))).doing == "c"


def test_a_line_whose_middle_is_missing_is_no_line() -> None:
    activity = listening(b"one\ntw")
    activity.take(log_pb2.LogPiece(output="output", offset=50, piece=b"o of it\nthree\nfo"))
    assert activity.now.doing == "three"
    late = log_pb2.LogPiece(output="output", offset=6, piece=b"o\nfour\n", late=True)
    activity.take(late)
    assert activity.now.doing == "three"
    assert listening(b"rest\nwhole\n", offset=9).now.doing == "whole"


def test_each_output_begins_anew() -> None:
    activity = listening(b"installing", output="setup")
    activity.take(log_pb2.LogPiece(output="output", offset=0, piece=b"at work\n"))
    assert activity.now.doing == "at work"


def rows(now: Now, width: int, **fields: Any) -> list[str]:
    view: dict[str, Any] = {"status": "running", "kind": "work", "attempts": 2, "attempt": 1}
    task = mission_pb2.TaskView(task_id="t", phase="build", name="api", **{**view, **fields})
    told = screen.progress(mission_pb2.Mission(tasks=[task]), {"t": now}, width)
    out = Console(file=io.StringIO(), width=width, force_terminal=False)
    with out.capture() as captured:
        out.print(told)
    return captured.get().rstrip("\n").split("\n")


def test_the_row_of_a_task_has_what_it_does_and_its_tokens_so_far() -> None:
    usage = plan_pb2.Usage(input_tokens=100_000)
    (row,) = rows(Now("▸ Edit src/upload.py", 110_000), 100, attempt=2, usage=usage)
    assert row.rstrip() == (
        "  ●  build/api  running  attempt 2 of 2, ▸ Edit src/upload.py, 210k tokens"
    )


@pytest.mark.parametrize("doing", ["x" * 500, "漢" * 500, "▸ Edit [bold]a[/bold] " * 40])
@pytest.mark.parametrize("width", [60, 80, 100, 300])
def test_a_row_is_one_line_however_much_is_said(doing: str, width: int) -> None:
    (row,) = rows(Now(doing, 12_345), width)
    assert cell_len(row.rstrip()) <= min(width, 60 + task_row.MOST)
    assert row.rstrip().endswith("12.3k tokens")
    assert "…" in row or width == 60


def test_without_room_the_row_is_as_it_was() -> None:
    assert rows(Now("▸ Edit src/upload.py"), 45) == rows(Now(), 45)


def test_gaps_and_notes_say_nothing() -> None:
    activity = listening(b"one\n")
    assert missing(1, 4, 9).WhichOneof("said") == "gap"
    activity.take(printed(1, 13, b"rest\ntwo\n").piece)
    assert activity.now.doing == "two"
