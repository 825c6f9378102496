"""A hive of real processes that is connected to the test GitHub."""

from typing import Final

from hive_github.testing import GitHub
from hive_stack.private import write_private
from tests.system.hive import RealHive

WEBHOOK_SECRET: Final = "planted-webhook-secret-5f0c21"


def connect(hive: RealHive, github: GitHub) -> str:
    """Make an App that the hive speaks as; its service begins anew by itself. Answers its key."""
    hooks = f"http://127.0.0.1:{hive.state.http_port + 2}/webhooks"
    app = github.app(webhook_url=hooks, webhook_secret=WEBHOOK_SECRET)
    github.install(app, "acme")
    pem, secrets = github.private_key(app), hive.stack.paths.secrets
    write_private(secrets / "github-app.id", f"{app.id}\n")
    write_private(secrets / "github-app.pem", pem)
    write_private(secrets / "github-webhook.secret", f"{WEBHOOK_SECRET}\n")
    return pem
