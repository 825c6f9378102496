"""`hive incidents`, `hive incident`, `hive policy`: what people read, what the hive is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli.main import main
from hive_cli.postmortem import LINES, postmortem
from hive_contracts.v1.operations_pb2 import (
    AlertSeen,
    BudgetSeen,
    Happened,
    IncidentReport,
    IncidentSummary,
    PolicyReport,
    PolicyStateShown,
    Restraints,
    TimelineEntry,
)
from tests.component.client.fake_gateway import FakeGateway, serving

Hive = Callable[..., Awaitable[Result]]
S, H = 1000, 3_600_000


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGateway]:
    token = tmp_path / "token"
    token.write_text("a-token-of-a-test")
    token.chmod(0o600)
    async with serving() as fake:
        monkeypatch.setenv("HIVE_GATEWAY", fake.address)
        monkeypatch.setenv("HIVE_TOKEN_FILE", str(token))
        monkeypatch.setenv("HIVE_DATA", str(tmp_path))
        monkeypatch.setenv("TZ", "UTC")
        yield fake


@pytest.fixture
def hive(gateway: FakeGateway) -> Hive:
    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))

    return run


def report(**fields: object) -> IncidentReport:
    summary = IncidentSummary(
        name="record-away-1", cause="record-away", title="it does not answer\x1b[2J",
        severity="page", status="resolved", since_ms=H, opened_ms=H + 8 * S,
        resolved_ms=3 * H, reopened=2,
    )  # fmt: skip
    return IncidentReport(summary=summary, **fields)  # type: ignore[arg-type]


WHOLE = report(
    alerts=[AlertSeen(name="record-away", about="record", text="gone", source="health")],
    acknowledged_ms=H + 60 * S,
    acknowledged_by="ann",
    timeline=[TimelineEntry(at_ms=H, what="began", text="the first of its alerts began")],
    happened=[Happened(type="AttemptFailed", count=3, first_ms=H, last_ms=2 * H, first_position=7)],
    missions=["fix-1"],
    missions_more=4,
    people=["ann"],
)


async def test_what_went_wrong_is_listed_and_nothing_in_it_drives_the_terminal(
    hive: Hive, gateway: FakeGateway
) -> None:
    assert "no incident" in (await hive("incidents")).output
    gateway.incidents = [WHOLE]
    said = await hive("incidents")
    assert said.exit_code == 0
    assert "record-away-1" in said.stdout
    assert "\x1b[2J" not in said.stdout
    assert "x.yaml:1: odd" in said.stderr
    rows = (await hive("incidents", "list", "--json")).stdout.splitlines()
    assert json.loads(rows[0])["name"] == "record-away-1"


async def test_the_report_is_a_draft_with_all_that_is_known(
    hive: Hive, gateway: FakeGateway
) -> None:
    gateway.incidents = [WHOLE]
    said = (await hive("incident", "show", "record-away-1")).stdout
    assert "\x1b" not in said
    for line in (
        "# record-away-1: it does not answer",
        "page · resolved · cause `record-away`",
        "after 8 s",
        "after 60 s by ann",
        "- mitigated     –",
        "after 2 h 0 min by itself: its alerts stayed away",
        "- came back     2 times",
        "- record-away record (health, ): gone",
        "- missions: fix-1 and 4 more",
        "- 3 × AttemptFailed",
        "(from position 7)",
        "  the first of its alerts began",
        "- why it happened:",
    ):
        assert line in said, line


def test_a_long_timeline_is_cut_in_the_middle() -> None:
    entries = [TimelineEntry(at_ms=n * S, what="x", text=f"entry {n}") for n in range(200)]
    lines = [
        line for line in postmortem(report(timeline=entries)) if "entry" in line or "…" in line
    ]
    assert len(lines) == LINES + 1
    assert "140 more" in lines[LINES // 2]
    assert (lines[0][-7:], lines[-1][-9:]) == ("entry 0", "entry 199")


@pytest.mark.parametrize(
    ("typed", "verb", "note", "anyway"),
    [
        (["ack", "x"], "acknowledge", "", False),
        (["mitigate", "x", "--note", "moved away"], "mitigate", "moved away", False),
        (["resolve", "x", "--anyway", "-m", "known"], "resolve", "known", True),
        (["note", "x", "it", "was", "the", "disk"], "note", "it was the disk", False),
    ],
)
async def test_what_a_person_types_is_told(
    hive: Hive, gateway: FakeGateway, typed: list[str], verb: str, note: str, anyway: bool
) -> None:
    gateway.incidents = [WHOLE]
    said = await hive("incident", *typed)
    assert said.output == "record-away-1 is resolved after 2 h 0 min\n"
    [asked] = gateway.asked
    assert (asked.incident, asked.verb, asked.note, asked.anyway) == ("x", verb, note, anyway)


async def test_check_reads_the_file_its_runbooks_and_its_secrets(
    hive: Hive, tmp_path: Path
) -> None:
    gone = await hive("incidents", "check")
    assert (gone.exit_code, "nobody is told" in gone.stderr) == (2, True)
    (tmp_path / "incidents.yaml").write_text(
        "causes: [{alert: a, runbook: r.yaml}]\nnotify: {x: {url: http://a, secret_file: s}}\n"
    )
    assert "r.yaml: the runbook cannot be read" in (await hive("incidents", "check")).stderr
    (tmp_path / "r.yaml").write_text("mission: look\nrun: date\n")
    assert "chmod 600" in (await hive("incidents", "check")).stderr
    (tmp_path / "s").write_text("a secret")
    (tmp_path / "s").chmod(0o600)
    said = await hive("incidents", "check")
    assert said.stdout.endswith("incidents.yaml  1 causes, 1 runbooks, tells x\n")


async def test_a_policy_is_checked_shown_and_overridden(
    hive: Hive, gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("states: {slow: {budgets: {rework-rate: 25%}, slots: 50%, approve: true}}\n")
    checked = await hive("policy", "check")
    assert checked.stdout == (
        f"✓ {path}  a dry run\n"
        "  slow: rework-rate ≤ 25%, until 35%: 50% of the slots, people approve each merge\n"
    )
    assert "there is no policy" in (await hive("policy", "show")).stdout
    demands = Restraints(slots_share=1, slots_most=2, freeze_landing=True)
    because = [BudgetSeen(name="a", left=-1.5, surely_left=-0.2), BudgetSeen(name="b")]
    state = PolicyStateShown(name="slow", entered_ms=H, demands=demands, because=because)
    gateway.policy = PolicyReport(
        states=[state], would=demands, override_by="ann", override_until_ms=2 * H,
        override_reason="a release", problem="odd",
    )  # fmt: skip
    shown = (await hive("policy", "show")).stdout.splitlines()
    assert shown[0] == "✗ odd"
    assert shown[1].startswith("overridden by ann until")
    assert shown[2] == "a dry run; it would demand: at most 2 slots, nothing is landed"
    assert shown[3].startswith("  ● slow  since")
    assert shown[4:] == [
        "      a: overdrawn by 150%, surely at most 0% left",
        "      b: nothing happened yet",
    ]
    said = await hive("policy", "override", "--for", "2h", "--reason", "a release")
    assert said.stdout.startswith("nothing is demanded until")
    assert (gateway.asked[-1].for_s, gateway.asked[-1].reason) == (7200, "a release")
    assert (await hive("policy", "override", "--end")).stdout == "no override any more\n"
    assert gateway.asked[-1].for_s == 0


@pytest.mark.parametrize("typed", [[], ["--for", "2h", "--end"], ["--for", "soon"], ["--for", "0"]])
async def test_an_override_that_is_none_is_refused_before_it_is_sent(
    hive: Hive, gateway: FakeGateway, typed: list[str]
) -> None:
    said = await hive("policy", "override", *typed)
    assert (said.exit_code, gateway.asked) == (2, [])
