"""Where GitHub is: github.com, or a GitHub Enterprise Server. Pure."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

DOTCOM: Final = "https://github.com"


class Places(msgspec.Struct, frozen=True):
    url: str
    """Of pages and of git, without a slash at its end."""
    api: str
    graphql: str

    @property
    def host(self) -> str:
        """As part of ids: letters, digits and dashes."""
        return re.sub(r"[^a-z0-9]+", "-", urlsplit(self.url).netloc.lower()).strip("-")

    def repository_id(self, number: int) -> str:
        """The id of a repository's stream, by GitHub's number of it."""
        return f"{self.host}-{number}"

    def installation_id(self, number: int) -> str:
        """The id of a stream for what concerns an installation before it has a repository."""
        return f"{self.host}-installation-{number}"

    def git(self, full_name: str) -> str:
        return f"{self.url}/{full_name}.git"


def places(url: str) -> Places:
    """`url`: as in the setting `github_url`."""
    url = url.rstrip("/")
    if url in (DOTCOM, "https://www.github.com"):
        return Places(DOTCOM, "https://api.github.com", "https://api.github.com/graphql")
    return Places(url, f"{url}/api/v3", f"{url}/api/graphql")


def repository_path(full_name: str, rest: str = "", *parts: str | int) -> str:
    """A REST path below a repository: each `{}` in `rest` is a part, odd characters escaped."""
    owner, _, name = full_name.partition("/")
    escaped = (quote(str(part), safe="") for part in parts)
    return f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}{rest.format(*escaped)}"
