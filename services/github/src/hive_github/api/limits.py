"""GitHub's limits, and what an answer says of them. Pure.

    primary     so many requests an hour, REST and GraphQL apart; the answer says how many are left
    secondary   900 points a minute (a read 1, a write 5), 80 new contents a minute and 500 an hour;
                GitHub says so by 403 or 429, and those who go on are banned for longer

The hive stays below: background work leaves a part to what missions wait for, and both leave one to
what a person waits for (`waiting`).
Source: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from hive_contracts.github.repository import Pool

Urgency = Literal["background", "work", "person"]
"""`person`: somebody waits for it. `work`: a mission does."""
URGENCIES: Final[tuple[Urgency, ...]] = ("background", "work", "person")

POINTS_A_MINUTE: Final[dict[Urgency, int]] = {"background": 600, "work": 700, "person": 800}
CONTENT_A_MINUTE: Final[dict[Urgency, int]] = {"background": 60, "work": 68, "person": 75}
CONTENT_AN_HOUR: Final[dict[Urgency, int]] = {"background": 420, "work": 450, "person": 480}
WRITE_APART_MS: Final = 1000
"""Between two writes of one urgency, but for people's, however many replicas write there.
Source: docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api."""
RESERVED: Final = 0.05
"""Of the hour's requests: with fewer left, all but people wait for the reset."""
SECONDARY_SECONDS: Final = 60.0
"""Where GitHub names no time; doubled each time that it refuses again."""
SECONDARY_MOST: Final = 3600.0


class Limit(msgspec.Struct, frozen=True):
    """What an answer says: nothing more, for so long."""

    kind: Literal["primary", "secondary", "reserve"]
    """`reserve`: the rest is for what people wait for."""
    seconds: float
    named: bool = True
    """Whether GitHub said how long."""


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Told(msgspec.Struct):
    """What an answer of GraphQL says of itself."""

    errors: list[_Error] | None = None


def limit_in(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Limit | None:
    """`now`: seconds since 1970. Header names are in lower case."""
    left = _number(headers.get("x-ratelimit-remaining"))
    limit = _number(headers.get("x-ratelimit-limit"))
    reset = _number(headers.get("x-ratelimit-reset"))
    # The reset is a whole second of GitHub's clock; a second more costs nothing.
    until = None if reset is None else max(reset - now, 0.0) + 1.0
    if status in (403, 429):
        after = _number(headers.get("retry-after"))
        if after is not None:
            return Limit("secondary", max(after, 1.0))
        if left == 0 and until is not None:
            return Limit("primary", until)
        if status == 429 or b"secondary rate limit" in body.lower():
            return Limit("secondary", SECONDARY_SECONDS, named=False)
        return None
    if left is None or until is None:
        return None
    if left == 0:
        return Limit("primary", until)
    if limit is not None and left < limit * RESERVED:
        return Limit("reserve", until)
    return None


def is_limited(body: bytes) -> bool:
    """Whether an answer of GraphQL is a refusal by a limit, whatever its status: mostly 200.

    Source: docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
    """
    try:
        errors = msgspec.json.decode(body, type=_Told).errors or []
    except msgspec.DecodeError:
        return False
    return any(
        error.type in ("RATE_LIMITED", "RATE_LIMIT")
        or "secondary rate limit" in error.message.lower()
        for error in errors
    )


def growing(seconds: float, strikes: int) -> float:
    """How long is waited where GitHub did not say, at the n-th refusal in a row (from 1)."""
    return min(seconds * 2.0 ** min(strikes - 1, 16), SECONDARY_MOST)


def cautious(most: int, strikes: int) -> int:
    """What is allowed after so many secondary limits in an hour: GitHub counts more than we do."""
    return max(most >> min(strikes, 3), 1)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdecimal() else None


def pools(kind: Literal["primary", "secondary", "reserve"], pool: Pool) -> tuple[Pool, ...]:
    """Which pools a limit closes: a secondary one is of the whole installation."""
    return ("core", "graphql", "search") if kind == "secondary" else (pool,)
