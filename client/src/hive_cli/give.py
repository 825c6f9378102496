"""`hive give`: hand a task back that was taken."""

import json
from pathlib import Path

import click

from hive_cli.exits import Exit
from hive_cli.paths import short
from hive_cli.problems import Problem, verb
from hive_cli.target import tell_hive
from hive_client.answers import Told
from hive_client.errors import HiveError
from hive_client.given import Given
from hive_client.hive import Hive
from hive_client.taken import TakenHere, Takeover
from hive_client.takeover import commit_all, hand_in
from hive_shared.settings import ClientSettings, load


@click.command("give")
@click.argument("task", metavar="[MISSION[/PHASE[/TASK]]]", required=False, default="")
@click.option("--note", default="", help="What the next attempt is told.")
@click.option("--done", is_flag=True, help="It is the result: on to the gates, no agent needed.")
@click.option("--drop", is_flag=True, help="Give back without any work.")
@click.option("--force", is_flag=True, help="Although another has it; this is recorded.")
@verb
def give_command(task: str, note: str, done: bool, drop: bool, force: bool, as_json: bool) -> int:
    """Give a task back that you took, with all that lies in its worktree.

    The next attempt starts from there, and your note is its input; with --done it is the result.
    In the worktree TASK may be left out.
    """
    if drop and done:
        raise Problem(
            "what is dropped cannot be done", code="invalid", where="--drop --done",
            remedy="leave one of them out",
        )  # fmt: skip
    here = TakenHere(load(ClientSettings).data)
    takeover = _here(here, task, needed=not (drop or force))
    mission, _, named = task.partition("/")
    if takeover is not None:
        mission, named = takeover.mission, takeover.task_id
    elif not task:
        raise Problem("no task is named", code="invalid", where="TASK", remedy="hive give TASK")
    given: list[tuple[Told, Given]] = []

    async def give(hive: Hive) -> None:
        work = Given(
            takeover.epoch if takeover else 0, note=note, done=done, drop=drop, force=force
        )
        if takeover is not None and not drop:
            work = await _work(hive, takeover, work)
        try:
            given.append((await hive.give(mission, named, work), work))
        except HiveError as error:
            if takeover is not None:
                error.remedy = _stays(error.remedy, takeover)
                if not await _is_mine(hive, takeover):
                    here.forget(takeover)
            raise

    tell_hive("give", give)
    told, work = given[0]
    if takeover is not None:
        here.forget(takeover)
    name = f"{mission}/{told.task}"
    if as_json:
        body = {"result": "given", "exit": 0, "task": name, "commit": work.commit}
        print(json.dumps(body | {"done": done, "dropped": drop}))
        return Exit.SUCCESS
    click.echo(f"gave {name} back{_how(work)} · follow it: hive why {mission}")
    if takeover is not None:
        click.echo(f"  {short(Path(takeover.path))} stays; delete it when you need it no more")
    return Exit.SUCCESS


def _here(here: TakenHere, task: str, *, needed: bool) -> Takeover | None:
    """The worktree that is meant. Raises Problem."""
    if not task:
        found = here.around(Path.cwd())
        if found is None:
            raise Problem(
                "you are in no worktree of a task that you took", code="invalid",
                where=str(Path.cwd()), remedy="go there, or name the task: hive give TASK",
            )  # fmt: skip
        return found
    mission, _, named = task.partition("/")
    known = here.named(mission, named)
    if len(known) > 1:
        raise Problem(
            "several tasks are taken here", code="conflict", where=task,
            remedy=f"name one: {', '.join(takeover.name for takeover in known)}",
        )  # fmt: skip
    if not known and needed:
        raise Problem(
            "no worktree of this task is here", code="not-found", where=task,
            remedy=f"give it back where it was taken, or without any work: hive give {task} --drop",
        )  # fmt: skip
    return known[0] if known else None


async def _work(hive: Hive, takeover: Takeover, work: Given) -> Given:
    """With what lies in the worktree, committed and uploaded."""
    if not takeover.is_there:
        raise Problem(
            "the worktree is gone", code="not-found", where=takeover.path,
            remedy=f"give the task back without any work: hive give {takeover.name} --drop",
        )  # fmt: skip
    commit = commit_all(takeover, work.note)
    if commit == takeover.tip:
        return work
    return Given(
        work.epoch, commit, await hand_in(hive, takeover, commit), work.note, work.done,
        force=work.force,
    )  # fmt: skip


async def _is_mine(hive: Hive, takeover: Takeover) -> bool:
    """Whether the task is still taken as it was; also where nobody can be asked."""
    try:
        view = await hive.get(takeover.mission)
    except HiveError:
        return True
    return any(
        task.task_id == takeover.task_id
        and task.status == "taken"
        and task.taken.epoch == takeover.epoch
        for task in view.tasks
    )


def _stays(remedy: str, takeover: Takeover) -> str:
    """What was made is not lost by a refusal."""
    where = f"your worktree stays: {takeover.path}, branch {takeover.branch}"
    return f"{remedy}; {where}" if remedy else where


def _how(work: Given) -> str:
    if work.drop:
        return " without any work"
    at = f" at {work.commit[:7]}" if work.commit else ", with nothing changed"
    after = "its gates are next" if work.done else "its next attempt goes on from there"
    return f"{at}: {after}" if work.commit else at
