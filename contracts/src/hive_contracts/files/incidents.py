"""The file `incidents.yaml`: how alerts become incidents, and who is told of them."""

import re
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

from hive_contracts.files.document import FileProblem, parse_document
from hive_contracts.files.reading import Duration, Places, read
from hive_contracts.incident import Patience, Severity
from hive_contracts.plan import WEBHOOK

What = Literal["opened", "changed", "acknowledged", "mitigated", "resolved", "reopened", "runbook"]
Form = Literal["standard", "chat", "pagerduty"]

MOST_RECEIVERS: Final = 8
MAX_PATTERN: Final = 200
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parent of what may stand in the file."""


class CauseEntry(Entry, frozen=True):
    """Alerts of one kind: the first entry whose `alert` fits is the one that counts."""

    alert: str
    """The alert's name; `*` stands for anything."""
    group_by: tuple[str, ...] | None = None
    """Labels: alerts that differ in one have another cause."""
    follows: tuple[str, ...] | None = None
    """Alerts that bring this one about, by name or cause (`service-silent/gateway`): while one of
    them is there, it is no incident of its own. Where both are grouped by the same labels, only one
    with the same values counts."""
    severity: Severity | None = None
    """Default: as the alert says."""
    runbook: str = ""
    """A mission file, from this file's folder, that is launched behind an approval."""


class ReceiverEntry(Entry, frozen=True):
    """Who gets a signed POST."""

    url: str
    """Where it goes; a redirect is not followed."""
    secret_file: str
    """A file of mode 0600: what it is signed with (`whsec_…` or any text), or the routing key of
    PagerDuty."""
    format: Form = "standard"
    """`standard` is Standard Webhooks with the incident's facts, `chat` a JSON object with a
    `text`, `pagerduty` its Events API v2."""
    when: tuple[What, ...] = ("opened", "acknowledged", "mitigated", "resolved", "reopened")
    """Of what it is told."""
    severity: Severity = "ticket"
    """The least grave of which it is told."""


class IncidentsFile(Entry, frozen=True):
    """How alerts become incidents, and who is told of them. Every key is optional."""

    resolve_after: Duration = Duration(300)
    """Without an alert for so long an incident is resolved; each time that it came back doubles
    this."""
    reopen_within: Duration = Duration(3600)
    """Alerts that come so soon after its end open it again; later ones open the next."""
    page_again: Duration = Duration(3600)
    """For so long after people were called, nobody is called because it came back."""
    forget_after: Duration = Duration(25 * 3600)
    """An alert of Alertmanager that was not told again for so long is over. Longer than its
    `repeat_interval`."""
    alertmanager: tuple[str, ...] = ()
    """URLs of Alertmanagers that are told of incidents."""
    causes: tuple[CauseEntry, ...] = ()
    """What the alerts of a kind have in common, what they follow from, and their runbook."""
    notify: dict[str, ReceiverEntry] = {}
    """Receivers, by a name of yours; at most eight."""

    @property
    def patience(self) -> Patience:
        return Patience(
            float(self.resolve_after), float(self.reopen_within), float(self.page_again)
        )

    def cause(self, name: str) -> CauseEntry | None:
        return next((each for each in self.causes if fnmatchcase(name, each.alert)), None)


def parse_incidents(text: str, where: str) -> IncidentsFile:
    """Raises FileProblem."""
    places = Places(where)
    file = read(parse_document(text, where), IncidentsFile, places)
    if file.resolve_after < 10:
        raise FileProblem(
            "so short a calm ends an incident between two looks", places.of("resolve_after"),
            "write at least 10s",
        )  # fmt: skip
    for n, url in enumerate(file.alertmanager):
        _check_url(url, places.of("alertmanager", n))
    for n, entry in enumerate(file.causes):
        _check_cause(entry, places, n)
    if len(file.notify) > MOST_RECEIVERS:
        raise FileProblem(
            f"{len(file.notify)} receivers are too many", places.of("notify"),
            f"at most {MOST_RECEIVERS}; let Alertmanager or a chat tool tell more",
        )  # fmt: skip
    for name, receiver in file.notify.items():
        if _NAME.fullmatch(name) is None:
            raise FileProblem(
                f"{name[:40]!r} is no name", places.of("notify", name),
                "write at most 32 small letters, digits and dashes",
            )  # fmt: skip
        _check_url(receiver.url, places.of("notify", name, "url"))
        if not receiver.secret_file:
            raise FileProblem(
                "a receiver needs a secret", places.of("notify", name, "secret_file"),
                "name a file of mode 0600 that has it",
            )  # fmt: skip
    return file


def _check_cause(entry: CauseEntry, places: Places, n: int) -> None:
    if not entry.alert or len(entry.alert) > MAX_PATTERN:
        raise FileProblem(
            "no alert has such a name", places.of("causes", n, "alert"),
            "write its name, or such as disk-*",
        )  # fmt: skip
    for label in entry.group_by or ():
        if _LABEL.fullmatch(label) is None:
            raise FileProblem(
                f"{label[:40]!r} is no label", places.of("causes", n, "group_by"),
                "write labels as Prometheus has them: host, service",
            )  # fmt: skip


def _check_url(url: str, where: str) -> None:
    if WEBHOOK.fullmatch(url) is None:
        raise FileProblem(
            f"{url[:80]!r} is no URL of http or https", where, "write https://host/path"
        )
