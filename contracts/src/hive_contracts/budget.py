"""What a mission may use, what an attempt at it may, and how both are accounted for. Pure.

Money is US dollars, tokens are those read and written together, durations are seconds; 0 is no cap.

    left     = cap − used − lost − reserved
    reserved = what attempts that are at work may use, each its own
    used     = what attempts told of: billed and estimated, or all that was reserved where one did
               not say
    lost     = what was reserved by attempts that vanished, until one tells of itself after all
"""

from typing import Final, Literal

import msgspec
from msgspec.structs import replace

Cap = Literal["usd", "tokens", "wall"]
"""What can be capped. `wall` is time in which the mission could go on without people."""

CAPS: Final[tuple[Cap, ...]] = ("usd", "tokens", "wall")
LEAST_SHARE: Final = 50
"""An attempt may use at least one part in so many of a cap: what is less is not worth a start."""
_CENTS: Final = 6
"""Digits of a dollar that are kept."""


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The caps of a mission."""

    usd: float = 0
    """Billed, and estimated at list prices."""
    tokens: int = 0
    wall: float = 0
    warn: float = 0
    """The part of a cap, from 0 to 1, at which people are told once; 0 tells nobody."""

    def of(self, cap: Cap) -> float:
        return float(getattr(self, cap))

    def plus(self, other: "Budget") -> "Budget":
        """With higher caps."""
        return replace(
            self,
            usd=round(self.usd + other.usd, _CENTS),
            tokens=self.tokens + other.tokens,
            wall=self.wall + other.wall,
        )


class AttemptCap(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt may use."""

    usd: float = 0
    tokens: int = 0
    last: bool = False
    """Whether it is all that was left of the mission's budget."""


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one attempt used, as far as it is known."""

    billed_usd: float = 0
    estimated_usd: float = 0
    tokens: int = 0
    known_usd: bool = True
    """False: nobody knows what it cost."""
    known_tokens: bool = True


class Purse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a budget stands. Only its methods make another one of it."""

    budget: Budget
    billed_usd: float = 0
    estimated_usd: float = 0
    unknown_usd: float = 0
    """Reserved by attempts that did not say what they cost: it counts as used."""
    tokens: int = 0
    unknown_tokens: int = 0
    reserved: dict[str, AttemptCap] = {}
    """Of attempts at work, by task id and epoch."""
    lost: dict[str, AttemptCap] = {}
    """Of attempts that vanished: it counts as used until they tell of themselves."""
    met: dict[str, AttemptCap] = {}
    """By task id: what an attempt was stopped at."""
    warned: tuple[Cap, ...] = ()
    """Caps of which people were told that they come near."""

    @property
    def caps(self) -> tuple[Cap, ...]:
        """What attempts are given shares of."""
        return tuple(cap for cap in CAPS if cap != "wall" and self.budget.of(cap))

    def used(self, cap: Cap) -> float:
        """What counts as used, that of lost attempts included."""
        if cap == "usd":
            known = self.billed_usd + self.estimated_usd + self.unknown_usd
            return round(known + sum(lost.usd for lost in self.lost.values()), _CENTS)
        return self.tokens + self.unknown_tokens + sum(lost.tokens for lost in self.lost.values())

    def held(self, cap: Cap) -> float:
        """What attempts at work have reserved."""
        return round(sum(_of(one, cap) for one in self.reserved.values()), _CENTS)

    def left(self, cap: Cap) -> float:
        """What can still be reserved; below 0 where attempts passed their own caps."""
        return round(self.budget.of(cap) - self.used(cap) - self.held(cap), _CENTS)

    def share(self, task_id: str, among: int) -> AttemptCap | None:
        """What an attempt at a task may use: an equal share of what is left, `among` so many that
        could begin now; twice as much as the attempt before was stopped at, if it was.

        None where too little is left for now.
        """
        shares: dict[Cap, float] = {}
        met, last = self.met.get(task_id), False
        for cap in self.caps:
            left, whole = self.left(cap), self.budget.of(cap)
            least = whole / LEAST_SHARE
            before = _of(met, cap) if met else 0.0
            # What it was stopped at once would stop it again.
            if left < least or left <= before:
                return None
            shares[cap] = min(left, max(left / max(among, 1), least, 2 * before))
            last = last or (shares[cap] == left and not self.reserved)
        return AttemptCap(
            round(shares.get("usd", 0), _CENTS), int(shares.get("tokens", 0)), last=last
        )

    def used_up(self, task_id: str) -> Cap | None:
        """The cap at which a task cannot go on, also once all that is at work has ended."""
        if self.reserved:
            return None
        met = self.met.get(task_id)
        for cap in self.caps:
            left = self.left(cap)
            if left < self.budget.of(cap) / LEAST_SHARE or left <= (_of(met, cap) if met else 0):
                return cap
        return None

    def reserve(self, key: str, share: AttemptCap) -> "Purse":
        return replace(self, reserved={**self.reserved, key: share})

    def knows(self, key: str) -> bool:
        """Whether what an attempt used is still open."""
        return key in self.reserved or key in self.lost

    def lose(self, key: str) -> "Purse":
        """The attempt has vanished: what it used is not known, and may never be."""
        share = self.reserved.get(key)
        if share is None:
            return self
        return replace(self, reserved=_without(self.reserved, key), lost={**self.lost, key: share})

    def settle(self, key: str, spent: Spent, *, stopped: bool = False) -> "Purse":
        """The attempt has told what it used; `stopped` where that was at its own cap."""
        share = self.reserved.get(key) or self.lost.get(key)
        if share is None:
            return self
        task_id = key.partition("/")[0]
        return replace(
            self,
            billed_usd=round(self.billed_usd + spent.billed_usd, _CENTS),
            estimated_usd=round(self.estimated_usd + spent.estimated_usd, _CENTS),
            unknown_usd=round(self.unknown_usd + (0 if spent.known_usd else share.usd), _CENTS),
            tokens=self.tokens + spent.tokens,
            unknown_tokens=self.unknown_tokens + (0 if spent.known_tokens else share.tokens),
            reserved=_without(self.reserved, key),
            lost=_without(self.lost, key),
            met={**self.met, task_id: share} if stopped else _without(self.met, task_id),
        )

    def near(self) -> list[Cap]:
        """Caps that have come near, and of which nobody was told."""
        part = self.budget.warn
        return [
            cap
            for cap in self.caps
            if part and cap not in self.warned and self.used(cap) >= part * self.budget.of(cap)
        ]

    def warn(self, cap: Cap) -> "Purse":
        return replace(self, warned=(*self.warned, cap))

    def raised(self, budget: Budget) -> "Purse":
        """With other caps: what comes near again is told of again."""
        known = tuple(cap for cap in self.warned if budget.of(cap) == self.budget.of(cap))
        return replace(self, budget=budget, warned=known)


def attempt_key(task_id: str, epoch: int) -> str:
    """By which an attempt's reservation is found."""
    return f"{task_id}/{epoch}"


def _of(share: AttemptCap, cap: Cap) -> float:
    return share.usd if cap == "usd" else share.tokens


def _without(kept: dict[str, AttemptCap], key: str) -> dict[str, AttemptCap]:
    return {other: share for other, share in kept.items() if other != key}
