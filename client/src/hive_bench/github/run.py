"""A hive that is connected to a test GitHub, and what is measured on it.

The test GitHub is a process of its own on the same machine; what it costs is in every figure but
those of webhooks, which are sent by the benchmark itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from hive_bench.github import missions, storms, webhooks
from hive_bench.github.server import TestGithub, test_github
from hive_bench.ground import Ground, describe, hive, scratch
from hive_bench.result import CaseResult
from hive_client import Hive
from hive_stack.ports import free_port
from hive_stack.redis import url as redis_url
from hive_stack.vault import Vault

SECONDS: Final = 5.0
"""How long webhooks are measured, and each storm lasts."""
NOWHERE: Final = "http://127.0.0.1:9/webhooks"


async def run(seconds: float, told: Callable[[str], None]) -> list[CaseResult]:
    """Raises BenchRefused, StackError."""
    port = free_port()
    door = f"http://127.0.0.1:{port}/webhooks"
    with scratch("hive-bench-github-") as folder:
        async with test_github(folder, door, [missions.NAME]) as server:
            settings = _settings(server, folder, port)
            with hive(1, missions.TOML, **settings) as ground:
                for line in await describe(ground.record):
                    told(line)
                async with Hive(ground.gateway, ground.token) as client:
                    results = await missions.run(client, server, folder, seconds / SECONDS)
                results += await _storms(ground, folder, seconds)
                # The last: what follows from so many deliveries goes on for a while.
                secret = server.there.app.webhook_secret
                results += await webhooks.run(door, secret, missions.NAME, seconds)
    return results


async def _storms(ground: Ground, folder: Path, seconds: float) -> list[CaseResult]:
    """Each at a GitHub of its own, of which the hive hears nothing: it would ask there, too."""
    port, passwords = ground.state.redis_port, Vault(ground.stack.paths.secrets).redis()
    redis = redis_url(port, "github", passwords["github"])
    results = []
    # The second the other way round: what Redis holds of the first one's installation counts there.
    for case, limits, owners in (
        ("GitHub's limits", (), storms.OWNERS),
        ("half as much allowed", storms.TIGHT, storms.OWNERS[::-1]),
    ):
        async with test_github(folder, NOWHERE, storms.REPOSITORIES, *limits) as server:
            results += await storms.run(server, redis, seconds, case, owners)
    return results


def _settings(server: TestGithub, folder: Path, port: int) -> dict[str, str]:
    secret = folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(server.there.app.webhook_secret)
    return {
        "HIVE_GITHUB_URL": server.there.url,
        "HIVE_GITHUB_WEBHOOK_PORT": str(port),
        "HIVE_GITHUB_APP_ID": str(server.there.app.id),
        "HIVE_GITHUB_APP_KEY_FILE": str(server.key),
        "HIVE_GITHUB_WEBHOOK_SECRET_FILE": str(secret),
        # No rule names the check, so the hive would give others a minute to begin.
        "HIVE_GITHUB_SETTLE_SECONDS": "0",
    }
