"""A GitHub to test against: a real HTTP server with real git, on 127.0.0.1.

In a test:

    from hive_github.testing import GitHub, Rules

    async with GitHub() as github:                        # `with` does as well
        shop = github.repository("acme/shop", files={"README.md": "hi"},
                                 collaborators={"ada": "write"})
        app = github.app(webhook_url="http://127.0.0.1:9000/webhooks", webhook_secret="s")
        at = github.install(app, "acme")
        ada, stranger = github.person("ada"), github.person("eve")
        issue = ada.open_issue(shop, "It is broken", labels=["bug"])
        stranger.comment(shop, issue, "/hive run devops-deployer")
        await github.settled()                            # all deliveries are answered

A client is given `github.api_url` (as of a GitHub Enterprise Server: `…/api/v3`; the paths without
that prefix answer, too), `github.graphql_url` and `github.private_key(app)` with `app.id`, or
`github.personal_token("ada").value`. git takes `github.clone_url(shop, token)`. People are named
and act through `github.person(…)`; an organisation's first owner is `boss`.

What happened: `github.heard` (each request, with its operation, caller and status),
`github.usage(at)` (requests used, free, refused), `github.deliveries` (each attempt, with payload
and answer), and the records themselves: `shop.issues[1].comments[0].body`, `shop.check_runs`,
`github.git(shop, "log", "--oneline")`.

What shall go wrong: `github.fail("secondary", path="/repos/*/issues/*/comments")` and the other
kinds of Fault; `github.mishap("lost", "issue_comment")`, `"duplicated"`, `"unlogged"`, `"held"`
with `github.release(reverse=True)`; `github.revoke(token)`, `revoke_tokens(at)`, `suspend(at)`,
`uninstall(at)`, `grant(at, {…})`, `exhaust(at)`; `ada.rename(shop, …)`, `transfer`, `archive`,
`delete`; limits by `GitHub(limits=Limits(core=50))`.

Time follows the machine's clock and is moved on by `github.clock.advance(3600)`; with
`GitHub(clock=TestClock())` it stands still but for that, and all ids, secrets and commits are the
same in each run.

Each request and each answer is held against GitHub's published description, and each webhook
against the published schemas. What does not match, and what this GitHub does not know (501), is in
`github.problems`, and the end of the block raises it as Problems.

For people: `python -m hive_github.testing --repository acme/shop` serves one until Ctrl-C.
"""

from hive_github.testing.clock import TestClock
from hive_github.testing.faults import Fault
from hive_github.testing.github import GitHub
from hive_github.testing.hooks import Delivery, Mishap, signature
from hive_github.testing.limits import Limits, Usage
from hive_github.testing.model import (
    Account,
    App,
    CheckRun,
    Comment,
    Installation,
    Issue,
    Pull,
    Repository,
    Rules,
    Team,
    Token,
)
from hive_github.testing.people import Person
from hive_github.testing.refusals import Problems, Refused
from hive_github.testing.server import Heard

__all__ = [
    "Account",
    "App",
    "CheckRun",
    "Comment",
    "Delivery",
    "Fault",
    "GitHub",
    "Heard",
    "Installation",
    "Issue",
    "Limits",
    "Mishap",
    "Person",
    "Problems",
    "Pull",
    "Refused",
    "Repository",
    "Rules",
    "Team",
    "TestClock",
    "Token",
    "Usage",
    "signature",
]
