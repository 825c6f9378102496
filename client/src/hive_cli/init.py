"""`hive init`: the repository file of the repository that one stands in."""

import json
import os
import shutil
from pathlib import Path

import click
import msgspec

from hive_cli.detect import Detected, detect, programs
from hive_cli.detect.page import page
from hive_cli.detect.sight import files_of, ignored_of, top_of
from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.schema import modeline, write_schemas
from hive_cli.written import write
from hive_client.checkout import git
from hive_contracts.files import parse_repository
from hive_contracts.files.repository import REPOSITORY_FILE
from hive_shared.settings import ClientSettings, load
from hive_stack.agents import agents as present

MESSAGE = "Say what work in this repository needs"
"""Of the commit that --commit makes."""


@click.command("init")
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository (default: here).",
)
@click.option("--print", "only_print", is_flag=True, help="Show the file, and write nothing.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--commit", is_flag=True, help="Commit the file, and nothing else.")
@verb
def init_command(repo: Path, only_print: bool, force: bool, commit: bool, as_json: bool) -> int:
    """Write .hive/repo.yaml: set-up, gates and agent, as this repository's files tell them.

    Looks at lock files, test configuration, CI and devcontainer; runs none of it. A file that is
    there stays as it is.
    """
    top = top_of(repo)
    path = top / REPOSITORY_FILE
    found = detect(files_of(top), ignored_of(top), lambda path: (Path.home() / path).is_dir())
    known = present(load(ClientSettings).profiles, os.environ, Path.home())
    agents = [agent.name for agent in known if agent.presence.state == "logged in"]
    text = page(found, agents, modeline(path, top, "repository"))
    parse_repository(text, REPOSITORY_FILE)
    if only_print:
        click.echo(text, nl=False)
        return Exit.SUCCESS
    state = _put(path, text, force, top)
    write_schemas(top)
    if commit:
        _commit(top)
    if as_json:
        body = {"result": state, "exit": 0, "path": str(path), **msgspec.to_builtins(found)}
        print(json.dumps(body))
        return Exit.SUCCESS
    click.echo("\n".join(_screen(found, agents, state, committed=_is_committed(top))))
    return Exit.SUCCESS


def _put(path: Path, text: str, force: bool, top: Path) -> str:
    if not path.exists():
        write(path, text, within=top)
        return "written"
    try:
        there = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        there = None
    if there == text:
        return "unchanged"
    if force:
        write(path, text, replace=True, within=top)
        return "replaced"
    if there is not None:
        # What stays must be a file that missions can use.
        parse_repository(there, REPOSITORY_FILE)
    return "kept"


def _commit(top: Path) -> None:
    """Raises GitProblem, such as where a hook of the repository refuses."""
    if _is_committed(top):
        return
    git(top, "add", "--", REPOSITORY_FILE)
    git(top, "commit", "--quiet", "--only", "-m", MESSAGE, "--", REPOSITORY_FILE)


def _is_committed(top: Path) -> bool:
    known = git(top, "cat-file", "-e", f"HEAD:{REPOSITORY_FILE}", check=False).returncode == 0
    return known and not git(top, "status", "--porcelain", "--", REPOSITORY_FILE).stdout


def _screen(found: Detected, agents: list[str], state: str, *, committed: bool) -> list[str]:
    rows = [("saw", ", ".join(p.seen) or p.folder, p.kind) for p in found.projects]
    rows += [("setup", step.run, step.why) for step in found.setup]
    rows += [
        ("gate" if gate.sure else "maybe", f"{gate.name}: {gate.run}", gate.why)
        for gate in found.gates
    ]
    rows += [("maybe", f"copy: {each.path}", f"ignored: {each.why}") for each in found.copy]
    rows += [("maybe", f"cache: {each.path}", each.why) for each in found.cache]
    if found.protect:
        paths = ", ".join(each.path for each in found.protect)
        rows.append(("guard", paths, "work that changes it waits for a person"))
    if len(agents) == 1:
        rows.append(("agent", agents[0], "the only one logged in here"))
    wide = min(56, max((len(middle) for _, middle, _ in rows), default=0))
    lines = [f"  {kind:<6} {middle:<{wide}}  {why}" for kind, middle, why in rows]
    if not found.projects:
        lines.append("  saw    no project that this version knows: write set-up and gates yourself")
    elif not any(gate.sure for gate in found.gates):
        lines.append("  saw    no gate: name one in the file, or give `hive run` one with --gate")
    head = {
        "written": f"wrote {REPOSITORY_FILE}",
        "replaced": f"replaced {REPOSITORY_FILE}",
        "unchanged": f"{REPOSITORY_FILE} is there, as it would be written now",
        "kept": f"{REPOSITORY_FILE} is there and stays as it is; this is what is seen now"
        " (hive init --print shows it as a file, --force replaces yours)",
    }[state]
    missing = [name for name in programs(found) if shutil.which(name) is None]
    if missing:
        lines.append(f"  !      not on PATH here: {', '.join(missing)}; runners need them")
    return [head, *lines, *_next(committed)]


def _next(committed: bool) -> list[str]:
    run = 'hive run "what you want done"'
    if committed:
        return [
            "  next   hive gate check   see each gate go red once, before you trust it overnight",
            f"         {run}   (with --plan: only show what it would do)",
        ]
    return [
        "  next   read the file, then: hive init --commit",
        "         hive gate check   see each gate go red once, before you trust it overnight",
        f"         {run}   once it is committed: missions read it from their base commit",
    ]
