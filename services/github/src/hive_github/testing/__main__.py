"""`python -m hive_github.testing`: a GitHub to try things on, until it is interrupted."""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from hive_github.testing import GitHub, Refused

_LOOK_SECONDS = 0.2


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
    told = parser.parse_args()
    github = GitHub(port=told.port, strict=False)
    try:
        github.start()
        _fill(github, told)
    except (OSError, Refused, ValueError) as problem:
        print(problem, file=sys.stderr)
        github.close()
        return 2
    print("Ctrl-C stops it", flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _watch(github, stop)
    github.close()
    return 0


def _fill(github: GitHub, told: argparse.Namespace) -> None:
    """Raises ValueError for a name without its owner."""
    print(f"a GitHub to test against at {github.url}\n  REST     {github.api_url}")
    print(f"  GraphQL  {github.graphql_url}")
    for name in told.repository:
        if name.count("/") != 1:
            raise ValueError(f"--repository {name}: say OWNER/NAME")
        made = github.repository(name, collaborators={told.person: "write"})
        print(f"  git      {github.clone_url(made)}")
    print(f"  {told.person}'s token: {github.personal_token(told.person).value}")
    if told.webhooks is None:
        return
    secret = told.secret or github.world.secret("webhook", 40)
    app = github.app(webhook_url=told.webhooks, webhook_secret=secret)
    for owner in sorted({name.split("/")[0] for name in told.repository}):
        at = github.install(app, owner)
        print(f"  installed on {owner}: installation {at.id}")
    told.key.touch(mode=0o600)
    told.key.write_text(github.private_key(app))
    print(f"  App {app.id} ({app.client_id}), key in {told.key}, webhook secret {secret}")


def _watch(github: GitHub, stop: threading.Event) -> None:
    """One line for each request and each delivery."""
    requests = deliveries = problems = 0
    while not stop.wait(_LOOK_SECONDS):
        for heard in github.heard[requests:]:
            who = heard.caller or heard.operation or "nobody"
            print(f"{_time()} {heard.status} {heard.method} {heard.path} · {who}", flush=True)
            requests += 1
        for sent in github.deliveries[deliveries:]:
            if sent.status == "pending":
                break
            name = f"{sent.event}.{sent.action}" if sent.action else sent.event
            print(f"{_time()} webhook {name} → {sent.status_code or sent.status}", flush=True)
            deliveries += 1
        for problem in github.problems[problems:]:
            print(f"{_time()} NOT AS DESCRIBED: {problem}", flush=True)
            problems += 1


def _time() -> str:
    return time.strftime("%H:%M:%S")


if __name__ == "__main__":
    sys.exit(main())
