"""A GitHub App made from a manifest, by way of the person's browser.

    127.0.0.1/            a page that sends the manifest to GitHub, where the person confirms
    127.0.0.1/made?code   GitHub sends the browser back with a code, good once and for an hour
    GitHub's API          gives the App's key for the code, to us alone

`state` is ours and secret: a page of somebody else's cannot make us take another App's code.
Source: docs.github.com, "Registering a GitHub App from a manifest".
"""

import hmac
import html
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from hive_cli.problems import Problem
from hive_contracts.github.places import Places

PERMISSIONS: Final = {
    "contents": "write",
    "pull_requests": "write",
    "issues": "write",
    "checks": "write",
    "actions": "write",
    "statuses": "read",
    "merge_queues": "write",
    "metadata": "read",
    "members": "read",
}
EVENTS: Final = (
    "check_run", "check_suite", "issue_comment", "issues", "merge_group", "pull_request",
    "pull_request_review", "pull_request_review_comment", "pull_request_review_thread", "push",
    "repository", "status",
)  # fmt: skip
SECONDS: Final = 20.0


class AppMade(msgspec.Struct, frozen=True):
    """GitHub's answer to the code; it is given once."""

    id: int
    slug: str
    name: str
    pem: str
    url: str = msgspec.field(name="html_url")
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        return f"AppMade({self.slug})"


def manifest(name: str, webhook_url: str) -> dict[str, Any]:
    """`redirect_url` comes with the page."""
    told: dict[str, Any] = {
        "name": name or f"agent-hive-{secrets.token_hex(3)}",
        "url": webhook_url or "http://127.0.0.1",
        "public": False,
        "default_permissions": PERMISSIONS,
        "default_events": list(EVENTS),
    }
    if webhook_url:
        told["hook_attributes"] = {"url": webhook_url, "active": True}
    return told


def make_app(
    where: Places, organization: str, manifest: dict[str, Any], show: Callable[[str], None]
) -> AppMade:
    """Until the person has confirmed it. Raises Problem."""
    state = secrets.token_urlsafe(24)
    codes: list[str] = []
    with HTTPServer(("127.0.0.1", 0), _handler(codes, state)) as server:
        server.timeout = 1.0
        own = f"http://127.0.0.1:{server.server_port}"
        place = f"organizations/{quote(organization, safe='')}/" if organization else ""
        action = f"{where.url}/{place}settings/apps/new?state={state}"
        told = json.dumps({**manifest, "redirect_url": f"{own}/made"})
        server.page = _page(action, told)  # type: ignore[attr-defined]  # for the handler
        show(own)
        while not codes:
            server.handle_request()
    return _converted(where, codes[0])


def _handler(codes: list[str], state: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = parse_qs(asked.query)
            given = query.get("state", [""])[0]
            if asked.path == "/":
                self._answer(200, self.server.page)  # type: ignore[attr-defined]
            elif asked.path == "/made" and query.get("code") and _same(given, state):
                codes.append(query["code"][0])
                self._answer(200, "<p>The App is made. Go back to your terminal.</p>")
            else:
                self._answer(404, "<p>There is nothing here.</p>")

        def _answer(self, status: int, page: str) -> None:
            body = f"<!doctype html><meta charset=utf-8><title>Agent Hive</title>{page}".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The code must be in no log."""

    return Handler


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _page(action: str, told: str) -> str:
    return (
        f'<form id=f method=post action="{html.escape(action)}">'
        f'<input type=hidden name=manifest value="{html.escape(told)}">'
        "<p>GitHub will ask you to confirm a GitHub App for this hive.</p>"
        "<button>Go on to GitHub</button></form>"
    )


def _converted(where: Places, code: str) -> AppMade:
    url = f"{where.api}/app-manifests/{quote(code, safe='')}/conversions"
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "agent-hive"}
    request = urllib.request.Request(url, b"", headers, method="POST")  # noqa: S310  # settings say https
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # as above
            return msgspec.json.decode(answer.read(), type=AppMade)
    except (OSError, msgspec.MsgspecError) as error:
        status = f" {error.code}" if isinstance(error, urllib.error.HTTPError) else ""
        raise Problem(
            f"GitHub does not give the App's key: {type(error).__name__}{status}",
            code="unavailable", where=where.api,
            remedy="delete the App on GitHub, if it is there, and try again: a code is good once",
        ) from error  # fmt: skip
