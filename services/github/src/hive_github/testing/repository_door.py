"""git's requests: who may read and push, and what a push changes."""

import asyncio
from typing import Final
from urllib.parse import parse_qs

from starlette.responses import Response

from hive_github.testing import branches, git_http, tokens
from hive_github.testing.api import Asked
from hive_github.testing.git import ZERO
from hive_github.testing.model import ROLES, Account, Repository
from hive_github.testing.refusals import Refused
from hive_github.testing.world import World

PARTS: Final = ("info/refs", *git_http.SERVICES)


def split(path: str) -> tuple[str, str] | None:
    """A repository's full name and git's own part of a path, if it is one of git's."""
    parts = path.strip("/").split("/", 2)
    if len(parts) != 3 or parts[2] not in PARTS:
        return None
    return f"{parts[0]}/{parts[1].removesuffix('.git')}", parts[2]


async def answer(world: World, asked: Asked, full_name: str, part: str) -> Response:
    service = part if part in git_http.SERVICES else parse_qs(asked.query).get("service", [""])[0]
    pushes = service == "git-receive-pack"
    with world.lock:
        try:
            repository, who = _admitted(world, asked, full_name, pushes=pushes)
        except Refused as refused:
            return _refusal(refused)
        if repository is None:
            return Response(status_code=301, headers={"Location": _moved(world, asked, full_name)})
    said = await git_http.answered(
        world.git.environment,
        repository.path,
        asked=part,
        service=service,
        headers=asked.headers,
        body=asked.body,
    )
    if part == "git-receive-pack" and who is not None:
        await asyncio.to_thread(_pushed, world, repository, who)
    return said


def _pushed(world: World, at: Repository, who: Account) -> None:
    """Whatever has moved since it was last told; of two pushes at once, one tells of both."""
    with world.lock:
        before, after = dict(at.tips), world.git.refs(at.path)
        for ref in sorted(before.keys() | after.keys()):
            branches.moved(world, at, ref, before.get(ref, ZERO), after.get(ref, ZERO), who)


def _admitted(
    world: World, asked: Asked, full_name: str, *, pushes: bool
) -> tuple[Repository | None, Account | None]:
    """Raises Refused."""
    who = tokens.caller(world, asked.headers)
    found = world.find_repository(full_name)
    if found is None:
        if world.moved.get(full_name.lower()) in world.repositories:
            return None, who.account
        raise _ask(asked)
    if who.token is None:
        if found.private or pushes:
            raise _ask(asked)
        return found, None
    if not tokens.sees(world, who, found):
        raise Refused(404, "Repository not found.")
    needed = "contents:write" if pushes else "contents:read"
    open_to_all = not pushes and not found.private
    reaches = tokens.reaches(world, who.token, found)
    if not open_to_all and not (reaches and tokens.granted(who.token, needed)):
        raise Refused(403, f"Permission to {full_name}.git denied to {_login(who.account)}.")
    person = who.token.user
    if pushes and person is not None and not _writes(world, person, found):
        raise Refused(403, f"Permission to {full_name}.git denied to {person.login}.")
    if pushes and found.archived:
        raise Refused(403, "This repository was archived so it is read-only.")
    return found, who.account


def _writes(world: World, person: Account, at: Repository) -> bool:
    return ROLES.index(world.role(person, at)) >= ROLES.index("write")


def _login(account: Account | None) -> str:
    return account.login if account else "nobody"


def _ask(asked: Asked) -> Refused:
    """Whoever has shown nothing is asked for a password; else there is nothing here."""
    if "authorization" in asked.headers:
        return Refused(404, "Repository not found.")
    return Refused(
        401, "Requires authentication", headers={"WWW-Authenticate": 'Basic realm="GitHub"'}
    )


def _moved(world: World, asked: Asked, full_name: str) -> str:
    now = world.repositories[world.moved[full_name.lower()]]
    rest = asked.path.strip("/").split("/", 2)[2]
    return f"{world.url}/{now.full_name}.git/{rest}" + (f"?{asked.query}" if asked.query else "")


def _refusal(refused: Refused) -> Response:
    return Response(
        f"{refused.message}\n", refused.status, refused.headers, media_type="text/plain"
    )
