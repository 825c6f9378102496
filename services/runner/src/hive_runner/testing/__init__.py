"""A model that says what a scenario file says, so that missions are rehearsed at no cost.

    python -m hive_runner.testing scenario.toml --port 8199

Real coding agents talk to it as to their provider: Codex by the Responses API, OpenCode by Chat
Completions, Claude Code by Messages. docs/agents.md says how they are told to.
"""

from hive_runner.testing.scenario import Scenario, ScenarioProblem, parse_scenario, read_scenario
from hive_runner.testing.server import Heard, ScriptedModel, serving

__all__ = [
    "Heard",
    "Scenario",
    "ScenarioProblem",
    "ScriptedModel",
    "parse_scenario",
    "read_scenario",
    "serving",
]
