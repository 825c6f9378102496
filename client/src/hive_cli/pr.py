"""`hive pr`: a mission's pull request on GitHub."""

import asyncio
import json
import time
from pathlib import Path
from typing import Final, Literal

import click
import msgspec
from google.protobuf.json_format import MessageToDict

from hive_cli.exits import Exit
from hive_cli.problems import verb
from hive_cli.target import tell_hive
from hive_client.connection import new_id
from hive_client.hive import Hive
from hive_client.landing import repository_of
from hive_client.origin import origin_name
from hive_contracts.plan import MAX_ROUNDS, PullRequestWish
from hive_contracts.v1 import github_pb2, mission_pb2

PATIENCE_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.5
AGAIN: Final = "--again"


@click.command("pr")
@click.argument("mission")
@click.option("--repository", default="", help="owner/name on GitHub (default: its origin).")
@click.option("--base", default="", help="The branch it is to be merged into.")
@click.option("--reviewer", "reviewers", multiple=True, help="A login, or organisation/team.")
@click.option("--label", "labels", multiple=True, help="A label; may be repeated.")
@click.option(
    "--rounds",
    type=click.IntRange(0, MAX_ROUNDS),
    default=None,
    help="How often what comes back goes to an agent before a person is asked.",
)
@click.option(
    "--merge",
    type=click.Choice(["never", "when_green", "queue"]),
    help="Who merges it: people, the hive once all is green, or GitHub's merge queue.",
)
@click.option(
    "--per",
    type=click.Choice(["mission", "task"]),
    help="One pull request for all, or one for each task that changed something.",
)
@click.option(
    "--again",
    is_flag=True,
    help="Where it waits for you after its rounds: let it have as many once more.",
)
@click.option("--repo", type=click.Path(path_type=Path), help="Your repository, to see its origin.")
@verb
def pr_command(
    mission: str,
    repository: str,
    base: str,
    reviewers: tuple[str, ...],
    labels: tuple[str, ...],
    rounds: int | None,
    merge: Literal["never", "when_green", "queue"] | None,
    per: Literal["mission", "task"] | None,
    again: bool,
    repo: Path | None,
    as_json: bool,
) -> int:
    """Push a mission's branch to GitHub and open its pull request, or say where that is.

    With `--per task` each task that changed something has a branch and a pull request of its own.

    Where it waits for something of yours, this lets it go on once that is done.

    Exit status: 0 it is there, 1 something is missing.
    """

    async def asked(hive: Hive) -> github_pb2.PullRequestStatus:
        view = await hive.get(mission)
        id = view.summary.mission_id
        known = await hive.github.show_pull_request(id)
        plain = rounds is None and not (base or reviewers or labels or merge or per)
        if repository or not plain or asks_for(known, again=again):
            name = repository or known.repository or _origin(view, repo)
            wish = PullRequestWish(
                name, base, reviewers=reviewers, labels=labels, merge=merge or "never",
                per=per or "mission",
            )  # fmt: skip
            if rounds is not None:
                wish = msgspec.structs.replace(wish, rounds=rounds)
            known = await hive.github.open_pull_request(
                id, wish, new_id(), keep_merge=merge is None
            )
        return await _followed(hive, id, known)

    status = tell_hive("pr", asked)
    exit = Exit.SUCCESS if is_there(status) and not status.stuck else Exit.FAILED
    if as_json:
        told = MessageToDict(status, preserving_proto_field_name=True)
        print(json.dumps({"result": status.state, "exit": int(exit), **told}))
    else:
        click.echo("\n".join(lines_of(mission, status)))
    return exit


def asks_for(known: github_pb2.PullRequestStatus, *, again: bool) -> bool:
    """Whether it is to be made, or to go on. Rounds cost money: merely to look grants none."""
    waits = bool(known.stuck) and (again or AGAIN not in known.remedy)
    return waits or known.state in ("none", "requested", "pushed")


def is_there(status: github_pb2.PullRequestStatus) -> bool:
    """Whether there is one, of those for each task any: others may have to wait for it."""
    return bool(status.number) or any(part.number for part in status.parts)


def _origin(view: mission_pb2.Mission, repo: Path | None) -> str:
    return origin_name(view.repository.url, repository_of(view, repo))


async def _followed(
    hive: Hive, mission_id: str, known: github_pb2.PullRequestStatus
) -> github_pb2.PullRequestStatus:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_there(known) and not known.stuck and time.monotonic() < until:
        await asyncio.sleep(LOOK_SECONDS)
        known = await hive.github.show_pull_request(mission_id)
    return known


def _round(each: github_pb2.RoundStatus) -> str:
    """`round 2 · ada asks for changes ▸ mended, pushed at 9ab17d0`."""
    match each.outcome:
        case "":
            became = "an agent is at it"
        case "pushed":
            became = f"mended, pushed at {each.commit[:7]}"
        case "unchanged":
            became = "nothing was changed"
        case "failed":
            became = "it failed"
        case _:
            became = "it was not taken up"
    why = f": {each.reason}" if each.reason else ""
    return f"  round {each.round} · {each.title} ▸ {became}{why}"


def lines_of(mission: str, status: github_pb2.PullRequestStatus) -> list[str]:
    if status.parts:
        lines = [f"  ! {status.checks}"] if status.checks else []
        for part in status.parts:
            lines.append(f"{part.part}")
            lines += [f"  {line}" for line in _lines_of_one(mission, part)]
        return lines
    return _lines_of_one(mission, status)


def _lines_of_one(mission: str, status: github_pb2.PullRequestStatus) -> list[str]:
    lines = []
    if status.number:
        draft = " (draft)" if status.draft else ""
        lines.append(f"{status.repository}#{status.number} {status.state}{draft} · {status.url}")
    if status.pushed:
        branch = status.branch or f"hive/{mission}"
        lines.append(f"  branch {branch} pushed at {status.pushed[:7]}")
    if status.merging:
        lines.append(f"  merging {status.merging}")
    if status.checks and not status.part:
        lines.append(f"  ! {status.checks}")
    lines += [f"  not taken: {refused}" for refused in status.refused]
    lines += [_round(each) for each in status.rounds]
    if status.stuck:
        lines.append(f"✗ {status.stuck}")
        lines.append(f"  {status.remedy}")
    elif not status.number:
        lines.append("it is asked for and not there yet: maybe nothing is merged so far")
        lines.append(f"  look again: hive pr {mission} · hive parked list")
    return lines
