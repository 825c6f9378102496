"""The repository file that `hive init` writes: what was found, each line explained."""

import json
import re
import textwrap
from collections.abc import Iterable
from typing import Final

from hive_cli.detect.findings import Detected, Gate, Proposal

_PLAIN: Final = re.compile(r"[A-Za-z./][A-Za-z0-9 ./_=+,@%&()-]*")
_WIDTH: Final = 96


def page(found: Detected, agents: Iterable[str], schema: str = "") -> str:
    """`agents`: those that somebody is logged in to here. `schema`: where editors find it."""
    blocks = [
        _head(schema),
        _setup(found),
        _copy(found),
        _cache(found),
        _environment(found),
        _gates(found),
        _protect(found),
        _agent(list(agents)),
        _also(found),
    ]
    return "\n".join(block for block in blocks if block)


def _head(schema: str) -> str:
    reference = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return reference + _comment(
        "What any work in this repository needs. Every field is optional, and what stands behind"
        " a # is only a proposal. A mission reads this file from the commit that it starts from:"
        " commit it."
    )


def _setup(found: Detected) -> str:
    explained = _comment(
        "Run first in each new worktree, before any agent or gate. What it makes is no part of"
        " anybody's work; its failure counts against nobody."
    )
    if not found.setup:
        return explained + "# setup: make deps\n"
    why = "".join(_comment(f"{step.run}  because of {step.why}") for step in found.setup)
    command = " && ".join(step.run for step in found.setup)
    return explained + why + f"setup: {scalar(command)}\n"


def _copy(found: Detected) -> str:
    if not found.copy:
        return ""
    return _comment(
        "Files that git ignores, so that a worktree lacks them. What is named here is copied into"
        " each, and agents can read it: leave out what no work may see."
    ) + _proposed("copy", found.copy)


def _cache(found: Detected) -> str:
    if not found.cache:
        return ""
    return _comment(
        "Folders that all worktrees share, so that set-ups need not download again. What an agent"
        " writes there, others find."
    ) + _proposed("cache", found.cache)


def _protect(found: Detected) -> str:
    if not found.protect:
        return ""
    lines = "".join(_comment(f"{each.path}  {each.why}") for each in found.protect)
    explained = _comment("Work that changes one of these waits for a person before it is merged.")
    return explained + lines + f"protect: {_list(found.protect)}\n"


def _proposed(key: str, proposals: Iterable[Proposal]) -> str:
    """A line that is only proposed, and why each of it is."""
    lines = "".join(_comment(f"{each.path}  {each.why}") for each in proposals)
    return lines + f"# {key}: {_list(proposals)}\n"


def _list(proposals: Iterable[Proposal]) -> str:
    return f"[{', '.join(_quoted(each.path) for each in proposals)}]"


def _environment(found: Detected) -> str:
    if not found.env:
        return ""
    lines = "".join(f"    {name}: {_quoted(value)}\n" for name, value in found.env.items())
    return (
        _comment("Variables for set-up, agents and gates: these keep what tools make in the tree.")
        + f"env:\n  set:\n{lines}"
    )


def _gates(found: Detected) -> str:
    explained = _comment(
        "Commands that must end with status 0, in a clean checkout. Missions use them by name; a"
        " mission that names none has to pass all of them, and they have to pass before it starts."
    )
    sure = [gate for gate in found.gates if gate.sure]
    head = "gates:\n" if sure else "# gates:\n"
    body = "".join(_gate(gate) for gate in (*sure, *(g for g in found.gates if not g.sure)))
    return explained + head + (body or "#   tests: the command that runs your tests\n")


def _gate(gate: Gate) -> str:
    line = f"{gate.name}: {scalar(gate.run)}"
    if gate.sure:
        return _comment(gate.why, "  ") + f"  {line}\n"
    return _comment(f"{gate.why}; no file says that its tool is installed:", "  ") + f"  # {line}\n"


def _agent(agents: list[str]) -> str:
    if len(agents) == 1:
        return (
            _comment("Who gets a prompt that names nobody: the only one that was logged in here.")
            + f"agent: {agents[0]}\n"
        )
    named = f"; logged in here: {', '.join(agents)}" if agents else ""
    return _comment(f"Who gets a prompt that names nobody{named}.") + (
        f"# agent: {agents[0] if agents else 'claude'}\n"
    )


def _also(found: Detected) -> str:
    if not found.also and not found.remarks:
        return ""
    lines = "".join(f"#   {said.run}   ({said.where})\n" for said in found.also)
    heading = "# Commands that CI or the development container run, and that are not used here:\n"
    remarks = "".join(_comment(f"Not used: {remark}") for remark in found.remarks)
    return (heading + lines if lines else "") + remarks


def scalar(text: str) -> str:
    """Text as YAML, plain where that is safe."""
    return text if _PLAIN.fullmatch(text) and text == text.strip() else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: str = "") -> str:
    """Lines behind `#`; what could end a line is taken out."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.indent(
        "\n".join(textwrap.wrap(plain, _WIDTH, break_long_words=False)) + "\n", f"{indent}# "
    )
