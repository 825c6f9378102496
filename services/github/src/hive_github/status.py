"""Is GitHub configured? Asked before anything that speaks to it would be imported or created."""

from hive_contracts.health import GithubStatus
from hive_github.credentials import NotConfigured, configured
from hive_shared.settings import GithubSettings


def github_status(settings: GithubSettings) -> GithubStatus:
    """Reads the files of secrets, and keeps nothing of them."""
    try:
        configured(settings)
    except NotConfigured as error:
        return GithubStatus(configured=False, reason=str(error))
    return GithubStatus(configured=True)
