"""`hive gate check`: a gate is seen to pass here, and red where it should be."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hive_cli import sabotage, trial
from hive_cli.main import main
from hive_runner.processes import environment
from tests.component.client.repositories import make_repository, run_git

FILES = {
    "src/a.py": "x = 1\n",
    "tests/test_a.py": "import a\n",
    "README": "hello\n",
}
SUITE = """\
status=0; body=
grep -q 'fails on purpose' tests/test_a.py && status=1 body='<failure message="on purpose"/>'
echo "<s><testcase name='old'/><testcase name='new'>$body</testcase></s>" > junit.xml
exit $status
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIVE_DATA", str(tmp_path / "data"))
    path = make_repository(tmp_path / "shop")
    for name, content in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(content)
    return path


def commit_all(repository: Path) -> str:
    run_git(repository, "add", "--all", "--force")
    run_git(repository, "commit", "-q", "--allow-empty", "-m", "change")
    return run_git(repository, "rev-parse", "HEAD")


def gates(repository: Path, written: str, **files: str) -> str:
    (repository / ".hive").mkdir(exist_ok=True)
    (repository / ".hive/repo.yaml").write_text(f"gates:\n  {written}\n")
    for name, content in files.items():
        (repository / name).write_text(content)
    return commit_all(repository)


def check(repository: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["gate", "check", "--repo", str(repository), *arguments])


def test_a_gate_that_notices_a_failing_test_is_proven(repository: Path) -> None:
    gates(repository, "tests: '! grep -rq \"fails on purpose\" tests'")
    done = check(repository)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("  tests ✓ exit 0 in ")
    assert lines[1].startswith("  tests ✗ exit 1 in ")
    assert lines[1].endswith(" on HEAD with a failing test in the test file")
    assert lines[2] == "✓ tests passes on HEAD, and was seen red"


def test_a_gate_that_only_reads_the_sources_is_tried_with_broken_ones(repository: Path) -> None:
    gates(repository, "lint: '! grep -rq @@@ src'")
    done = check(repository, "lint")
    assert done.exit_code == 0, done.output
    assert "lint ✓ exit 0" in done.output.splitlines()[1]
    assert "broken syntax in each of 2 source files" in done.output.splitlines()[2]


def test_a_gate_that_looks_at_nothing_is_named(repository: Path) -> None:
    gates(repository, "tests: 'true'\n  lint: '! grep -rq @@@ src'")
    done = check(repository)
    assert done.exit_code == 1
    assert "✗ tests was never seen red: it does not look at" in done.output
    assert "✓ lint passes on HEAD" in done.output


def test_a_gate_that_fails_on_head_shows_why(repository: Path) -> None:
    gates(repository, "tests: 'echo no database; exit 3'")
    done = check(repository)
    assert done.exit_code == 1
    assert "tests ✗ exit 3" in done.output
    assert "      no database" in done.output
    assert "✗ tests does not pass on HEAD" in done.output


def test_a_commit_that_is_known_to_be_bad_is_what_it_must_refuse(repository: Path) -> None:
    good = gates(repository, "tests: grep -q hello README")
    (repository / "README").write_text("bye\n")
    bad = commit_all(repository)
    run_git(repository, "revert", "--no-edit", bad)
    done = check(repository, "--bad", bad)
    assert done.exit_code == 0, done.output
    assert f" on commit {bad[:7]}" in done.output
    assert check(repository, "--bad", good).exit_code == 1
    refused = check(repository, "--bad", "nonsense")
    assert refused.exit_code == 2
    assert "'nonsense' is no commit of this repository" in refused.output


def test_a_gate_that_compares_is_judged_beside_head(repository: Path) -> None:
    gates(
        repository, "tests: {run: sh suite.sh, compare: base, report: junit.xml}",
        **{"suite.sh": SUITE, "junit.xml": "<s><testcase name='a cheat'/></s>"},
    )  # fmt: skip
    done = check(repository)
    assert done.exit_code == 0, done.output
    assert "tests ✓ exit 0, 2 tests in" in done.output
    assert "1 test fails and did not on the base: new" in done.output


def test_a_gate_without_its_report_does_not_pass_on_head(repository: Path) -> None:
    gates(repository, "tests: {run: 'true', report: junit.xml}")
    done = check(repository)
    assert done.exit_code == 1
    assert "it wrote no report junit.xml" in done.output


def test_the_repository_is_only_read(repository: Path) -> None:
    gates(repository, "tests: 'echo > junk; git config x.y z; git commit -qm x; rm -rf src; false'")
    (repository / "README").write_text("not committed\n")

    def state() -> tuple[str, ...]:
        files = sorted(str(path) for path in repository.rglob("*"))
        config = (repository / ".git/config").read_text()
        return (*files, config, run_git(repository, "status", "--porcelain"))

    before = state()
    check(repository)
    assert state() == before


def test_the_set_up_runs_first_and_its_failure_is_told(repository: Path) -> None:
    file = "setup: test -e README && echo > ready.log\ngates: {tests: test -e ready.log -a -e src}"
    (repository / ".hive").mkdir()
    (repository / ".hive/repo.yaml").write_text(file)
    (repository / ".gitignore").write_text("*.log\n")
    commit_all(repository)
    assert "tests ✓ exit 0" in check(repository).output
    run_git(repository, "rm", "-q", "README")
    commit_all(repository)
    refused = check(repository)
    assert refused.exit_code == 2
    assert "the set-up ended with status 1" in refused.output


def test_a_gate_that_does_not_end_is_ended(repository: Path) -> None:
    gates(repository, "tests: {run: 'sleep 60 & sleep 60', timeout: 0.3s}")
    done = check(repository)
    assert "tests ✗ did not end in " in done.output
    assert "its time-out" in done.output


def test_programs_get_a_line_for_each_run_and_the_result(repository: Path) -> None:
    gates(repository, "tests: '! grep -rq @@@ src'")
    *steps, last = [json.loads(line) for line in check(repository, "--json").output.splitlines()]
    assert last == {"result": "proven", "exit": 0}
    assert [(step["wanted"], step["passed"]) for step in steps] == [
        ("pass", True), ("fail", True), ("fail", False),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "tests"])
def test_what_is_not_there_is_said(repository: Path, name: str) -> None:
    commit_all(repository)
    done = check(repository, *([name] if name else []))
    assert done.exit_code == 2
    assert ("no gate is called" if name else "there are no gates in") in done.output


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tests/test_a.py", "unittest"),
        ("a_test.py", "unittest"),
        ("tests/conftest.py", ""),
        ("src/a.test.ts", "throw new Error"),
        ("src/__tests__/a.js", "throw new Error"),
        ("basket/basket_test.go", "t.Fatal"),
        ("tests/it.rs", "panic!"),
        ("src/lib.rs", ""),
        ("README", ""),
    ],
)
def test_each_language_has_its_failing_test(path: str, said: str) -> None:
    assert bool(sabotage.failing_test(path)) is bool(said)
    assert said in sabotage.failing_test(path)


def test_gates_find_the_same_environment_as_from_a_runner() -> None:
    assert trial.PASSED == environment.DEFAULT_PASS


def test_gates_get_ports_copies_and_caches_as_from_a_runner(repository: Path) -> None:
    (repository / ".gitignore").write_text(".env\n")
    (repository / ".env").write_text("TOKEN=here\n")
    (repository / "check.sh").write_text(
        "set -e\ngrep -q here .env\ntest -f .cache/made\ntest $PORT -gt 1024\n"
        "! grep -rq 'fails on purpose' tests\n"
    )
    (repository / ".hive").mkdir()
    (repository / ".hive/repo.yaml").write_text(
        "copy: [.env]\ncache: [.cache]\nenv: {set: {PORT: '${port.3}'}}\n"
        "setup: touch .cache/made\ngates: {tests: sh check.sh}\n"
    )
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "-q", "-m", "change")
    done = check(repository)
    assert done.exit_code == 0, done.output
    assert run_git(repository, "status", "--porcelain") == ""


def test_what_the_commit_has_in_the_way_of_a_cache_is_said(repository: Path) -> None:
    (repository / ".hive").mkdir()
    (repository / ".hive/repo.yaml").write_text("cache: [src]\ngates: {tests: 'true'}\n")
    commit_all(repository)
    done = check(repository)
    assert done.exit_code == 2
    assert "`cache: src` cannot be shared: the commit has something of that name" in done.output
