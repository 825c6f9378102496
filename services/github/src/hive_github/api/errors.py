"""What a call to GitHub can fail with.

GithubError
├── Unreachable     the network, a time-out, or GitHub's own failure: to be tried again
├── Limited         GitHub, or the hive's own counting, wants nothing more until a moment
│   └── Unsettled   GitHub has not worked out yet what it was asked for
└── Refused         GitHub answered no
    ├── Unauthenticated   401: the key or token is not taken (any more)
    ├── Forbidden         403: a permission is missing, or the App is suspended
    ├── NotFound          404 or 410: not there, or not to be seen by us
    ├── Conflict          409 or 405: it is in another state by now
    └── Invalid           422: what was sent is not taken
"""

from typing import Final


class GithubError(Exception):
    """A call to GitHub failed."""


class Unreachable(GithubError):
    """Nothing is known of the outcome."""


class Limited(GithubError):
    """Wait, and ask again; nothing was done."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(f"{why}; again in {seconds:.0f} s")
        self.seconds = seconds


class Unsettled(Limited):
    """Look again a moment later."""


class Refused(GithubError):
    """GitHub answered no; nothing was done."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"GitHub answers {status}: {message}")
        self.status = status
        self.message = message


class Unauthenticated(Refused):
    """The key or token is not taken (any more)."""


class Forbidden(Refused):
    """A permission is missing, or the App is suspended."""


class NotFound(Refused):
    """Not there, or not to be seen by us."""


class Conflict(Refused):
    """It is in another state by now."""


class Invalid(Refused):
    """What was sent is not taken."""


_BY_STATUS: Final[dict[int, type[Refused]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Conflict,
    409: Conflict,
    410: NotFound,
    422: Invalid,
}


def refused(status: int, message: str) -> Refused:
    return _BY_STATUS.get(status, Refused)(status, message)
