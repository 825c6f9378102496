"""A provider's limit: recognised by what an agent says at it, and until when it holds. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hive_shared.profiles import Profile

LONGEST: Final = 8 * 24 * 3600.0
"""Seconds: no provider's limit lasts longer than a week; what says so was misread."""
_MARGIN: Final = 5.0
"""Seconds later than said: their clock is not ours."""
_MINUTE: Final = 60.0
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[dhms])[a-z]*", re.IGNORECASE)
_ZONE: Final = re.compile(r"\((?P<zone>[A-Za-z_+\-/0-9]+)\)")
_ORDINAL: Final = re.compile(r"(?<=\d)(st|nd|rd|th)\b")
_TIMES: Final = ("%I:%M %p", "%I:%M%p", "%I%p", "%I %p", "%H:%M")
_DATES: Final = tuple(
    f"{date} {time}"
    for date in ("%b %d, %Y", "%b %d %Y", "%Y-%m-%d", "%b %d,", "%b %d", "%b %d at")
    for time in _TIMES
)


def wait_for_limit(
    profile: Profile, lines: Iterable[str], now: datetime, resets_at: float = 0
) -> float | None:
    """Seconds until a limit is lifted that one of the lines speaks of; None where none does.

    `now` has a zone: that of the machine, in which agents speak of times of day.
    """
    if resets_at:
        return _within(resets_at - now.timestamp() + _MARGIN, profile)
    for line in reversed(list(lines)):
        for pattern in profile.limits:
            found = re.search(pattern, line)
            if found is not None:
                return _within(_said(found, now), profile)
    return None


def refusal_in(profile: Profile, lines: Iterable[str]) -> bool:
    """Whether one of the lines says that the agent's login was refused."""
    patterns = [re.compile(pattern) for pattern in profile.login.failures]
    return any(pattern.search(line) for line in lines for pattern in patterns)


def _said(found: re.Match[str], now: datetime) -> float | None:
    groups = {name: text for name, text in found.groupdict().items() if text}
    if "epoch" in groups:
        return float(groups["epoch"]) - now.timestamp() + _MARGIN
    if "within" in groups:
        return seconds_in(groups["within"])
    if "at" in groups:
        return seconds_until(groups["at"], now)
    return None


def _within(seconds: float | None, profile: Profile) -> float:
    if seconds is None or seconds > LONGEST:
        return profile.limit_wait
    return round(max(seconds, _MARGIN), 1)


def seconds_in(text: str) -> float | None:
    """`1h2m3.5s`, `2 days 3 hours`, `40 seconds`, `40`; None where it is no duration."""
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
        return float(text) + _MARGIN
    parts = _PART.findall(text)
    if not parts:
        return None
    total = 0.0
    for number, unit in parts:
        total += float(number) * (0.001 if unit.lower() == "ms" else _UNITS[unit.lower()])
    return total + _MARGIN


def seconds_until(text: str, now: datetime) -> float | None:
    """`3pm (Europe/Berlin)`, `5:36 PM`, `Dec 3rd, 2026 5:36 PM`; None where it is no time."""
    zone: tzinfo | None = now.tzinfo
    named = _ZONE.search(text)
    if named is not None:
        try:
            zone = ZoneInfo(named["zone"])
        except (ZoneInfoNotFoundError, ValueError):
            return None
        text = text[: named.start()]
    there = now.astimezone(zone)
    text = _ORDINAL.sub("", " ".join(text.split()).strip(" .,·"))
    for form in _TIMES:
        moment = _parsed(text, form)
        if moment is not None:
            then = there.replace(hour=moment.hour, minute=moment.minute, second=0, microsecond=0)
            # It says no seconds: the minute that it names may be this one.
            if then + timedelta(minutes=1) <= there:
                then += timedelta(days=1)
            return (then - there).total_seconds() + _MINUTE
    for form in _DATES:
        moment = _parsed(text, form)
        if moment is not None:
            year = moment.year if "%Y" in form else there.year
            then = moment.replace(year=year, tzinfo=zone)
            if "%Y" not in form and then + timedelta(days=1) < there:
                then = then.replace(year=year + 1)
            return (then - there).total_seconds() + _MINUTE
    return None


def _parsed(text: str, form: str) -> datetime | None:
    try:
        # A year that leaps, so that 29 February is read where none is said.
        return datetime.strptime(
            text if "%Y" in form else f"2028 {text}", form if "%Y" in form else f"%Y {form}"
        )
    except ValueError:
        return None
