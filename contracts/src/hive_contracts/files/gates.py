"""Gates as people write them to gates of a plan.

Text that is a key of the repository file's `gates` is that gate; else text with a space is a
command; else it is a mistake. `{run: pytest}` is always a command.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from hive_contracts.files.definition import check_inside
from hive_contracts.files.document import FileProblem
from hive_contracts.files.mission import GateEntry, GateItem
from hive_contracts.files.naming import MAX_NAME, command_name, short_name
from hive_contracts.files.reading import nearest
from hive_contracts.ids import SHORT_NAME
from hive_contracts.plan import (
    MAX_CHECK,
    MAX_GATES,
    ON_GITHUB,
    RESERVED,
    ApprovalGate,
    CommandGate,
    Gate,
    GithubCheckGate,
    HttpGate,
    MetricGate,
)


def command_or_named(text: str, known: Mapping[str, CommandGate], where: str) -> CommandGate:
    """The gate that a piece of text means. Raises FileProblem."""
    if text in known:
        return known[text]
    if " " in text.strip():
        return CommandGate(command_name(text, "gate"), text)
    if not text.strip():
        raise FileProblem("a gate is empty", where, "write a command, or a gate's name")
    raise FileProblem(
        f"no gate is called `{text}`",
        where,
        f"{nearest(text, known)}; for a command of one word write {{run: {text}}}",
    )


def read_gates(
    items: Iterable[GateItem],
    known: Mapping[str, CommandGate],
    where: str,
    others: Iterable[Gate] = (),
) -> tuple[Gate, ...]:
    """Gates in their order; those that would share a name are numbered.

    `others` are gates beside which these stand. Raises FileProblem.
    """
    taken = {*RESERVED, *(gate.name for gate in others)}
    gates: list[Gate] = []
    for item in items:
        gate = (
            command_or_named(item, known, where)
            if isinstance(item, str)
            else _long_form(item, where)
        )
        if gate not in gates:
            gates.append(_unlike(gate, taken, where))
            taken.add(gates[-1].name)
    if len(gates) > MAX_GATES:
        raise FileProblem(
            f"{len(gates)} gates are too many", where, f"at most {MAX_GATES} are allowed"
        )
    return tuple(gates)


_KINDS: Final = ("run", "approval", "http", "metric", "github_check")
_KEYS: Final = {
    "compare": "run",
    "report": "run",
    "by": "approval",
    "status": "http",
    "contains": "http",
    "prometheus": "metric",
}
"""Keys that belong to one kind of gate only."""
_METRIC: Final = re.compile(
    r"(.*\S)\s*(<=|>=|==|!=|<|>)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)", re.DOTALL
)


def _judge(name: str) -> str:
    """Logins on GitHub differ by more than letter case."""
    return name.lower() if name.lower().startswith(ON_GITHUB) else name


def _long_form(entry: GateEntry, where: str) -> Gate:
    kinds = [kind for kind in _KINDS if getattr(entry, kind).strip()]
    if len(kinds) != 1:
        raise FileProblem(
            "a gate is a command, an approval, a URL, a metric or a check on GitHub",
            where,
            'write one of {run: "…"}, {approval: "…"}, {http: "…"}, {metric: "…"} and '
            '{github_check: "…"}',
        )
    (kind,) = kinds
    for key, owner in _KEYS.items():
        if owner != kind and getattr(entry, key) != getattr(GateEntry(), key):
            raise FileProblem(f"`{key}` belongs to a gate with `{owner}`", where, "take it out")
    if entry.name and SHORT_NAME.fullmatch(entry.name) is None:
        raise FileProblem(
            f"the gate's name {entry.name!r} is not allowed", where, "use 1 to 40 of a-z, 0-9 and -"
        )
    gate = _of_kind(kind, entry, where)
    if entry.timeout is None:
        return gate
    return msgspec.structs.replace(gate, timeout=float(entry.timeout))


def _of_kind(kind: str, entry: GateEntry, where: str) -> Gate:
    match kind:
        case "approval":
            name = entry.name or short_name(entry.approval, kind)
            return ApprovalGate(
                name, entry.approval, by=tuple(dict.fromkeys(map(_judge, entry.by)))
            )
        case "http":
            _check_url(entry.http, where)
            name = entry.name or short_name(urlsplit(entry.http).netloc, kind)
            return HttpGate(name, entry.http, entry.status, entry.contains)
        case "metric":
            return _metric(entry, where)
        case "github_check":
            check = entry.github_check
            if len(check) > MAX_CHECK or not check.isprintable():
                raise FileProblem(
                    f"{check[:80]!r} is no name of a check",
                    where,
                    f"write 1 to {MAX_CHECK} characters that can be seen, as GitHub shows it",
                )
            return GithubCheckGate(entry.name or short_name(check, "check"), check)
    check_inside([entry.report], where)
    return CommandGate(
        entry.name or command_name(entry.run, "gate"),
        entry.run,
        compare=entry.compare or "",
        report=entry.report,
    )


def _metric(entry: GateEntry, where: str) -> MetricGate:
    match = _METRIC.fullmatch(entry.metric.strip())
    try:
        value = float(match[3]) if match else math.nan
    except ValueError:
        value = math.nan
    if match is None or not math.isfinite(value):
        raise FileProblem(
            "a metric ends with a comparison and a number",
            where,
            'write such as "sum(rate(errors_total[5m])) < 0.01"',
        )
    if not entry.prometheus:
        raise FileProblem(
            "no Prometheus server is named for the metric", where, "write `prometheus: URL` too"
        )
    _check_url(entry.prometheus, where)
    operator: Any = match[2]
    name = entry.name or short_name(match[1], "metric")
    return MetricGate(name, entry.prometheus, match[1], operator, value)


def _check_url(url: str, where: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"\s", url):
        raise FileProblem(f"{url!r} is no URL", where, "write it with http:// or https://")
    if "@" in parts.netloc:
        raise FileProblem(
            "the URL has a password in it, and missions are recorded",
            where,
            "check what needs one with a command: {run: …}",
        )


def _unlike(gate: Gate, taken: set[str], where: str) -> Gate:
    """The gate under a name that is still free."""
    named = isinstance(gate, CommandGate) and not gate.run
    if gate.name not in taken - RESERVED if named else gate.name not in taken:
        return gate
    if named:
        raise FileProblem(
            f"two gates are called `{gate.name}`", where, "name the command otherwise"
        )
    for number in range(2, 1000):
        suffix = f"-{number}"
        name = gate.name[: MAX_NAME - len(suffix)] + suffix
        if name not in taken:
            return msgspec.structs.replace(gate, name=name)
    raise FileProblem(
        "there are too many gates", where, "put several commands into one script, and run that"
    )
