"""What processes tell of themselves in their beats, as metrics. Pure.

For each handler its rate, errors and durations; for each pool and queue how full it is, and how
long one waits. The number of series is bounded whatever is told: the processes that are up longest
have their own, and what comes on top of `MAX_PROCESSES` of them, or of `MAX_NAMES` names in one
process, is told together, as `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final, TypeVar

from hive_contracts.heartbeat import (
    HANDLED_BOUNDS,
    SPANS,
    TOKENS,
    Handled,
    Heartbeat,
    PoolUse,
    QueueUse,
)
from hive_contracts.slo.catalogue import BUCKET, OVERFLOW, bound_text
from hive_health.page import Kind, Labels, Page, Sample

OTHER: Final = "other"
MAX_PROCESSES: Final = 100
MAX_NAMES: Final = 32
TOKEN_KINDS: Final = ("input", "cached", "output")

_BOUNDS: Final = (*map(bound_text, HANDLED_BOUNDS), OVERFLOW)
Told = TypeVar("Told")


def write_processes(page: Page, beats: Iterable[Heartbeat]) -> None:
    processes = [(_who(n, beat), beat) for n, beat in enumerate(_by_age(beats))]
    _write_handlers(page, processes)
    _write_pools(page, processes)
    _write_queues(page, processes)
    _write_disks(page, [beat for _, beat in processes])
    _write_spans(page, processes)
    _write_tokens(page, processes)


def _by_age(beats: Iterable[Heartbeat]) -> list[Heartbeat]:
    """A process keeps its place while it lives."""
    return sorted(beats, key=lambda beat: (-beat.uptime_s, beat.service, beat.instance))


def _who(number: int, beat: Heartbeat) -> Labels:
    if number >= MAX_PROCESSES:
        return (("service", OTHER), ("process", OTHER))
    return (("service", beat.service), ("process", beat.instance))


def _write_handlers(page: Page, processes: list[tuple[Labels, Heartbeat]]) -> None:
    handlers: dict[Labels, Handled] = {}
    for who, beat in processes:
        for name, each in _named(beat.handlers, lambda handled: handled.name):
            kind = OTHER if name == OTHER else each.kind
            labels = (*who, ("kind", kind), ("handler", name))
            known = handlers.get(labels)
            handlers[labels] = each if known is None else _together(known, each)
    for metric, shape, help, read in _HANDLER_METRICS:
        page.metric(
            metric, shape, help, [Sample(who, float(read(h))) for who, h in handlers.items()]
        )
    page.metric(
        "hive_handler_seconds",
        "histogram",
        "How long a handler had each in hand; of `wait`, how long it had waited",
        [sample for labels, each in handlers.items() for sample in _durations(labels, each)],
    )


_HANDLER_METRICS: Final[tuple[tuple[str, Kind, str, Callable[[Handled], float]], ...]] = (
    ("hive_handler_messages_total", "counter", "Messages that a handler is done with",
     lambda handled: handled.done),
    ("hive_handler_failures_total", "counter", "Messages that a handler failed at",
     lambda handled: handled.failed),
    ("hive_handler_busy", "gauge", "Messages that a handler has in hand",
     lambda handled: handled.busy),
    ("hive_handler_oldest_seconds", "gauge", "Age of the oldest message in hand",
     lambda handled: handled.oldest_s),
)  # fmt: skip


def _together(one: Handled, other: Handled) -> Handled:
    longer, shorter = sorted((one.buckets, other.buckets), key=len, reverse=True)
    padded = (*shorter, *(0,) * (len(longer) - len(shorter)))
    return Handled(
        OTHER,
        one.done + other.done,
        one.failed + other.failed,
        one.busy + other.busy,
        max(one.oldest_s, other.oldest_s),
        one.kind,
        one.seconds + other.seconds,
        tuple(map(sum, zip(longer, padded, strict=True))),
        max((each for each in (one.slowest, other.slowest) if each), default=None),
    )


def _durations(labels: Labels, handled: Handled) -> Iterator[Sample]:
    if len(handled.buckets) != len(_BOUNDS):
        return  # of a version that measures otherwise, or not at all
    slowest = handled.slowest
    place = None if slowest is None else bisect_left(HANDLED_BOUNDS, slowest[0])
    for number, count in enumerate(accumulate(handled.buckets)):
        exemplar = slowest if number == place else None
        le = (*labels, (BUCKET, _BOUNDS[number]))
        yield Sample(le, float(count), "_bucket", exemplar)
    yield Sample(labels, handled.seconds, "_sum")
    yield Sample(labels, float(sum(handled.buckets)), "_count")


def _write_pools(page: Page, processes: list[tuple[Labels, Heartbeat]]) -> None:
    pools: dict[Labels, PoolUse] = {}
    for who, beat in processes:
        for name, each in _named(beat.pools, lambda pool: pool.name):
            labels = (*who, ("pool", name))
            known = pools.get(labels, PoolUse(name, 0))
            pools[labels] = PoolUse(
                name,
                known.size + each.size,
                known.used + each.used,
                max(known.waited_s, each.waited_s),
            )
    for name, help, read in (
        ("hive_pool_size", "Connections that a pool may open", "size"),
        ("hive_pool_used", "Connections in use", "used"),
        ("hive_pool_wait_seconds", "How long one who asks for one waits", "waited_s"),
    ):
        page.metric(name, "gauge", help, _read(pools, read))


def _write_queues(page: Page, processes: list[tuple[Labels, Heartbeat]]) -> None:
    queues: dict[Labels, QueueUse] = {}
    for who, beat in processes:
        for name, each in _named(beat.queues, lambda queue: queue.name):
            labels = (*who, ("queue", name))
            known = queues.get(labels, QueueUse(name))
            queues[labels] = QueueUse(
                name, known.waiting + each.waiting, max(known.oldest_s, each.oldest_s)
            )
    for name, help, read in (
        ("hive_queue_length", "What waits in a queue of a process", "waiting"),
        ("hive_queue_oldest_seconds", "How long the first of it has waited", "oldest_s"),
    ):
        page.metric(name, "gauge", help, _read(queues, read))


def _write_disks(page: Page, beats: Iterable[Heartbeat]) -> None:
    disks = {(beat.host, disk.path): disk for beat in beats for disk in beat.disks}
    told = list(disks.items())[: MAX_PROCESSES * 2]
    for name, help, read in (
        ("hive_disk_free_bytes", "Bytes free on the disk of a folder", "free"),
        ("hive_disk_size_bytes", "Bytes of the disk of a folder", "total"),
    ):
        samples = [
            Sample((("host", host), ("path", path)), float(getattr(disk, read)))
            for (host, path), disk in told
        ]
        page.metric(name, "gauge", help, samples)


def _write_spans(page: Page, processes: list[tuple[Labels, Heartbeat]]) -> None:
    spans: dict[Labels, float] = {}
    for who, beat in processes:
        for each in beat.counters:
            state = dict(each.labels).get("state", "")
            if each.name == SPANS and state in ("ended", "exported"):
                labels = (*who, ("state", state))
                spans[labels] = spans.get(labels, 0.0) + each.value
    page.metric(
        f"{SPANS}_total",
        "counter",
        "Spans of traces that ended in a process, and of these, those that a collector took",
        [Sample(labels, value) for labels, value in spans.items()],
    )


def _write_tokens(page: Page, processes: list[tuple[Labels, Heartbeat]]) -> None:
    tokens: dict[Labels, float] = {}
    for who, beat in processes:
        told = [each for each in beat.counters if each.name == TOKENS]
        for profile, each in _named(told, lambda counted: dict(counted.labels).get("profile", "")):
            kind = dict(each.labels).get("kind", "")
            if kind in TOKEN_KINDS:
                labels = (*who, ("profile", profile), ("kind", kind))
                tokens[labels] = tokens.get(labels, 0.0) + each.value
    page.metric(
        f"{TOKENS}_total",
        "counter",
        "Tokens that the agents of a runner used, as they told: of `input`, `cached` is a part",
        [Sample(labels, value) for labels, value in tokens.items()],
    )


def _named(told: Iterable[Told], name_of: Callable[[Told], str]) -> Iterator[tuple[str, Told]]:
    """Each with the name that it is told under."""
    names: set[str] = set()
    for each in told:
        name = name_of(each)
        if name not in names and len(names) >= MAX_NAMES:
            name = OTHER
        else:
            names.add(name)
        yield name, each


def _read(uses: Mapping[Labels, PoolUse | QueueUse], field: str) -> list[Sample]:
    return [Sample(labels, float(getattr(use, field))) for labels, use in uses.items()]
