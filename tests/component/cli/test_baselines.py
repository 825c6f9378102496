"""How baselines and changes read."""

from google.protobuf.timestamp_pb2 import Timestamp

from hive_cli.baselines import amount_text, before_lines, cause_text, change_text, work_text
from hive_contracts.v1.operations_pb2 import (
    AttemptBaseline,
    AttemptChange,
    ChangeCause,
    EventBefore,
)

AT = Timestamp(seconds=1_795_528_920)


def test_a_change_says_what_where_and_from_what_to_what() -> None:
    change = AttemptChange(
        repository="https://example.org/acme/app.git", mission="fix-upload", phase="main",
        profile="claude", metric="seconds", at=AT, before=250, after=571, worse=True,
        attempts_before=60, attempts_after=24,
    )  # fmt: skip
    assert change_text(change) == (
        "✗ 2026-11-24 14:02 UTC  app · fix-upload/main · claude: seconds 4:10 → 9:31"
        "  (60 attempts before, 24 since)"
    )
    better = AttemptChange(metric="success", at=AT, before=0.5, after=0.9)
    assert change_text(better).startswith("✓")
    assert "success 50 % → 90 %" in change_text(better)


def test_amounts_have_their_units() -> None:
    assert amount_text("usd", 0.4321) == "$0.43"
    assert amount_text("tokens", 12345.4) == "12,345"


def test_a_default_model_is_called_so_and_work_without_a_repository_has_none() -> None:
    cause = ChangeCause(what="model", before="", after="opus", at=AT)
    assert cause_text(cause) == (
        "model default → opus, first used by the attempt that ended 2026-11-24 14:02 UTC"
    )
    everywhere = AttemptChange(metric="waiting", profile="claude", at=AT, before=20, after=90)
    assert "all missions · claude: waiting 0:20 → 1:30" in change_text(everywhere)
    assert work_text(AttemptBaseline(mission="m", phase="p", profile="c")) == "m/p · c"


def test_a_change_names_its_event_and_the_one_that_came_before() -> None:
    causes = [ChangeCause(what=what, before="a", after="b", at=AT) for what in ("prompt", "gates")]
    before = EventBefore(position=81117, kind="prompt", at_ms=1)
    change = AttemptChange(
        metric="usd", at=AT, position=81204, causes=causes, preceded_by=before, attempts_before=9,
        attempts_after=8,
    )  # fmt: skip
    assert change_text(change).endswith("(9 attempts before, 8 since, from position 81204 on)")
    prompt, gates = before_lines(change)
    assert prompt.startswith("prompt a → b, first used by")
    assert prompt.endswith("; it came at position 81117")
    assert "position" not in gates
    ended = EventBefore(position=81203, kind="attempt", at_ms=1)
    unexplained = AttemptChange(metric="usd", preceded_by=ended)
    assert list(before_lines(unexplained)) == ["the attempt that ended at position 81203"]
    assert list(before_lines(AttemptChange(metric="usd"))) == []
