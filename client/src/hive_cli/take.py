"""`hive take`: end the turn of a task's agent, and go on by hand."""

import asyncio
import json
import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from hive_cli.exits import Exit
from hive_cli.paths import short
from hive_cli.problems import Problem, verb
from hive_cli.target import tell_hive
from hive_client.answers import TakenTask
from hive_client.hive import Hive
from hive_client.landing import repository_of
from hive_client.remote import is_remote
from hive_client.taken import TakenHere, Takeover
from hive_client.takeover import LEFT, bring_late, make_worktree, put
from hive_contracts.v1 import mission_pb2
from hive_shared.profiles import profiles_of
from hive_shared.settings import ClientSettings, load

WAIT: Final = 60.0
"""Seconds that a runner has to end an agent's turn and hand over what is there."""


class Ready(msgspec.Struct, frozen=True):
    """A task that is taken, and its worktree."""

    takeover: Takeover
    taken: mission_pb2.TakenView
    apart: bool = False
    """Whether what the agent left came after the worktree was made, and is on a branch there."""


class Opened(msgspec.Struct, frozen=True):
    """What is started in the worktree."""

    command: Sequence[str]
    env: dict[str, str] = {}
    """Besides the person's own."""


@click.command("take")
@click.argument("task", metavar="MISSION[/PHASE[/TASK]]")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Where the worktree goes: a new or empty folder.",
)
@click.option("--repo", help="What is cloned: a path or URL (default: the mission's repository).")
@click.option("--now", is_flag=True, help="Do not wait for what the agent has made so far.")
@click.option("--agent", is_flag=True, help="Open the agent's own command on the same session.")
@click.option("--no-shell", is_flag=True, help="Only make the worktree.")
@verb
def take_command(
    task: str,
    into: Path | None,
    repo: str | None,
    now: bool,
    agent: bool,
    no_shell: bool,
    as_json: bool,
) -> int:
    """Take a task over: its agent's turn ends, and nobody works on it but you.

    What the agent has made so far is put into a worktree of its own, and your shell opened there.
    The mission stays open until you give the task back with `hive give`.
    """
    mission, _, named = task.partition("/")
    here = TakenHere(load(ClientSettings).data)
    say = (lambda _: None) if as_json else (lambda text: click.echo(text, err=True))
    found: list[Ready] = []

    async def take(hive: Hive) -> None:
        taken = await hive.take(mission, named)
        view, its = await _handed_over(hive, mission, taken, 0 if now else WAIT, say)
        found.append(await _worktree(hive, view, its, here, into, repo))

    tell_hive("take", take)
    ready = found[0]
    if as_json:
        print(json.dumps(_as_json(ready)))
        return Exit.SUCCESS
    click.echo("\n".join(said(ready)))
    own = _agents_own(ready) if agent else None
    if isinstance(own, str):
        click.secho(f"  ! {own}", fg="yellow", err=True)
        own = None
    if not no_shell and sys.stdin.isatty() and sys.stdout.isatty():
        _open(own or Opened([_shell()]), ready)
    elif own:
        click.echo(f"  agent  {shlex.join(own.command)}")
    return Exit.SUCCESS


async def _handed_over(
    hive: Hive, mission: str, taken: TakenTask, wait: float, say: Callable[[str], None]
) -> tuple[mission_pb2.Mission, mission_pb2.TaskView]:
    """The task as it is once its runner has answered, or nobody waits for that any more."""
    view = await hive.get(mission, at_least_position=taken.position)
    its = _its(view, taken)
    if not wait or not its.taken.awaited:
        return view, its
    say(f"{taken.task} is yours; waiting for what its agent has made so far (--now does not)")
    try:
        async with asyncio.timeout(wait):
            async for change in hive.watch(mission, at_least_position=taken.position):
                view, its = change.mission, _its(change.mission, taken)
                if not its.taken.awaited:
                    break
    except TimeoutError:
        say(f"its runner has not answered for {wait:.0f} s")
    return view, its


def _its(view: mission_pb2.Mission, taken: TakenTask) -> mission_pb2.TaskView:
    its = next((task for task in view.tasks if task.task_id == taken.task_id), None)
    if its is None or its.status != "taken":
        state = its.status if its is not None else "gone"
        raise Problem(
            f"{taken.task} is {state}: it was given back, or its mission ended, meanwhile",
            code="conflict",
            where=view.summary.name,
            remedy=f"hive why {view.summary.name}",
        )
    return its


async def _worktree(
    hive: Hive,
    view: mission_pb2.Mission,
    its: mission_pb2.TaskView,
    here: TakenHere,
    into: Path | None,
    repo: str | None,
) -> Ready:
    name = f"{its.phase}/{its.name}" if its.phase else its.name
    known = here.of(view.summary.name, name)
    if known is not None and known.epoch == its.taken.epoch and known.is_there:
        apart = await bring_late(hive, its.taken, Path(known.path))
        return Ready(known, its.taken, apart)
    path = into or here.place(view.summary.name, name, its.taken.epoch)
    path = path.expanduser().absolute()
    _check_free(path, view.summary.name, name)
    made = await make_worktree(hive, view, its, _source(view, repo), path)
    here.keep(made)  # before it is in its place: one that is there is known
    put(made)
    return Ready(made, its.taken)


def _check_free(path: Path, mission: str, task: str) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise Problem(
            "this folder is not empty, and nothing in it is touched",
            code="conflict",
            where=str(path),
            remedy=f"the task is yours; name another place: hive take {mission}/{task} --into DIR",
        )


def _source(view: mission_pb2.Mission, given: str | None) -> str:
    """What is cloned. Raises GitProblem."""
    url = view.repository.url
    if given is None and not url.startswith("/") and is_remote(url):
        return url
    if given is not None and is_remote(given):
        return given
    return str(repository_of(view, Path(given) if given else None).expanduser().absolute())


def said(ready: Ready) -> list[str]:
    """What a person sees of it, and what they type next."""
    takeover, taken = ready.takeover, ready.taken
    lines = [f"{takeover.name} is yours: nobody else works on it"]
    lines.append(f"  files  {short(Path(takeover.path))}, branch {takeover.branch}")
    lines.append(f"  state  {_state(ready)}")
    if taken.found.agent.said:
        first = taken.found.agent.said.strip().splitlines()[0]
        lines.append(f"  agent  {taken.found.agent.profile} said last: {first}")
    lines.append("  next   change what you want, then from there, committed or not:")
    lines.append('         hive give --note "what is left to do"   the agent goes on from it')
    lines.append("         hive give --done                        it is done: on to the gates")
    lines.append("         hive give --drop                        without any of it")
    return lines


def _state(ready: Ready) -> str:
    taken = ready.taken
    if ready.apart:
        return f"what the agent left came later, on a branch of its own: git merge {LEFT}"
    if taken.awaited:
        return "what the agent left has not come yet: `hive take` again brings it when it has"
    if taken.found.commit:
        return f"with all that was made so far, {taken.found.commit[:7]}"
    if taken.lost:
        return f"as the task began: nothing was handed over, {taken.lost}"
    return "as the task began: nothing was changed yet"


def _shell() -> str:
    return os.environ.get("SHELL") or pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"


def _agents_own(ready: Ready) -> Opened | str:
    """The agent's own command on the session that it had; else why there is none."""
    agent = ready.taken.found.agent
    if not agent.session:
        return "no agent of this task has told of a session to go on with"
    profile = profiles_of(load(ClientSettings).profiles).get(agent.profile)
    if profile is None or not profile.takeover:
        return (
            f"{agent.profile} cannot go on with a session of its own from another folder: start it"
            f" there anew, or say how in hive.toml, as profiles.{agent.profile}.takeover"
        )
    command = [word.replace("{session}", agent.session) for word in profile.takeover]
    # Its sessions may be in a folder that the profile names.
    return Opened(command, profile.set_env)


def _open(opened: Opened, ready: Ready) -> None:
    """Somebody works there until they leave; that alone gives nothing back."""
    takeover, command = ready.takeover, opened.command
    click.echo(f"  {command[0]} opens there; leaving it does not give the task back")
    # Some programs believe PWD before they ask where they are.
    env = {**os.environ, **opened.env, "PWD": takeover.path}
    try:
        subprocess.run(command, cwd=takeover.path, env=env, check=False)
    except OSError as error:
        raise Problem(
            f"{command[0]} cannot be started: {error.strerror}", code="invalid",
            where=takeover.path, remedy="the worktree is there: go on without it",
        ) from error  # fmt: skip
    click.echo(f"{takeover.name} is still yours · give it back: hive give {takeover.name}")


def _as_json(ready: Ready) -> dict[str, object]:
    takeover, taken = ready.takeover, ready.taken
    return {
        "result": "taken",
        "exit": 0,
        "task": takeover.name,
        "path": takeover.path,
        "branch": takeover.branch,
        "epoch": takeover.epoch,
        "tip": takeover.tip,
        "found": taken.found.commit,
        "apart": ready.apart,
        "awaited": taken.awaited,
        "lost": taken.lost,
        "session": taken.found.agent.session,
    }
