"""`hive slo`: what needs no hive, and how standings read."""

import json
from pathlib import Path

from click.testing import CliRunner

from hive_cli.main import main
from hive_cli.slo import budget_text, seen_text
from hive_contracts.slo.objective import shipped
from hive_contracts.slo.rules import written
from hive_contracts.v1.operations_pb2 import ObjectiveStanding
from tests.component.slo.test_objective import GOOD


def test_check_names_what_is_fine_and_stops_at_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "work.yaml").write_text(GOOD)
    checked = CliRunner().invoke(main, ["slo", "check", "--folder", str(tmp_path)])
    assert checked.exit_code == 0, checked.output
    assert (
        f"✓ work  {tmp_path}/work.yaml  alerts 1h 3.4×, 6h 1.4×, 1d 1.0×, 3d 1.0×" in checked.output
    )
    assert checked.output.count("✓") == 7
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.replace("0.95", "95"))
    refused = CliRunner().invoke(main, ["slo", "check", str(bad)])
    assert refused.exit_code == 2
    assert f"{bad}:23: a target of 95 cannot be kept or missed" in refused.stderr
    assert "did you mean 0.95?" in refused.stderr
    gone = CliRunner().invoke(main, ["slo", "check", str(tmp_path / "gone.yaml"), "--json"])
    assert gone.exit_code == 2
    assert json.loads(gone.stderr)["error"]["where"] == str(tmp_path / "gone.yaml")


def test_export_writes_the_rules_and_nothing_else(tmp_path: Path) -> None:
    exported = CliRunner().invoke(main, ["slo", "export", "--folder", str(tmp_path)])
    assert exported.stdout == written(shipped())
    as_json = CliRunner().invoke(main, ["slo", "export", "--folder", str(tmp_path), "--json"])
    assert len(json.loads(as_json.stdout)["groups"]) == 6


def test_a_budget_reads_as_what_is_left_or_overdrawn_or_unknown() -> None:
    assert budget_text(ObjectiveStanding()) == "nothing happened yet"
    assert budget_text(ObjectiveStanding(budget_left=0.42)) == "42 % left"
    assert budget_text(ObjectiveStanding(budget_left=-2.33)) == "overdrawn by 233 %"
    assert seen_text(ObjectiveStanding(bad=1, total=3.04)) == "1 bad of 3"
