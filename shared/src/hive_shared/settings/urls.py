"""URLs of the record and the bus, with their passwords put in from files."""

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from hive_shared.settings.sources import SettingsError, variable
from hive_shared.settings.values import Connected, GatewaySettings, GithubSettings


def postgres_url(settings: Connected) -> str:
    """Raises SettingsError where no URL is set or its password's file cannot be read."""
    return _complete("postgres_url", settings.postgres_url, settings.postgres_password_file)


def nats_url(settings: Connected) -> str:
    """Raises SettingsError where no URL is set or its password's file cannot be read."""
    return _complete("nats_url", settings.nats_url, settings.nats_password_file)


def redis_url(settings: GatewaySettings | GithubSettings) -> str:
    """Empty where no URL is set. Raises SettingsError where its password's file cannot be read."""
    if not settings.redis_url:
        return ""
    return _complete("redis_url", settings.redis_url, settings.redis_password_file)


def _complete(name: str, url: str, password_file: Path | None) -> str:
    if not url:
        raise SettingsError(
            f"{name} is not set", where=variable(name), remedy="`hive up` sets it for its services"
        )
    if password_file is None:
        return url
    try:
        password = password_file.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"the password cannot be read: {error}",
            where=str(password_file),
            remedy="make that file readable for this process alone",
        ) from error
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = f"{parts.username or ''}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{host}"))
