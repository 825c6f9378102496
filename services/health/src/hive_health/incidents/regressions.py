"""What became worse, as alerts: one for each series and change. Pure.

    found, and no chance ──▶ fires ──somebody acknowledges it, or it came back──▶ quiet, for good

A change is known by the position of its first attempt as it was found first. Found again a little
beside its place it is the same; and once its incident has ended it is never told again, since a
change point stays where it is however long everybody knows of it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from hive_contracts.health import Cause, EventBefore
from hive_contracts.incident import AlertSeen
from hive_health.baselines.regressions import Regression
from hive_health.incidents.alert import Alert, clean
from hive_health.incidents.register import Known

NAME: Final = "regression"
_UNITS: Final = {"seconds": " s", "waiting": " s", "usd": " USD", "tokens": " tokens"}


def of_regressions(worse: Iterable[Regression], known: Iterable[Known]) -> Iterator[Alert]:
    """`known`: all incidents of regressions, whatever has become of them."""
    told = {each.opened.cause: each for each in known}
    for regression in worse:
        cause = next((c for at in regression.near if (c := _cause(regression, at)) in told), None)
        if cause is None:
            if regression.is_sure:
                yield _alert(regression, regression.change.position)
        elif told[cause].state.status == "open":
            yield _alert(regression, int(cause.rpartition("/")[2]))


def _cause(regression: Regression, at: int) -> str:
    return f"{NAME}/{_series(regression)}/{at}"


def _series(regression: Regression) -> str:
    return clean(regression.series.replace("/", "-")) or "-"


def _alert(regression: Regression, at: int) -> Alert:
    change = regression.change
    work = f"{change.mission}/{change.phase} by {change.profile}"
    if not change.mission:
        work = f"all missions by {change.profile}"
    before, after = (_amount(change.metric, x) for x in (change.before, change.after))
    event, brought = change.preceded_by, change.causes[0] if change.causes else None
    came = f"; {_came(event, brought)}" if event else ""
    seen = AlertSeen(
        NAME,
        clean(f"{work}: {change.metric}, position {at}"),
        clean(
            f"{work} became worse: {change.metric} {before} → {after} since position {at}"
            f" ({change.attempts_before} attempts before, {change.attempts_after} since){came}"
        ),
        "`hive baselines` shows it; `hive incident ack` ends this where it is to stay so",
        since_ms=int(change.at.timestamp() * 1000),
        preceded_by=event,
    )
    return Alert(seen, {"alertname": NAME, "series": _series(regression), "since": str(at)})


def _came(before: EventBefore, brought: Cause | None) -> str:
    if brought is None:
        return f"the attempt before it ended at position {before.position}"
    came = "launch" if brought.what != "settings" else "attempt that ended"
    return (
        f"{brought.what} {brought.before or 'none'} → {brought.after or 'none'} came with the"
        f" {came} at position {before.position}"
    )


def _amount(metric: str, amount: float) -> str:
    return f"{amount:.0%}" if metric == "success" else f"{amount:.3g}{_UNITS[metric]}"
