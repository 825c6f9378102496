"""What is wrong, named, with what to do about it. Pure.

Each function below knows one kind of trouble by its signs. What follows from another trouble is not
told again: while the record is away nobody is said to lag, and a service that is gone does not also
have a stuck consumer.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from hive_contracts.health import (
    BusSeen,
    Kind,
    Member,
    RecordSeen,
    RunnerMember,
    Standing,
    Symptom,
)
from hive_contracts.heartbeat import Heartbeat, RunnerHeard, SilentAttempt
from hive_health.disks import Filling
from hive_health.doors import Deaf
from hive_health.overdue import Overdue
from hive_shared.subscriptions.parking import ParkedStream

STUCK_SECONDS: Final = 30.0
"""A consumer that has work and does not come forward for so long is stuck."""
LAG_SECONDS: Final = 10.0
"""A projection whose next event has been in the record for so long lags."""
FEED_SECONDS: Final = 5.0
"""The bus may be behind the record for so long without moving."""
BUS_SECONDS: Final = 5.0
"""Without the bus for so long: a connection that is made again at once is no trouble."""
CLOCK_SECONDS: Final = 2.0
POOL_SECONDS: Final = 1.0
SILENT_SHARE: Final = 0.5
"""An agent that has printed nothing for such a share of its time-out is named."""
MANY: Final = 20
"""Of one kind, as many are named one by one."""

ORDER: Final[tuple[Kind, ...]] = (
    "record-away",
    "bus-away",
    "service-silent",
    "gateway-deaf",
    "feed-held-up",
    "pool-exhausted",
    "projection-stopped",
    "stuck-consumer",
    "disk-filling",
    "parked-stream",
    "runner-deaf",
    "runner-silent",
    "agent-silent",
    "mission-late",
    "projection-lagging",
    "tails-away",
    "clock-off",
)
"""The gravest first."""


class Sight(msgspec.Struct, frozen=True):
    """All that is known at one moment."""

    members: tuple[Member, ...] = ()
    beats: tuple[Heartbeat, ...] = ()
    """The last ones of those that are alive."""
    record: RecordSeen = RecordSeen("unknown")
    bus: BusSeen = BusSeen("unknown")
    without_bus_s: float = 0
    """For how long health has had no connection to the bus."""
    bus_still_s: float = 0
    """For how long the bus has been behind the record without moving."""
    standings: tuple[Standing, ...] = ()
    parked: tuple[ParkedStream, ...] = ()
    runners: tuple[RunnerMember, ...] = ()
    deaf: tuple[RunnerHeard, ...] = ()
    short: tuple[RunnerHeard, ...] = ()
    """Of these the disk is short, or they take too much of it."""
    silent: tuple[tuple[str, SilentAttempt], ...] = ()
    """Attempts that print nothing, with the names of their runners."""
    disks: tuple[Filling, ...] = ()
    doors: tuple[Deaf, ...] = ()
    """Gateways that are alive, and do not answer."""
    overdue: tuple[Overdue, ...] = ()
    clocks: tuple[tuple[str, float], ...] = ()
    """By host: seconds ahead of the database's clock, or behind it where negative."""


def symptoms(sight: Sight) -> list[Symptom]:
    """Everything that is wrong, the gravest first."""
    found = [
        *_record(sight),
        *_bus(sight),
        *_tails(sight),
        *_services(sight),
        *_doors(sight),
        *_pools(sight),
        *_disks(sight),
        *_runners(sight),
        *_agents(sight),
    ]
    if sight.record.state == "alive":
        found += [
            *_feed(sight),
            *_consumers(sight),
            *_parked(sight),
            *_missions(sight),
            *_clocks(sight),
        ]
    return sorted(_few(found), key=lambda symptom: ORDER.index(symptom.kind))


def _record(sight: Sight) -> Iterator[Symptom]:
    if sight.record.state == "silent":
        yield Symptom(
            "record-away",
            "record",
            f"the record does not answer: {sight.record.reason}",
            "see that PostgreSQL runs and takes connections; what waits goes on by itself",
        )


def _bus(sight: Sight) -> Iterator[Symptom]:
    if sight.without_bus_s > BUS_SECONDS:
        text = f"health has had no connection to the bus for {_seconds(sight.without_bus_s)}"
    elif sight.bus.state == "silent":
        text = "the bus does not answer"
    else:
        return
    yield Symptom(
        "bus-away",
        "bus",
        f"{text}, so nobody can say who is there",
        "see that NATS runs and takes connections (nats_url); nothing is lost, and what waits goes"
        " on by itself",
    )


def _tails(sight: Sight) -> Iterator[Symptom]:
    for beat in sight.beats:
        for need in beat.needs:
            if need.name == "tails" and need.is_set and not need.ok:
                yield Symptom(
                    "tails-away",
                    f"{beat.service} {beat.instance[:8]}",
                    f"{beat.service} has no store for live output: {need.reason}",
                    "see that Redis runs and takes connections (redis_url); until then `hive logs`"
                    " shows what tasks printed once they are done",
                    instance=beat.instance,
                )


def _services(sight: Sight) -> Iterator[Symptom]:
    alive = {member.service for member in sight.members if member.state == "alive"}
    for member in sight.members:
        # One that was replaced by another instance is missed by nobody.
        if member.state == "silent" and member.service not in alive:
            yield Symptom(
                "service-silent",
                member.service,
                f"no beat of {member.service} for {_seconds(member.heard_s_ago or 0)}",
                f"look at the log of {member.service}; end its process if it hangs: what keeps it"
                " running starts it again",
                instance=member.instance,
            )
    for beat in sight.beats:
        for handled in beat.handlers:
            # What a subscription does is judged by where that stands.
            if handled.kind == "message" and handled.oldest_s > STUCK_SECONDS:
                yield Symptom(
                    "stuck-consumer",
                    f"{beat.service}/{handled.name}",
                    f"{beat.service} has had a message for {handled.name} in hand for"
                    f" {_seconds(handled.oldest_s)}, {handled.busy} in all",
                    f"look at the log of {beat.service}; end that process if it does not go on:"
                    " it is started again, and what was asked is asked again",
                    instance=beat.instance,
                )


def _doors(sight: Sight) -> Iterator[Symptom]:
    for door in sight.doors:
        yield Symptom(
            "gateway-deaf",
            f"gateway {door.instance[-8:]}",
            f"a gateway beats, and has not answered at {door.address} for"
            f" {_seconds(door.seconds)}: {door.reason}",
            "see what holds its port, and how many files it has open (its log says `Too many open"
            " files`); end its process if it hangs: what keeps it running starts it again",
            instance=door.instance,
        )


def _feed(sight: Sight) -> Iterator[Symptom]:
    bus, head = sight.bus, sight.record.head
    if bus.state != "alive" or not head:
        return
    relay = any(m.service == "relay" and m.state == "alive" for m in sight.members)
    remedy = "`hive bus status` compares both, `hive bus rebuild` makes it anew; nothing is lost"
    if not relay:
        remedy = "start a relay: `hive up`, or python -m hive_shared.relay; nothing is lost"
    if sight.bus_still_s > FEED_SECONDS:
        where = "has no event stream" if bus.last_position is None else f"is at {bus.last_position}"
        yield Symptom(
            "feed-held-up",
            "bus",
            f"the bus {where} and has not moved for {_seconds(sight.bus_still_s)},"
            f" the record is at {head}" + ("" if relay else ", and no relay is heard"),
            remedy,
        )
    elif bus.holes:
        yield Symptom("feed-held-up", "bus", f"the bus has {bus.holes} holes", remedy)


def _consumers(sight: Sight) -> Iterator[Symptom]:
    alive = {member.service for member in sight.members if member.state != "silent"}
    for standing in sight.standings:
        name = f"{standing.service}/{standing.name}"
        if standing.stopped:
            yield Symptom(
                "projection-stopped",
                name,
                f"{name} stands still after position {standing.position}: {standing.stopped}",
                "run the version that can apply the event; it goes on by itself, skipping nothing",
            )
        elif standing.service not in alive:
            continue  # nobody is there who could take them
        elif standing.still_s > STUCK_SECONDS:
            yield Symptom(
                "stuck-consumer",
                name,
                f"{name} has stood at {standing.position} for {_seconds(standing.still_s)}"
                f" while {standing.behind} events wait",
                f"look at the log of {standing.service}; end that process if it does not go on:"
                " it is started again and continues where it stands",
            )
        elif standing.behind_s > LAG_SECONDS:
            yield Symptom(
                "projection-lagging",
                name,
                f"{name} is {standing.behind} events and {_seconds(standing.behind_s)} behind",
                "it comes forward; if it falls back further, give it more processor or a replica",
            )


def _parked(sight: Sight) -> Iterator[Symptom]:
    for parked in sight.parked:
        about = f"{parked.subscription} {parked.stream}"
        behind = f", {len(parked.waiting)} later events wait" if parked.waiting else ""
        yield Symptom(
            "parked-stream",
            about,
            f"{parked.service}/{parked.subscription} gave up on {parked.event_type} of"
            f" {parked.stream} after {parked.tries} tries{behind}: {parked.error}",
            f"hive parked show {about}, then hive parked replay {about}",
        )


def _pools(sight: Sight) -> Iterator[Symptom]:
    for beat in sight.beats:
        for pool in beat.pools:
            if pool.waited_s >= POOL_SECONDS:
                yield Symptom(
                    "pool-exhausted",
                    f"{beat.service}/{pool.name}",
                    f"all {pool.size} connections of {beat.service}'s pool {pool.name} are in use;"
                    f" one who asks waits {_seconds(pool.waited_s)}",
                    "find what holds them (pg_stat_activity, application_name hive); it waits for"
                    " a lock or a slow disk, or another replica is needed",
                    instance=beat.instance,
                )


def _disks(sight: Sight) -> Iterator[Symptom]:
    for filling in sight.disks:
        disk = filling.disk
        text = f"{disk.path} has {_bytes(disk.free)} free of {_bytes(disk.total)}"
        if filling.short:
            text += f", {_bytes(disk.keep)} have to stay"
        elif filling.full_in_s is not None:
            text += f", and is full in {_seconds(filling.full_in_s)} at this rate"
        yield Symptom(
            "disk-filling",
            f"{filling.host}:{disk.path}",
            text,
            "land or discard missions, or move the data directory; kept work is never removed",
        )
    for heard in sight.short:
        yield Symptom(
            "disk-filling",
            f"runner {heard.name}",
            f"runner {heard.name} takes no work: {heard.closed}",
            "make room on its machine; it goes on by itself",
        )


def _runners(sight: Sight) -> Iterator[Symptom]:
    for heard in sight.deaf:
        yield Symptom(
            "runner-deaf",
            f"runner {heard.name}",
            f"runner {heard.name} is heard, but has not begun for {_seconds(heard.deaf_s)} what it"
            " was given",
            "look at its log and end it: it is started again, and others get what it was given",
        )
    for runner in sight.runners:
        if runner.state == "silent":
            ago = runner.heard_s_ago
            last = "was never heard" if ago is None else f"was last heard {_seconds(ago)} ago"
            yield Symptom(
                "runner-silent",
                f"runner {runner.name}",
                f"runner {runner.name} {last}: {runner.reason}",
                "see that it runs and reaches the gateway; what it had is given to others",
            )


def _agents(sight: Sight) -> Iterator[Symptom]:
    for runner, attempt in sorted(sight.silent, key=lambda each: -each[1].share):
        if attempt.share < SILENT_SHARE:
            continue
        task, who = attempt.task, attempt.agent or "the command"
        yield Symptom(
            "agent-silent",
            task,
            f"{who} at {task} on runner {runner} has printed nothing for"
            f" {_seconds(attempt.seconds)}, and is ended after {_seconds(attempt.limit)}",
            f"`hive logs -f {task}` shows what it did last; `hive take {task}` ends its turn and"
            f' goes on by hand, `hive tell {task} "…"` tells its next attempt something',
        )


def _missions(sight: Sight) -> Iterator[Symptom]:
    for mission in sight.overdue:
        yield Symptom(
            "mission-late",
            mission.name,
            f"{mission.name} was to have succeeded within {_seconds(mission.deadline)} of its"
            f" launch, {_seconds(mission.late)} ago; it goes on",
            f"`hive mission show {mission.name}` says what it waits for, `hive forecast"
            f" {mission.name}` when it may be done, `hive cancel {mission.name}` ends it",
        )


def _clocks(sight: Sight) -> Iterator[Symptom]:
    for host, off in sight.clocks:
        if abs(off) > CLOCK_SECONDS:
            where = "ahead of" if off > 0 else "behind"
            yield Symptom(
                "clock-off",
                host,
                f"the clock of {host} is {_seconds(abs(off))} {where} the database's",
                "let both machines set their clocks by NTP; leases and timers go by the database's,"
                " but logs and traces are out of order",
            )


def _few(found: Iterable[Symptom]) -> Iterator[Symptom]:
    """So many of one kind one by one, the others as one."""
    counts: dict[Kind, list[Symptom]] = {}
    for symptom in found:
        counts.setdefault(symptom.kind, []).append(symptom)
    for kind, of_kind in counts.items():
        yield from of_kind[:MANY]
        if (more := len(of_kind) - MANY) > 0:
            yield Symptom(kind, "others", f"and {more} more like it", of_kind[0].remedy)


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
