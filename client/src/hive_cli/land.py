"""`hive diff` and `hive land`: what a mission changed, and bringing it home."""

import json
import subprocess
import sys
from pathlib import Path

import click

from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_client.branch import branch_of, fetch_branch
from hive_client.checkout import git, read_checkout
from hive_client.hive import Hive
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
@verb
def land_command(mission: str, repo: Path | None, as_json: bool) -> int:
    """Fast-forward or merge a succeeded mission into the branch that you have checked out.

    Refuses a checkout with changes, or of another branch than the mission started from.
    """

    async def landed(hive: Hive) -> tuple[mission_pb2.Mission, Landed]:
        view = await hive.get(mission)
        if view.summary.status != "succeeded":
            raise Problem(
                f"the mission is {view.summary.status}; only one that succeeded is landed",
                code="conflict",
                where=view.summary.name,
                remedy=f"look at it with `hive diff {view.summary.name}` and merge by hand",
            )
        return view, await land(hive, view, repository_of(view, repo))

    view, done = ask_hive(landed)
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
    return Exit.SUCCESS
