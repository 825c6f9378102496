"""How baselines and changes read."""

from google.protobuf.timestamp_pb2 import Timestamp

from hive_cli.baselines import amount_text, cause_text, change_text, work_text
from hive_contracts.v1.operations_pb2 import AttemptBaseline, AttemptChange, ChangeCause

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
