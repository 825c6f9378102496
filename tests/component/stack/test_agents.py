"""What the first screen says of the agents that this machine has."""

from pathlib import Path

from hive_cli.stack import _agent
from hive_shared.profiles import Profile
from hive_stack.agents import agents


def test_each_agent_is_shown_with_its_login_or_with_what_to_type(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("claude", "codex", "my-agent"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    login = tmp_path / ".claude" / ".credentials.json"
    login.parent.mkdir()
    login.write_text("{}")
    told = {
        "mine": Profile(("my-agent",)),
        "builder": Profile(use="claude", args=("--model", "opus")),
        "nobody": Profile(),
    }
    found = agents(told, {"PATH": str(programs), "HOME": str(tmp_path)}, tmp_path)
    assert "  ".join(map(_agent, found)) == (
        "claude ✓ logged in  codex ✗ run `codex login`  gemini –  mine ✓  opencode –"
    )
