"""Addresses of repositories, and secrets that people write into them.

An address is recorded, shown, and part of command lines; who may fetch from it is git's to know, on
the machine that fetches.
"""

import re
from typing import Final

REMEDY: Final = (
    "write it without, and let git have it on the machines that fetch: a credential helper"
    " (git config credential.helper), ~/.netrc, or an SSH key"
)
_USER: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/?#]*)@")
_TOKEN: Final = re.compile(r"gh[a-z]_|github_pat_|glpat-|x-oauth|ATBB|[0-9A-Za-z_-]{32,}$")
"""What is no name of a person: GitHub's, GitLab's and Bitbucket's tokens, and long random words."""


def has_secret(url: str) -> bool:
    """Whether there is a password in it, or a token in place of a name."""
    found = _USER.match(url)
    if found is None:
        return False
    name, colon, _ = found["user"].partition(":")
    return bool(colon) or _TOKEN.match(name) is not None


def without_secret(url: str) -> str:
    """As it can be shown."""
    return _USER.sub(r"\g<scheme>***@", url) if has_secret(url) else url
