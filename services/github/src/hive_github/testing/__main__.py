"""`python -m hive_github.testing`: a GitHub to try things on, until it is interrupted.

With `--json` for programs: a line with all that is there, then one for each request, delivery and
problem.
"""

import argparse
import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from hive_github.testing import GitHub, Limits, Refused

_LOOK_SECONDS: Final = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hive_github.testing",
        description="A GitHub to test against, on 127.0.0.1. What it holds ends with it.",
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--repository", action="append", default=[], metavar="OWNER/NAME", help="make it first"
    )
    parser.add_argument(
        "--person", default="octocat", help="who may write there, and whose token is shown"
    )
    parser.add_argument("--webhooks", metavar="URL", help="make an App that is told there")
    parser.add_argument(
        "--secret", default="", help="of the App's webhooks; default: one that is made and shown"
    )
    parser.add_argument(
        "--key", type=Path, default=Path("hive-test-app.pem"), help="where the App's key is written"
    )
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=NUMBER",
        help=f"another limit than GitHub's: {', '.join(Limits.__struct_fields__)}",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="lines of JSON, for programs")
    told = parser.parse_args()
    try:
        github = GitHub(port=told.port, strict=False, limits=_limits(told.limit))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    try:
        github.start()
        there = _filled(github, told)
    except (OSError, Refused, ValueError) as problem:
        print(problem, file=sys.stderr)
        github.close()
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if told.json:
        _print("github", there)
    else:
        _show(there, told.key)
    _watch(github, stop, as_json=told.json)
    github.close()
    return 0


def _limits(told: list[str]) -> Limits:
    """Raises ValueError."""
    changed: dict[str, int] = {}
    for each in told:
        name, _, number = each.partition("=")
        if name not in Limits.__struct_fields__ or not number.isdecimal():
            raise ValueError(f"--limit {each}: say NAME=NUMBER, with a name that --help lists")
        changed[name] = int(number)
    return Limits(**changed)


def _filled(github: GitHub, told: argparse.Namespace) -> dict[str, Any]:
    """What is there then. Raises ValueError for a name without its owner."""
    there: dict[str, Any] = {
        "url": github.url, "rest": github.api_url, "graphql": github.graphql_url,
        "repositories": {}, "person": told.person,
    }  # fmt: skip
    for name in told.repository:
        if name.count("/") != 1:
            raise ValueError(f"--repository {name}: say OWNER/NAME")
        made = github.repository(name, collaborators={told.person: "write"})
        there["repositories"][name] = github.clone_url(made)
    there["token"] = github.personal_token(told.person).value
    if told.webhooks is None:
        return there
    secret = told.secret or github.world.secret("webhook", 40)
    app = github.app(webhook_url=told.webhooks, webhook_secret=secret)
    owners = sorted({name.split("/")[0] for name in told.repository})
    there["installations"] = {owner: github.install(app, owner).id for owner in owners}
    told.key.touch(mode=0o600)
    told.key.write_text(github.private_key(app))
    there["app"] = {"id": app.id, "client_id": app.client_id, "webhook_secret": secret}
    return there


def _show(there: dict[str, Any], key: Path) -> None:
    print(f"a GitHub to test against at {there['url']}\n  REST     {there['rest']}")
    print(f"  GraphQL  {there['graphql']}")
    for clone in there["repositories"].values():
        print(f"  git      {clone}")
    print(f"  {there['person']}'s token: {there['token']}")
    for owner, number in there.get("installations", {}).items():
        print(f"  installed on {owner}: installation {number}")
    if app := there.get("app"):
        known = f"App {app['id']} ({app['client_id']})"
        print(f"  {known}, key in {key}, webhook secret {app['webhook_secret']}")
    print("Ctrl-C stops it", flush=True)


def _watch(github: GitHub, stop: threading.Event, *, as_json: bool) -> None:
    """One line for each request and each delivery."""
    requests = deliveries = problems = 0
    while not stop.wait(_LOOK_SECONDS):
        for heard in github.heard[requests:]:
            who = heard.caller or heard.operation or "nobody"
            if as_json:
                _print("request", _without(heard, "body"))
            else:
                print(f"{_time()} {heard.status} {heard.method} {heard.path} · {who}", flush=True)
            requests += 1
        for sent in github.deliveries[deliveries:]:
            if sent.status == "pending":
                break
            name = f"{sent.event}.{sent.action}" if sent.action else sent.event
            if as_json:
                _print("delivery", {"event": name, "status": sent.status_code or sent.status})
            else:
                print(f"{_time()} webhook {name} → {sent.status_code or sent.status}", flush=True)
            deliveries += 1
        for problem in github.problems[problems:]:
            if as_json:
                _print("problem", problem)
            else:
                print(f"{_time()} NOT AS DESCRIBED: {problem}", flush=True)
            problems += 1


def _print(kind: str, told: Any) -> None:
    print(json.dumps({kind: told}), flush=True)


def _without(told: msgspec.Struct, field: str) -> dict[str, Any]:
    return {name: each for name, each in msgspec.structs.asdict(told).items() if name != field}


def _time() -> str:
    return time.strftime("%H:%M:%S")


if __name__ == "__main__":
    sys.exit(main())
