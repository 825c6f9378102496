"""Runners, as gateways hear them and as the record knows their sessions. Pure.

a gateway says that it hears it ──▶ alive ──3 beats missing──▶ silent ──an hour──▶ gone
                                              │
                                              ├── and no gateway is heard ──▶ unknown
its session was closed in good order ──▶ ended
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from hive_contracts.codec import AnyEvent
from hive_contracts.health import RunnerMember
from hive_contracts.heartbeat import Heartbeat, RunnerHeard, SilentAttempt
from hive_contracts.runner import SessionClosed, SessionOpened

MISSED_BEATS: Final = 3
FORGET_SECONDS: Final = 3600.0
DEAF_SECONDS: Final = 5.0

State = Literal["alive", "silent", "unknown", "ended"]


class Known(msgspec.Struct):
    """One runner. Moments are seconds on one monotonic clock."""

    name: str
    session_id: str = ""
    open: bool = True
    reason: str = ""
    """Why its session was closed."""
    heard: RunnerHeard | None = None
    heard_at: float | None = None
    told_every_s: float = 2.0
    """Seconds between two beats of the gateway that hears it."""
    noted_at: float = 0
    """When anything was last learned of it."""


class Runners:
    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def hear(self, runners: Iterable[RunnerHeard], at: float, every_s: float = 2.0) -> None:
        """What a gateway's beat tells; another one comes in `every_s` seconds."""
        for heard in runners:
            known = self._known.setdefault(heard.runner_id, Known(heard.name))
            heard_at = at - heard.heard_s_ago
            if known.heard_at is not None and heard_at < known.heard_at:
                continue  # another gateway has heard it since
            known.heard, known.heard_at, known.name = heard, heard_at, heard.name
            known.noted_at, known.told_every_s = at, every_s

    def learn(self, event: AnyEvent, at: float) -> None:
        """What the record tells."""
        match event:
            case SessionOpened(runner_id=id, session_id=session, name=name):
                known = self._known.setdefault(id, Known(name))
                known.session_id, known.open, known.reason = session, True, ""
                known.noted_at = at
            case SessionClosed(runner_id=id, session_id=session, reason=reason):
                closed = self._known.get(id)
                if closed is not None and closed.session_id == session:
                    closed.open, closed.reason, closed.noted_at = False, reason, at

    def forget(self, now: float) -> None:
        """Who has ended, or was silent, for an hour."""
        old = [
            id
            for id, known in self._known.items()
            if now - max(known.noted_at, known.heard_at or 0.0) > FORGET_SECONDS
            and not (known.open and known.heard_at is None)
        ]
        for id in old:
            del self._known[id]

    def beats(self, now: float) -> list[Heartbeat]:
        """What those that are heard have told of their work, as a process of the hive tells it."""
        heard = [
            known.heard
            for known in self._known.values()
            if known.heard is not None and _is_heard(known, now)
        ]
        return [
            Heartbeat(
                "runner", each.session_id, "", "ready", 0.0, each.every_s,
                handlers=each.handlers, counters=each.tokens,
            )
            for each in heard
        ]  # fmt: skip

    def members(self, now: float, heard_gateways_for: float | None) -> list[RunnerMember]:
        """By name. `heard_gateways_for`: seconds for which a gateway has been heard; None is not
        now."""
        members = [_member(id, known, now, heard_gateways_for) for id, known in self._known.items()]
        return sorted(members, key=lambda member: (member.name, member.runner_id))

    def short(self, now: float) -> list[RunnerHeard]:
        """Runners that are heard, and take no work: their disk is short, or they take too much."""
        known = [known for known in self._known.values() if _is_heard(known, now)]
        return [each.heard for each in known if each.heard is not None and each.heard.closed]

    def silent(self, now: float) -> list[tuple[str, SilentAttempt]]:
        """Attempts that print nothing, each with the name of its runner, which is heard."""
        known = [known for known in self._known.values() if _is_heard(known, now)]
        heard = [each.heard for each in known if each.heard is not None]
        return [(runner.name, attempt) for runner in heard for attempt in runner.silent]

    def deaf(self, now: float) -> list[RunnerHeard]:
        """Runners that are heard, and leave undone what they are told."""
        return [
            known.heard
            for known in self._known.values()
            if known.heard is not None
            and _is_heard(known, now)
            and known.heard.deaf_s > max(MISSED_BEATS * known.heard.every_s, DEAF_SECONDS)
        ]


def _is_heard(known: Known, now: float) -> bool:
    if known.heard is None or known.heard_at is None:
        return False
    return now - known.heard_at <= _patience(known)


def _patience(known: Known) -> float:
    """Seconds. A gateway's word is as old as its own beat, of which some may be missing, too."""
    every = 2.0 if known.heard is None else known.heard.every_s
    return MISSED_BEATS * max(every, known.told_every_s) + known.told_every_s


def _member(id: str, known: Known, now: float, gateways: float | None) -> RunnerMember:
    heard = known.heard
    state = _state(known, now, gateways)
    ago = None if known.heard_at is None else round(now - known.heard_at, 3)
    if heard is None:
        return RunnerMember(id, known.name, state, heard_s_ago=ago, reason=_reason(known, state))
    return RunnerMember(
        runner_id=id,
        name=known.name,
        state=state,
        slots=heard.slots,
        working=heard.working if state == "alive" else 0,
        agents=heard.agents,
        heard_s_ago=ago,
        ready=state == "alive" and not heard.closed and not heard.draining,
        reason=_reason(known, state),
    )


def _state(known: Known, now: float, gateways: float | None) -> State:
    if _is_heard(known, now):
        return "alive"
    if not known.open and known.reason != "expired":
        return "ended"
    if gateways is None or gateways <= _patience(known):
        return "unknown"
    return "silent"


def _reason(known: Known, state: State) -> str:
    match state:
        case "alive":
            heard = known.heard
            assert heard is not None
            return heard.closed or ("it drains" if heard.draining else "")
        case "unknown":
            return "no gateway is heard that could hear it"
        case "ended":
            return known.reason
        case "silent":
            return "its session expired" if known.reason == "expired" else "no beat comes from it"
