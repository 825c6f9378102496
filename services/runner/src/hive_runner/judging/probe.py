"""Gates that look at the world outside: a URL, or a metric, asked until it is as it should be.

They are asked from the runner, with its proxy settings, and without any credentials. A redirect is
followed on the same host only: whoever runs that host does not choose what else the runner reaches.
"""

import asyncio
import http.client
import json
import math
import operator
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import IO, Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from hive_contracts.outcome import GateResult
from hive_contracts.plan import HttpGate, MetricGate
from hive_runner.errors import plain

MAX_BODY: Final = 1 << 20
"""Bytes of an answer that are looked at."""
ASK_SECONDS: Final = 10.0
"""For one answer."""
LEAST_SECONDS: Final = 2.0
"""For one answer at the end of the gate's time: that one is what a person reads."""
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds between two tries."""
_TAIL: Final = 2_000
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: str
    location: str = ""


class Unanswered(Exception):
    """Nobody answered; the text says why."""


async def probe(gate: HttpGate | MetricGate) -> GateResult:
    """Ask until it holds, or until the gate's time is over."""
    began = time.monotonic()
    asked = f"GET {gate.url}" if isinstance(gate, HttpGate) else _expression(gate)
    tries = 0
    while True:
        left = began + gate.timeout - time.monotonic()
        reason, tail = await asyncio.to_thread(
            _ask, gate, max(LEAST_SECONDS, min(left, ASK_SECONDS))
        )
        pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
        tries += 1
        if not reason or began + gate.timeout - time.monotonic() <= pause:
            break
        await asyncio.sleep(pause)
    if reason:
        often = "once" if tries == 1 else f"{tries} times"
        reason = f"{reason} (asked {often} in {gate.timeout:.0f} s)"
    return GateResult(
        name=gate.name,
        passed=not reason,
        command=plain(asked),
        seconds=round(time.monotonic() - began, 3),
        tail=plain("\n".join(part for part in (reason, tail[:_TAIL]) if part)),
        reason=plain(reason),
    )


def _ask(gate: HttpGate | MetricGate, seconds: float) -> tuple[str, str]:
    """Why it does not hold (or nothing), and what was answered."""
    try:
        if isinstance(gate, HttpGate):
            answer = get(gate.url, seconds, follow=gate.status not in _REDIRECTS)
            return _fault(gate, answer), answer.body
        query = urlencode({"query": gate.query})
        answer = get(f"{gate.url.rstrip('/')}/api/v1/query?{query}", seconds)
        return _unfit(gate, answer), answer.body
    except Unanswered as error:
        return str(error), ""


def _fault(gate: HttpGate, answer: Answer) -> str:
    if answer.status != gate.status:
        where = f" to {answer.location}" if answer.location else ""
        return f"{gate.url} answers {answer.status}{where}, not {gate.status}"
    if gate.contains not in answer.body:
        return f"the answer of {gate.url} does not contain {gate.contains!r}"
    return ""


def _unfit(gate: MetricGate, answer: Answer) -> str:
    if answer.status != 200:
        return f"Prometheus answers {answer.status}"
    try:
        values = _values(json.loads(answer.body))
    except (ValueError, LookupError, TypeError) as error:
        return f"Prometheus' answer cannot be read: {error}"
    if not values:
        return f"there are no samples of {gate.query}"
    compare = _COMPARISONS[gate.operator]
    unfit = [value for value in values if math.isnan(value) or not compare(value, gate.value)]
    if not unfit:
        return ""
    many = f" ({len(unfit)} of {len(values)} samples)" if len(values) > 1 else ""
    return f"{gate.query} is {unfit[0]:g}, not {gate.operator} {gate.value:g}{many}"


def _values(body: Any) -> list[float]:
    """The samples of an instant query: https://prometheus.io/docs/prometheus/latest/querying/api"""
    data = body["data"]
    match data["resultType"]:
        case "scalar":
            return [float(data["result"][1])]
        case "vector":
            return [float(sample["value"][1]) for sample in data["result"]]
        case other:
            raise ValueError(f"a {other} is no number: ask for a vector or a scalar")


def get(url: str, seconds: float, *, follow: bool = True) -> Answer:
    """One answer, over redirects of the same host where these are followed. Raises Unanswered."""
    deadline = time.monotonic() + seconds
    opener = urllib.request.build_opener(_SameHost(urlsplit(url).hostname if follow else None))
    request = urllib.request.Request(url, headers={"User-Agent": "agent-hive"})  # noqa: S310 # checked below
    if request.type not in ("http", "https"):
        raise Unanswered(f"{url} is no URL of http or https")
    try:
        try:
            answer: IO[bytes] = opener.open(request, timeout=seconds)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            status, location = answer.status, answer.headers.get("Location", "")  # type: ignore[attr-defined]
            return Answer(status, _body(answer, deadline), location)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise Unanswered(f"{url} does not answer: {why}") from error


def _body(answer: IO[bytes], deadline: float) -> str:
    """The first MAX_BODY bytes; of one that drips, what came in time."""
    pieces: list[bytes] = []
    room = MAX_BODY
    while room > 0 and time.monotonic() < deadline:
        piece = answer.read1(min(room, 64 * 1024))  # type: ignore[attr-defined]
        if not piece:
            break
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces).decode("utf-8", "replace")


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects that stay on a host; any other is the answer."""

    def __init__(self, host: str | None) -> None:
        self._host = host

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if self._host is None or urlsplit(newurl).hostname != self._host:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _expression(gate: MetricGate) -> str:
    return f"{gate.query} {gate.operator} {gate.value:g}"
