"""What receivers are told, in each form, and of what."""

import base64
from pathlib import Path

import msgspec
import pytest

from hive_contracts.files.incidents import ReceiverEntry, What
from hive_contracts.incident import (
    AlertsChanged,
    AnyIncidentEvent,
    IncidentAcknowledged,
    IncidentMitigated,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    RunbookFailed,
    RunbookLaunched,
)
from hive_health.incidents.notices import body_of, wants
from hive_health.incidents.standard_webhooks import Secretless, read_secret, signature

OPENED = IncidentOpened(
    "i", 1_767_225_600_000, "record-away-1", "record-away", 1, "it does not answer", "page", 3, (),
    1, "start it",
)  # fmt: skip
TICKET = msgspec.structs.replace(OPENED, severity="ticket")
ALL: tuple[What, ...] = (
    "opened", "changed", "acknowledged", "mitigated", "resolved", "reopened", "runbook",
)  # fmt: skip
EVENTS: list[tuple[AnyIncidentEvent, str, str]] = [
    (OPENED, "incident.opened", "record-away-1 (page): it does not answer. Next: start it"),
    (AlertsChanged("i", 1, 7), "incident.changed", "7 alerts fire"),
    (AlertsChanged("i", 1, 7, (), "page"), "incident.changed", "it is a page now"),
    (IncidentReopened("i", 1, 2), "incident.reopened", "is back"),
    (IncidentAcknowledged("i", 1, "ann"), "incident.acknowledged", "ann sees to it"),
    (IncidentMitigated("i", 1, "ann"), "incident.mitigated", "mitigated, says ann"),
    (IncidentResolved("i", 1, "ann"), "incident.resolved", "resolved by ann"),
    (RunbookLaunched("i", 1, "m", "look-1"), "incident.runbook", "look-1 waits for your approval"),
    (RunbookFailed("i", 1, "no file"), "incident.runbook", "not launched: no file"),
]


def to(format: str = "standard", when: tuple[What, ...] = ALL, least: str = "ticket") -> object:
    return ReceiverEntry("http://x", "s", format, when, least)  # type: ignore[arg-type]


@pytest.mark.parametrize(("event", "type", "text"), EVENTS)
def test_a_standard_webhook_has_a_type_a_moment_and_the_facts(
    event: AnyIncidentEvent, type: str, text: str
) -> None:
    body = body_of(event, OPENED, "page", 9, to())  # type: ignore[arg-type]
    assert body is not None
    told = msgspec.json.decode(body)
    assert told["type"] == type
    assert told["timestamp"].endswith("+00:00")
    assert text in told["data"]["text"]
    facts = told["data"]
    assert (facts["incident"], facts["incident_id"], facts["position"]) == ("record-away-1", "i", 9)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (OPENED, "trigger"),
        (IncidentReopened("i", 1, 2), "trigger"),
        (IncidentAcknowledged("i", 1, "ann"), "acknowledge"),
        (IncidentMitigated("i", 1, "ann"), None),
        (IncidentResolved("i", 1), "resolve"),
        (RunbookFailed("i", 1, "x"), None),
    ],
)
def test_a_pager_hears_of_one_incident_under_one_key(
    event: AnyIncidentEvent, action: str | None
) -> None:
    body = body_of(event, OPENED, "page", 9, to("pagerduty"), "a-routing-key")  # type: ignore[arg-type]
    if action is None:
        assert body is None
        return
    assert body is not None
    told = msgspec.json.decode(body)
    assert (told["routing_key"], told["event_action"]) == ("a-routing-key", action)
    assert told["dedup_key"] == "i"
    assert ("payload" in told) == (action == "trigger")
    if action == "trigger":
        assert told["payload"]["severity"] == "critical"


def test_a_chat_gets_a_text() -> None:
    body = body_of(OPENED, OPENED, "page", 9, to("chat"))  # type: ignore[arg-type]
    assert body is not None
    assert msgspec.json.decode(body) == {
        "text": "record-away-1 (page): it does not answer. Next: start it\n"
        "hive incident show record-away-1"
    }


@pytest.mark.parametrize(
    ("event", "opened", "when", "least", "told"),
    [
        (OPENED, OPENED, ("opened",), "page", True),
        (TICKET, TICKET, ("opened",), "page", False),
        (TICKET, TICKET, ("opened",), "ticket", True),
        (OPENED, OPENED, ("resolved",), "ticket", False),
        (AlertsChanged("i", 1, 2), OPENED, ("opened",), "ticket", False),
        (AlertsChanged("i", 1, 2), OPENED, ("changed",), "ticket", True),
        (AlertsChanged("i", 1, 2, (), "page"), TICKET, ("opened",), "page", True),
        (IncidentReopened("i", 1, 2), OPENED, ALL, "ticket", True),
        (IncidentReopened("i", 1, 2, quiet=True), OPENED, ALL, "ticket", False),
        (IncidentNoted("i", 1, "ann", "x"), OPENED, ALL, "ticket", False),
    ],
)
def test_a_receiver_hears_of_what_it_asked_for(
    event: AnyIncidentEvent, opened: IncidentOpened, when: tuple[What, ...], least: str, told: bool
) -> None:
    assert wants(event, opened, to("standard", when, least)) is told  # type: ignore[arg-type]


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_read_in_both_forms_and_others_may_not_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    path.chmod(0o600)
    assert read_secret(path) == base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    path.write_text("any other text of ours")
    assert read_secret(path) == b"any other text of ours"
    for text, said in (("short", "at least 16"), ("whsec_not base64 at all", "no base64")):
        path.write_text(text)
        with pytest.raises(Secretless, match=said):
            read_secret(path)
    path.chmod(0o644)
    with pytest.raises(Secretless, match="chmod 600"):
        read_secret(path)
    with pytest.raises(Secretless, match="cannot be read"):
        read_secret(tmp_path / "gone")
