"""`hive github`: connecting the hive with GitHub, and what is missing."""

import json
from typing import Final

import click

from hive_cli.app_page import AppMade, make_app, manifest
from hive_cli.exits import Exit
from hive_cli.problems import Problem, verb
from hive_cli.target import ask_hive
from hive_contracts.github.places import places
from hive_shared.settings import ClientSettings, load
from hive_stack.private import write_private

FILES: Final = ("github-app.id", "github-app.pem", "github-webhook.secret")


@click.group("github")
def github_command() -> None:
    """GitHub: connect, doctor."""


@github_command.command("connect")
@click.option("--organization", default="", help="Make the App there (default: your account).")
@click.option("--webhook-url", default="", help="Where GitHub reaches this hive from outside.")
@click.option("--name", default="", help="The App's name, unique on GitHub.")
@click.option("--again", is_flag=True, help="Replace the App that is connected.")
@verb
def connect_command(
    organization: str, webhook_url: str, name: str, again: bool, as_json: bool
) -> int:
    """Make a GitHub App for this hive, in your browser, and keep its key here.

    Run it on the hive's own machine. Without --webhook-url the App sends nothing: the hive looks
    at its open pull requests by itself, every five minutes.
    """
    settings = load(ClientSettings)
    secrets = settings.secrets
    if not secrets.is_dir():
        raise Problem(
            "there is no hive on this machine", code="not-found", where=str(secrets),
            remedy="run it where the hive is, or start one: hive up",
        )  # fmt: skip
    if (secrets / FILES[0]).exists() and not again:
        raise Problem(
            "an App is connected already", code="conflict", where=str(secrets / FILES[0]),
            remedy="see how it does: hive github doctor; or replace it with --again",
        )  # fmt: skip
    if webhook_url and not webhook_url.startswith(("https://", "http://")):
        raise Problem(
            f"{webhook_url!r} is no URL", code="invalid", where="--webhook-url",
            remedy="write https://hive.example.org/webhooks",
        )  # fmt: skip
    where = places(settings.github_url)

    def show(url: str) -> None:
        if not as_json:
            click.echo(f"open this page and follow it: {url}")
            click.echo("  waiting for GitHub to send you back · Ctrl-C ends it")
        click.launch(url)

    made = make_app(where, organization, manifest(name, webhook_url), show)
    _keep(made, settings)
    if as_json:
        print(json.dumps({"result": "connected", "exit": 0, "app": made.slug, "url": made.url}))
    else:
        click.echo(f"connected as {made.name} · its key is in {secrets}")
        click.echo(f"  next: install it on your repositories: {made.url}/installations/new")
        click.echo("  then: hive github doctor")
    return Exit.SUCCESS


def _keep(made: AppMade, settings: ClientSettings) -> None:
    # The number last: with it, the service takes the others for whole.
    write_private(settings.secrets / FILES[1], made.pem)
    if made.webhook_secret:
        write_private(settings.secrets / FILES[2], f"{made.webhook_secret}\n")
    write_private(settings.secrets / FILES[0], f"{made.id}\n")


@github_command.command("doctor")
@click.argument("repository", default="")
@verb
def doctor_command(repository: str, as_json: bool) -> int:
    """Say what is missing between the hive and GitHub. REPOSITORY: owner/name to look at, too.

    Exit status: 0 nothing, 1 something.
    """
    findings = ask_hive(lambda hive: hive.github.examine(repository))
    exit = Exit.SUCCESS if all(finding.ok for finding in findings) else Exit.FAILED
    if as_json:
        told = [
            {"what": f.what, "ok": f.ok, "detail": f.detail, "remedy": f.remedy} for f in findings
        ]
        print(json.dumps({"result": "examined", "exit": int(exit), "findings": told}))
        return exit
    for finding in findings:
        click.echo(f"{'✓' if finding.ok else '✗'} {finding.what} · {finding.detail}")
        if finding.remedy:
            click.echo(f"    {finding.remedy}")
    return exit
