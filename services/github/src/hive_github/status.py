"""Is GitHub configured? Asked before anything that speaks to it would be imported or created."""

from pathlib import Path

from hive_contracts.health import GithubStatus
from hive_shared.settings import GithubSettings, variable

_SETTING = variable("github_token_file")


def github_status(settings: GithubSettings) -> GithubStatus:
    """Reads the token's file, and keeps nothing of it."""
    if settings.github_token_file is None:
        return GithubStatus(
            configured=False, reason=f"no token: set {_SETTING} to a file that holds one"
        )
    return _token_status(settings.github_token_file)


def _token_status(path: Path) -> GithubStatus:
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        return GithubStatus(
            configured=False, reason=f"the token cannot be read: {error}; see {_SETTING}"
        )
    if not token:
        return GithubStatus(configured=False, reason=f"{path} is empty; see {_SETTING}")
    return GithubStatus(configured=True)
