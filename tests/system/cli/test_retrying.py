"""What failed of a mission is done again, through a hive of real processes."""

import json
import re
from pathlib import Path

from tests.component.client.repositories import run_git
from tests.system.cli.conftest import Command, end_of
from tests.system.hive import RealHive

MISSION = """
mission: most
phases:
  each:
    for_each: {{list: [a, b]}}
    attempts: 1
    on_failure: continue
    run: "test ${{item}} = a || test -e {mended} || exit 1; echo ${{item}} > ${{item}}.txt"
  last:
    needs: [each]
    attempts: 1
    run: "test -e {mended} && ls *.txt > last.txt"
"""


def test_what_failed_is_done_again_on_top_of_what_was_merged(
    hive: Command, module_hive: RealHive, repository: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    mended = tmp_path / "mended"
    (repository / "m.yaml").write_text(MISSION.format(mended=mended))
    ran = hive("run", "m.yaml")
    assert ran.exit_code == 1, ran.output
    (typed,) = set(re.findall(r"hive (retry \S+ --failed)", ran.output))
    mended.touch()
    again = hive(*typed.split(), "--json")
    assert again.exit_code == 0, again.output
    said = json.loads(again.stdout)
    assert said["mission"] == "most-2"
    assert (said["failed"], said["undone"]) == (["each/b", "last/last"], [])
    assert end_of(module_hive, "most-2") == "succeeded"
    assert hive("land", "most-2").exit_code == 0
    changed = run_git(repository, "ls-tree", "--name-only", "HEAD").split()
    assert {"a.txt", "b.txt", "last.txt"} <= {*changed}
    nothing = hive("retry", "most-2", "--failed")
    assert nothing.exit_code == 2
    assert "there is nothing to retry: no task of most-2 has failed" in nothing.stderr
