"""The throttle's counters: in Redis for all replicas, or in this process alone. Adapter.

Keys begin with `hive:github:`. While Redis is away this process counts by itself, so that an outage
of it stops nothing; it is asked again after some seconds.
"""

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hive_shared.clock import Clock

PREFIX: Final = "hive:github:"
AWAY_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 1.0
CONNECTIONS: Final = 16
QUEUE_SECONDS: Final = 10.0
"""For a free connection: that many ask at once is no outage of Redis's."""
KNOWN: Final = "known"
"""What is not there in a Redis that was emptied."""
PARTS: Final = 60
"""Of the time over which something is counted."""
_ERRORS: Final = (RedisError, OSError, TimeoutError)

# Turns are given out in advance: each caller gets the moment after the last one's.
_TURN: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local next = tonumber(redis.call('GET', KEYS[1]) or '0')
if next < now then next = now end
redis.call('SET', KEYS[1], next + ARGV[1], 'PX', next - now + ARGV[1])
return next - now
"""
# Never shortened: two replicas may have heard of different ends.
_CLOSE: Final = """
local left = redis.call('PTTL', KEYS[1])
if left < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return left > 0 and 0 or 1
"""
# Closed and known in one step. Were it known first, others would go on before it is closed; were it
# closed first, a Redis that is emptied in between would be taken for one that knows.
_REMEMBER: Final = """
for i = 1, #ARGV do
    if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[i]) then
        redis.call('SET', KEYS[i], '1', 'PX', ARGV[i])
    end
end
redis.call('SET', KEYS[#KEYS], '1')
return 1
"""
# -1 where all is forgotten: asked in the same step, or it could be forgotten in between.
_CLOSED: Final = """
if not redis.call('GET', KEYS[1]) then return -1 end
local most = 0
for i = 2, #KEYS do most = math.max(most, redis.call('PTTL', KEYS[i])) end
return most
"""
# GitHub looks back a minute, or an hour, from each moment. So do we, in PARTS of it: what is in a
# part counts until all of that part is over. Counted is only what may be done.
_SPEND: Final = """
local time = redis.call('TIME')
local parts = tonumber(ARGV[4])
local part = ARGV[3] / parts
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local this = math.floor(now / part)
local sum, known = 0, redis.call('HGETALL', KEYS[1])
local kept = {}
for i = 1, #known, 2 do
    local at, amount = tonumber(known[i]), tonumber(known[i + 1])
    if at < this - parts then
        redis.call('HDEL', KEYS[1], known[i])
    else
        sum = sum + amount
        kept[#kept + 1] = {at, amount}
    end
end
local over = sum + ARGV[1] - ARGV[2]
if over <= 0 then
    redis.call('HINCRBY', KEYS[1], this, ARGV[1])
    redis.call('PEXPIRE', KEYS[1], math.ceil(part * (parts + 2)))
    return 0
end
table.sort(kept, function(a, b) return a[1] < b[1] end)
for _, each in ipairs(kept) do
    over = over - each[2]
    if over <= 0 then return math.ceil((each[1] + parts + 1) * part - now) end
end
return tonumber(ARGV[3])
"""
_ADD: Final = """
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return sum
"""

_log = logging.getLogger("hive.github.counters")


class OwnCounters:
    """This process's own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent: dict[str, dict[int, int]] = {}
        """By key: how much in each part of its time."""
        self._sums: dict[str, tuple[int, float]] = {}
        """Each with the moment at which it is forgotten."""
        self._until: dict[str, float] = {}
        self._known = False

    async def add(self, key: str, amount: int, ttl_seconds: int) -> int:
        total = await self.sum(key) + amount
        self._sums[key] = (total, self._clock.monotonic() + ttl_seconds)
        return total

    async def sum(self, key: str) -> int:
        total, until = self._sums.get(key, (0, 0.0))
        return total if self._clock.monotonic() < until else 0

    async def spend(self, key: str, amount: int, most: int, seconds: int) -> int:
        if ms := self.wait(key, amount, most, seconds):
            return ms
        this, spent = int(self._clock.monotonic() // (seconds / PARTS)), self._spent[key]
        spent[this] = spent.get(this, 0) + amount
        return 0

    def wait(self, key: str, amount: int, most: int, seconds: int) -> int:
        """What `spend` would answer; nothing is counted."""
        part = seconds / PARTS
        now = self._clock.monotonic()
        this = int(now // part)
        spent = self._spent.setdefault(key, {})
        for over in [at for at in spent if at < this - PARTS]:
            del spent[over]
        missing = sum(spent.values()) + amount - most
        if missing <= 0:
            return 0
        for at in sorted(spent):
            missing -= spent[at]
            if missing <= 0:
                return math.ceil(((at + PARTS + 1) * part - now) * 1000)
        return seconds * 1000

    async def turn(self, key: str, apart_ms: int) -> int:
        now = self._clock.monotonic()
        mine = max(self._until.get(key, now), now)
        self._until[key] = mine + apart_ms / 1000
        return round((mine - now) * 1000)

    async def close(self, key: str, ms: int) -> bool:
        now, before = self._clock.monotonic(), self._until.get(key, 0.0)
        self._until[key] = max(before, now + ms / 1000)
        return before <= now

    async def closed(self, *keys: str) -> int | None:
        if not self._known:
            return None
        until = max((self._until.get(key, 0.0) for key in keys), default=0.0)
        return max(0, round((until - self._clock.monotonic()) * 1000))

    async def remember(self, closed: Mapping[str, int]) -> None:
        for key, ms in closed.items():
            await self.close(key, ms)
        self._known = True


class SharedCounters:
    """In Redis; `OwnCounters` while it is away."""

    def __init__(self, client: "Redis", clock: Clock) -> None:
        self._client: Any = client
        self._clock = clock
        self._own = OwnCounters(clock)
        self._away_until = 0.0
        self._turn = self._client.register_script(_TURN)
        self._close = self._client.register_script(_CLOSE)
        self._closed = self._client.register_script(_CLOSED)
        self._remember = self._client.register_script(_REMEMBER)
        self._add = self._client.register_script(_ADD)
        self._spend = self._client.register_script(_SPEND)

    async def add(self, key: str, amount: int, ttl_seconds: int) -> int:
        # Counted here too: if Redis goes, this process goes on from what it did itself.
        own = await self._own.add(key, amount, ttl_seconds)
        keys, args = [PREFIX + key], [amount, ttl_seconds]
        shared = await self._ask(lambda: self._add(keys=keys, args=args))
        return own if shared is None else shared

    async def sum(self, key: str) -> int:
        own = await self._own.sum(key)
        return max(own, await self._ask(lambda: self._client.get(PREFIX + key)) or 0)

    async def spend(self, key: str, amount: int, most: int, seconds: int) -> int:
        # What this process has done alone counts, too: Redis may have been emptied since.
        if ms := self._own.wait(key, amount, most, seconds):
            return ms
        keys, args = [PREFIX + key], [amount, most, seconds * 1000, PARTS]
        shared = await self._ask(lambda: self._spend(keys=keys, args=args))
        return shared or await self._own.spend(key, amount, most, seconds)

    async def turn(self, key: str, apart_ms: int) -> int:
        shared = await self._ask(lambda: self._turn(keys=[PREFIX + key], args=[apart_ms]))
        return await self._own.turn(key, apart_ms) if shared is None else shared

    async def close(self, key: str, ms: int) -> bool:
        own = await self._own.close(key, ms)
        shared = await self._ask(lambda: self._close(keys=[PREFIX + key], args=[ms]))
        return own if shared is None else bool(shared)

    async def closed(self, *keys: str) -> int | None:
        own = await self._own.closed(*keys)
        if own is None:
            return None
        names = [PREFIX + key for key in (KNOWN, *keys)]
        shared = await self._ask(lambda: self._closed(keys=names))
        if shared is None:
            return own
        return max(own, shared) if shared >= 0 else None

    async def remember(self, closed: Mapping[str, int]) -> None:
        await self._own.remember(closed)
        names = [PREFIX + key for key in (*closed, KNOWN)]
        await self._ask(lambda: self._remember(keys=names, args=list(closed.values())))

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> int | None:
        """None while Redis is away, and where it answers nothing."""
        if self._clock.monotonic() < self._away_until:
            return None
        try:
            answer = await call()
        except _ERRORS as error:
            _log.warning("Redis is away, limits are counted here alone: %r", error)
            self._away_until = self._clock.monotonic() + AWAY_SECONDS
            return None
        return None if answer is None else int(answer)


@asynccontextmanager
async def counters(url: str, clock: Clock) -> AsyncIterator[OwnCounters | SharedCounters]:
    """Of this process alone where no URL is given."""
    if not url:
        yield OwnCounters(clock)
        return
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=QUEUE_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        # What was counted twice is lost in a minute; what was not is an outage of Redis's.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    client = Redis(connection_pool=cast("Any", pool))
    try:
        yield SharedCounters(client, clock)
    finally:
        with suppress(*_ERRORS):
            await client.aclose()
            await pool.aclose()
