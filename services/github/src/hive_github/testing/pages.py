"""What a person sees in a browser: an App made from its manifest, and installed."""

import html
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlencode

import msgspec
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from hive_github.testing import registry
from hive_github.testing.api import Asked
from hive_github.testing.refusals import Refused
from hive_github.testing.world import World

Page = Callable[[World, Asked], Response]
_NEEDED: Final = ("name", "url", "redirect_url")


def matching(asked: Asked) -> Page | None:
    parts = asked.path.strip("/").split("/")
    match asked.method, parts:
        case "POST", ["settings", "apps", "new"] | ["organizations", _, "settings", "apps", "new"]:
            return _new_app
        case _, ["apps", _, "installations", "new"]:
            return _install
        case "GET", ["logs", _]:
            return _log
        case "GET", [""]:
            return _front
    return None


def _front(world: World, asked: Asked) -> Response:
    names = [html.escape(one.full_name) for one in world.repositories.values()]
    listed = "".join(f"<li>{name}</li>" for name in names)
    return HTMLResponse(f"<h1>A GitHub to test against</h1><p>{world.api}</p><ul>{listed}</ul>")


def _log(world: World, asked: Asked) -> Response:
    """Where the API leads whoever wants a job's log."""
    job, until = world.logs.get(asked.path.rsplit("/", 1)[-1], (None, 0.0))
    if job is None or until < world.clock.now():
        return PlainTextResponse("This link is no longer good.", 404)
    return PlainTextResponse(job.log)


def _new_app(world: World, asked: Asked) -> Response:
    """The click of a person is taken for granted."""
    told = parse_qs(asked.body.decode())
    state = parse_qs(asked.query).get("state", told.get("state", [""]))[0]
    try:
        manifest = msgspec.json.decode(told["manifest"][0])
    except (KeyError, msgspec.DecodeError) as error:
        return HTMLResponse(f"Error: the manifest cannot be read: {html.escape(str(error))}", 422)
    missing = [name for name in _NEEDED if not manifest.get(name)]
    if missing:
        return HTMLResponse(f"Error: the manifest lacks {', '.join(missing)}", 422)
    parts = asked.path.strip("/").split("/")
    owner = parts[1] if parts[0] == "organizations" else "octocat"
    account = world.account(owner, "Organization" if parts[0] == "organizations" else "User")
    code = world.secret("manifest code", 40)
    world.manifests[code] = (account, manifest)
    query = urlencode({"code": code, **({"state": state} if state else {})})
    joint = "&" if "?" in manifest["redirect_url"] else "?"
    return RedirectResponse(f"{manifest['redirect_url']}{joint}{query}", 302)


def _install(world: World, asked: Asked) -> Response:
    """GET shows the accounts, POST with `account` installs on one and leads to the set-up URL."""
    slug = asked.path.strip("/").split("/")[1]
    app = next((one for one in world.apps.values() if one.slug == slug), None)
    if app is None:
        return HTMLResponse("This page does not exist.", 404)
    if asked.method == "GET":
        owners = {one.owner.login for one in world.repositories.values()}
        buttons = "".join(
            f'<button name="account" value="{html.escape(name)}">{html.escape(name)}</button>'
            for name in sorted(owners)
        )
        return HTMLResponse(f'<h1>Install {app.name}</h1><form method="post">{buttons}</form>')
    try:
        account = world.known_account(parse_qs(asked.body.decode()).get("account", [""])[0])
        made = registry.install(world, app, account, None)
    except Refused as refused:
        return HTMLResponse(html.escape(refused.message), refused.status)
    if app.setup_url is None:
        return HTMLResponse(f"<p>{app.name} is installed on {account.login}.</p>")
    query = urlencode({"installation_id": made.id, "setup_action": "install"})
    return RedirectResponse(f"{app.setup_url}?{query}", 302)
