"""`hive diff` and `hive land`: what a mission changed, and bringing it home."""

import json
import subprocess
import sys
from pathlib import Path

import click

from hive_cli.discard import discarded, stakes
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.screen import taken_steps
from hive_cli.target import ask_hive, tell_hive
from hive_client.branch import branch_of, fetch_branch
from hive_client.checkout import git, read_checkout
from hive_client.errors import HiveError
from hive_client.hive import ENDED, Hive
from hive_client.landing import Landed, land, repository_of
from hive_contracts.v1 import mission_pb2

_REPO = click.option(
    "--repo", type=click.Path(path_type=Path), help="Your repository (default: the mission's)."
)


@click.command("diff")
@click.argument("mission")
@_REPO
@click.option("--stat", is_flag=True, help="Only which files, and how much.")
@verb
def diff_command(mission: str, repo: Path | None, stat: bool, as_json: bool) -> int:
    """Fetch a mission's branch as hive/MISSION and show what it changed."""

    async def fetched(hive: Hive) -> tuple[mission_pb2.Mission, Path, str]:
        view = await hive.get(mission)
        if view.HasField("released") and not as_json:
            click.echo(f"{discarded(view)}; this is what is left of it", err=True)
        path = read_checkout(repository_of(view, repo)).path
        return view, path, await fetch_branch(hive, view, path)

    view, path, tip = ask_hive(fetched)
    base = view.repository.base
    if as_json:
        files = git(path, "diff", "--numstat", base, tip).stdout.splitlines()
        print(json.dumps({"mission": view.summary.name, "base": base, "tip": tip, "files": files}))
        return Exit.SUCCESS
    sys.stdout.flush()
    return subprocess.run(
        ["git", "-C", str(path), "diff", *(["--stat"] if stat else []), base, tip], check=False
    ).returncode


@click.command("land")
@click.argument("mission")
@_REPO
@click.option("--merge", is_flag=True, help="Merge where your branch has gone on, ungated.")
@verb
def land_command(mission: str, repo: Path | None, merge: bool, as_json: bool) -> int:
    """Bring a succeeded mission into the branch that you have checked out.

    Refuses a checkout with changes, of another branch than the mission started from, or that has
    gone on since: what both make together no gate has seen.
    """

    async def landed(hive: Hive) -> tuple[mission_pb2.Mission, Landed, str]:
        view = await hive.get(mission)
        if view.HasField("released"):
            raise Problem(
                discarded(view),
                code="conflict",
                remedy=f"launch it once more with `hive retry {view.summary.name}`, or merge by"
                f" hand what `hive diff {view.summary.name}` still finds",
            )
        taken = taken_steps(view)
        if taken and view.summary.status not in ENDED:
            raise Problem(
                f"the mission is {view.summary.status}; only one that succeeded is landed",
                code="conflict",
                where=view.summary.name,
                remedy=f"first give back what was taken: {' · '.join(taken)}",
            )
        done = await land(hive, view, repository_of(view, repo), merge=merge)
        # Said again where it was landed before: the hive may not have heard of it.
        try:
            await hive.record_landing(view.summary.mission_id, view.tip.commit, done.branch)
        except HiveError as error:
            return view, done, str(error)
        return view, done, ""

    view, done, unheard = tell_hive("land", landed)
    if as_json:
        body = {"branch": done.branch, "old": done.old, "new": done.new}
        print(json.dumps({"result": "landed", "exit": 0, **body}))
    elif done.old == done.new:
        click.echo(f"{branch_of(view)} was landed before; nothing to do")
    else:
        click.echo(
            f"landed {branch_of(view)} into {done.branch or 'HEAD'}: "
            f"{done.old[:7]}..{done.new[:7]} · undo: git reset --keep {done.old[:12]}"
        )
        if done.new != view.tip.commit:
            click.echo(
                f"{done.branch or 'HEAD'} had gone on: no gate has seen what both make together,"
                " so run your tests before you push"
            )
        if any(stakes(_as_landed(view))):
            click.echo(
                "what its other attempts left is kept until you say:"
                f" hive discard {view.summary.name}"
            )
    if unheard and not as_json:
        click.echo(
            f"the hive does not know it yet ({unheard});"
            f" `hive land {view.summary.name}` says it again",
            err=True,
        )
    return Exit.SUCCESS


def _as_landed(view: mission_pb2.Mission) -> mission_pb2.Mission:
    """The mission as it is after its landing."""
    after = mission_pb2.Mission()
    after.CopyFrom(view)
    after.landed.commit = view.tip.commit
    return after
