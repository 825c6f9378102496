"""What agents print, as `hive logs` shows it."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hive_cli.agent_lines import AgentLines

TRANSCRIPTS = Path(__file__).parents[1] / "agents" / "transcripts"
"""Of the agents' own programs, with a scripted model."""
SAID = "I look at it first.", "The constant was wrong; it is right now."
SHOWN = {
    "claude": f"""\
session a41d16cf-7416-4b38-9d26-55e1eba8a45c · claude-opus-4-8[1m]
{SAID[0]}
▸ Bash echo 'a = 2' > src/a.py
(Bash completed with no output)
{SAID[1]}
900 tokens in, 55 out
""",
    "codex": f"""\
Reading prompt from stdin...
session 01a22606-87df-72f3-9986-10d9e201b2ce
! Model metadata for `scripted` not found. Defaulting to fallback metadata; this can degrade \
performance and cause issues.
{SAID[0]}
$ /bin/bash -lc "echo 'a = 2' > src/a.py"
{SAID[1]}
2,100 tokens in, 55 out
""",
    "gemini": f"""\
Warning: 256-color support not detected. Using a terminal with at least 256-color support is \
recommended for a better visual experience.
YOLO mode is enabled. All tool calls will be automatically approved.
YOLO mode is enabled. All tool calls will be automatically approved.
Ripgrep is not available. Falling back to GrepTool.
session 46757b9d-c78d-47ae-9216-77d1e88e3050 · gemini-2.5-flash
{SAID[0]}
▸ run_shell_command echo 'a = 2' > src/a.py
{SAID[1]}
2,100 tokens in, 55 out
""",
    "opencode": f"""\
{SAID[0]}
▸ bash echo 'a = 2' > src/a.py
(no output)
800 tokens in, 50 out
{SAID[1]}
100 tokens in, 5 out
""",
    "opencode-acp": f"""\
session ses_dd9fc0af4ffeHxZRofSLy2ukKZ
{SAID[0]}
▸ echo 'a = 2' > src/a.py
{SAID[1]}
1,100 tokens in, 5 out
""",
}


def shown(*pieces: bytes) -> str:
    lines = AgentLines()
    return (b"".join(map(lines.feed, pieces)) + lines.flush()).decode()


@pytest.mark.parametrize("agent", SHOWN)
def test_what_an_agent_prints_is_shown_as_text(agent: str) -> None:
    assert shown((TRANSCRIPTS / f"{agent}.jsonl").read_bytes()) == SHOWN[agent]


@given(st.sampled_from(sorted(SHOWN)), st.lists(st.integers(0, 2_000), max_size=9))
def test_it_does_not_matter_how_it_is_cut_into_pieces(agent: str, cuts: list[int]) -> None:
    whole = (TRANSCRIPTS / f"{agent}.jsonl").read_bytes()
    ends = [0, *sorted(cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(ends)]
    assert shown(*pieces) == SHOWN[agent]


@pytest.mark.parametrize(
    "text",
    [
        "plain\n",
        "no end",
        '{"type": "unheard of", "n": 1}\n',
        '{"cut off": \n{ not JSON }\n',
        'a {"type": "turn.started"}\n',
        '["type", "turn.started"]\n',
        '{"type": "assistant", "message": "of another kind"}\n',
        '{"a":' * 50_000 + "\n",
    ],
)
def test_what_nobody_knows_is_shown_as_it_came(text: str) -> None:
    assert shown(text.encode()) == text


def test_of_long_answers_the_beginning_is_shown() -> None:
    item = {
        "type": "command_execution",
        "exit_code": 2,
        "aggregated_output": "x\n" * 40 + "y" * 900,
    }
    event = {"type": "item.completed", "item": item}
    assert shown(json.dumps(event).encode()) == "x\n" * 8 + "… 34 lines more\n"


def test_text_in_pieces_is_one_text_and_ends_before_the_next_line() -> None:
    said = [
        {"type": "message", "role": "assistant", "content": "Do", "delta": True},
        {"type": "message", "role": "assistant", "content": "ne.", "delta": True},
        {"type": "tool_use", "tool_name": "read", "parameters": {"absolute_path": "a.py"}},
        {"type": "tool_result", "status": "error", "error": {"message": "no such file"}},
    ]
    text = "".join(json.dumps(each) + "\n" for each in said)
    assert shown(text.encode()) == "Done.\n▸ read a.py\n! no such file\n"


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    lines = AgentLines()
    assert lines.feed(b'{"type": "' + b"x" * 3_000_000) == b""
    assert len(lines.feed(b"x" * 3_000_000)) > 6_000_000
    assert lines.feed(b"x") == b"x"
