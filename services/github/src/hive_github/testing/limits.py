"""Rate limits as GitHub has them: primary, secondary, and on what makes content."""

from collections import defaultdict, deque
from typing import Any, Final

import msgspec

from hive_github.testing.clock import TestClock
from hive_github.testing.refusals import Refused

_HOUR: Final = 3600.0
_MINUTE: Final = 60.0
_SECONDARY: Final = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
_POOLS: Final = ("core", "search", "graphql", "integration_manifest")


class Limits(msgspec.Struct, kw_only=True):
    """How much each installation, App or person may ask; the defaults are GitHub's."""

    core: int = 5000
    """REST requests an hour."""
    graphql: int = 5000
    """GraphQL points an hour."""
    search: int = 30
    integration_manifest: int = 5000
    points_a_minute: int = 900
    """REST: 1 for what reads, 5 for what writes."""
    graphql_points_a_minute: int = 2000
    concurrent: int = 100
    content_a_minute: int = 80
    content_an_hour: int = 500
    retry_after: int = 60
    """Seconds, on a secondary limit."""


class Window(msgspec.Struct):
    used: int = 0
    reset: float = 0.0


class Usage(msgspec.Struct, frozen=True):
    """What one caller's requests have used so far, of all windows."""

    requests: int = 0
    free: int = 0
    """Answered 304, which does not count."""
    refused: int = 0
    """By a limit."""
    graphql_points: int = 0


class Meter:
    """Counts by the test's clock."""

    def __init__(self, limits: Limits, clock: TestClock) -> None:
        self.limits = limits
        self._clock = clock
        self._windows: dict[tuple[str, str], Window] = {}
        self._points: dict[tuple[str, str], deque[tuple[float, int]]] = defaultdict(deque)
        self._content: dict[str, deque[float]] = defaultdict(deque)
        self._held: dict[str, float] = {}
        """Until when a caller that ran into a secondary limit is refused."""
        self.running: dict[str, int] = defaultdict(int)
        self.usage: dict[str, Usage] = defaultdict(Usage)

    def admit(
        self, bucket: str, pool: str, method: str, running: int, *, makes_content: bool
    ) -> None:
        """Raises Refused."""
        now = self._clock.now()
        window = self._window(bucket, pool)
        if window.used >= getattr(self.limits, pool):
            self._refused(bucket)
            raise Refused(
                403, f"API rate limit exceeded for {bucket}.", headers=self.headers(bucket, pool)
            )
        if self._held.get(bucket, 0) > now:
            self._secondary(bucket, pool, self._held[bucket] - now)
        if running > self.limits.concurrent:
            self._exceeded(bucket, pool)
        cost = 1 if method == "GET" else 5
        if pool == "graphql":
            cost = 5 if makes_content else 1
        most = self.limits.graphql_points_a_minute if pool == "graphql" else (
            self.limits.points_a_minute
        )  # fmt: skip
        points = self._points[bucket, pool]
        while points and points[0][0] <= now - _MINUTE:
            points.popleft()
        if sum(each for _, each in points) + cost > most:
            self._exceeded(bucket, pool)
        if makes_content:
            self._count_content(bucket, pool, now)
        points.append((now, cost))

    def spend(self, bucket: str, pool: str, points: int) -> None:
        """Of the primary limit; 0 for a 304."""
        self._window(bucket, pool).used += points
        before = self.usage[bucket]
        self.usage[bucket] = msgspec.structs.replace(
            before,
            requests=before.requests + 1,
            free=before.free + (points == 0),
            graphql_points=before.graphql_points + (points if pool == "graphql" else 0),
        )

    def headers(self, bucket: str, pool: str) -> dict[str, str]:
        window, most = self._window(bucket, pool), getattr(self.limits, pool)
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(0, most - window.used)),
            "X-RateLimit-Reset": str(int(window.reset)),
            "X-RateLimit-Used": str(window.used),
            "X-RateLimit-Resource": pool,
        }

    def overview(self, bucket: str) -> dict[str, Any]:
        pools = {name: self._shown(bucket, name) for name in _POOLS}
        return {"resources": pools, "rate": pools["core"]}

    def exhaust(self, bucket: str, pool: str) -> None:
        """For tests: nothing is left until the window ends."""
        self._window(bucket, pool).used = getattr(self.limits, pool)

    def _shown(self, bucket: str, pool: str) -> dict[str, int]:
        window, most = self._window(bucket, pool), getattr(self.limits, pool)
        return {
            "limit": most, "used": window.used, "remaining": max(0, most - window.used),
            "reset": int(window.reset),
        }  # fmt: skip

    def _count_content(self, bucket: str, pool: str, now: float) -> None:
        made = self._content[bucket]
        while made and made[0] <= now - _HOUR:
            made.popleft()
        lately = sum(1 for moment in made if moment > now - _MINUTE)
        if lately >= self.limits.content_a_minute or len(made) >= self.limits.content_an_hour:
            self._exceeded(bucket, pool)
        made.append(now)

    def _exceeded(self, bucket: str, pool: str) -> None:
        """Raises Refused, and goes on refusing for a while."""
        self._held[bucket] = self._clock.now() + self.limits.retry_after
        self._secondary(bucket, pool, self.limits.retry_after)

    def _secondary(self, bucket: str, pool: str, seconds: float) -> None:
        self._refused(bucket)
        headers = {"Retry-After": str(max(1, int(seconds))), **self.headers(bucket, pool)}
        raise Refused(403, _SECONDARY, headers=headers)

    def _refused(self, bucket: str) -> None:
        before = self.usage[bucket]
        self.usage[bucket] = msgspec.structs.replace(before, refused=before.refused + 1)

    def _window(self, bucket: str, pool: str) -> Window:
        now = self._clock.now()
        window = self._windows.get((bucket, pool))
        if window is None or window.reset <= now:
            window = self._windows[bucket, pool] = Window(0, now + _HOUR)
        return window


def secondary(retry_after: int | None) -> Refused:
    """As a script says it."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Refused(403, _SECONDARY, headers=headers)
