"""Takes each protection of tests/faults.toml out, and sees exactly its test fail.

First the tree is copied, and all named tests are run there, where they must be green. For each row
that copy is copied again by links, with what Python has compiled of it, the patch applied, and the
file of the named test run: the named test, or each of its named cases, must go red, and the others
must stay green (but for those that the row names in `also`). docs/decisions/0134 tells why so.

    python -m tests.mutants [-j N] [ID ...]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parent.parent
REGISTER: Final = ROOT / "tests" / "faults.toml"
PROMISES: Final = 8
TEST_SECONDS: Final = 60
"""For one test of a mutant: one that waits for ever is red, too."""
ROW_SECONDS: Final = 600
_PROBE: Final = """
import importlib.util, pathlib, sys
for name in ("hive_contracts", "hive_shared", "hive_orchestrator", "hive_gateway", "hive_runner",
             "hive_github", "hive_health", "hive_client", "hive_cli", "hive_stack", "hive_bench"):
    origin = pathlib.Path(importlib.util.find_spec(name).origin)
    assert origin.is_relative_to(sys.argv[1]), f"{name} would be imported from {origin}"
"""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the register."""

    id: str
    promise: int
    """Of section 12 of the architecture."""
    test: str
    """The test that goes red, as pytest names it."""
    protects: str
    """`path:function`, of the lines that the patch takes out."""
    patch: str
    fault: str = ""
    """What happens, where the id does not say it."""
    also: tuple[str, ...] = ()
    """Other tests of that file that rightly go red."""
    cases: tuple[str, ...] = ()
    """Of a test with parameters: the ids of the cases that go red, and no others do. ALL of them,
    or ANY where the cases are but shares of the same seeds."""

    @property
    def file(self) -> str:
        return self.test.partition("::")[0]


ANY: Final = ("*",)
ALL: Final = ("all",)


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: tuple[Fault, ...]


class Verdict(msgspec.Struct, frozen=True):
    fault: Fault
    wrong: str
    """Empty where it is as it should be."""
    seconds: float


class Wrong(Exception):
    """The register does not hold."""


def main() -> int:
    arguments = _arguments()
    began = time.monotonic()
    try:
        faults = read_register(arguments.ids)
        with tempfile.TemporaryDirectory(prefix="hive-mutants-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL's account must pass through
            original = folder / "as-it-is"
            _copy_tree(original)
            _assert_green(faults, original)
            verdicts = _judge_all(faults, original, arguments.jobs)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    bad = [verdict for verdict in verdicts if verdict.wrong]
    took = time.monotonic() - began
    print(f"{len(verdicts) - len(bad)} of {len(verdicts)} protections are proven, in {took:.0f} s")
    return 1 if bad else 0


def read_register(ids: Iterable[str] = (), path: Path = REGISTER) -> list[Fault]:
    """The rows, or those of these ids. Raises Wrong."""
    try:
        faults = msgspec.toml.decode(path.read_bytes(), type=Register).fault
    except msgspec.MsgspecError as error:
        raise Wrong(f"{path}: {error}") from error
    known = {fault.id: fault for fault in faults}
    if len(known) < len(faults):
        raise Wrong(f"{path}: an id is there twice")
    for fault in faults:
        _check(fault)
    if unknown := set(ids) - set(known):
        raise Wrong(f"{path} has no {', '.join(sorted(unknown))}")
    return [known[id] for id in ids] or list(faults)


def _check(fault: Fault) -> None:
    """A row must name what exists. Raises Wrong."""
    path, _, function = fault.protects.partition(":")
    source = ROOT / path
    if not 1 <= fault.promise <= PROMISES:
        raise Wrong(f"{fault.id}: there is no promise {fault.promise}")
    if not source.is_file() or f"+++ b/{path}\n" not in fault.patch:
        raise Wrong(f"{fault.id}: the patch is not of {path}")
    if function.rpartition(".")[2] not in source.read_text():
        raise Wrong(f"{fault.id}: {path} has no {function}")
    if not (ROOT / fault.file).is_file():
        raise Wrong(f"{fault.id}: there is no {fault.file}")


def _judge_all(faults: list[Fault], original: Path, jobs: int) -> list[Verdict]:
    with ThreadPoolExecutor(jobs) as pool:
        verdicts = []
        for verdict in pool.map(lambda fault: _judge(fault, original), faults):
            verdicts.append(verdict)
            mark = "✗" if verdict.wrong else "✓"
            print(f"{mark} {verdict.fault.id:42} {verdict.seconds:5.1f} s  {verdict.fault.test}")
            if verdict.wrong:
                print(f"    {verdict.wrong}")
            sys.stdout.flush()
        return verdicts


def _judge(fault: Fault, original: Path) -> Verdict:
    began = time.monotonic()
    tree = original.parent / fault.id
    try:
        # git puts a new file in the place of what it patches, as Python does with what it compiles:
        # the original stays as it is.
        shutil.copytree(original, tree, copy_function=os.link, symlinks=True)
        _apply(fault, tree)
        outcomes = _run(tree, [fault.file], f"--timeout={TEST_SECONDS}")
        wrong = compare(fault, outcomes)
    except Wrong as error:
        wrong = str(error)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return Verdict(fault, wrong, time.monotonic() - began)


def compare(fault: Fault, outcomes: Mapping[str, bool]) -> str:
    """What is wrong with which tests are green without the protection; empty where nothing is."""
    if unnamed := _without_cases(fault, outcomes):
        return unnamed
    red = {test for test, green in outcomes.items() if not green}
    if fault.cases in ((), ANY):
        expected = {test for test in red if _is_named(test, [fault.test])}
    elif fault.cases == ALL:
        expected = {test for test in outcomes if _is_named(test, [fault.test])}
    else:
        expected = {f"{fault.test}[{case}]" for case in fault.cases}
    if not expected:
        return "the test stays green without its protection"
    if green := expected - red:
        return f"stays green without its protection: {', '.join(sorted(green))}"
    other = [test for test in red - expected if not _is_named(test, fault.also)]
    return f"also red: {', '.join(sorted(other))}" if other else ""


def _without_cases(fault: Fault, outcomes: Iterable[str]) -> str:
    if fault.cases or not any(test.startswith(f"{fault.test}[") for test in outcomes):
        return ""
    return f"{fault.id} must name the cases of {fault.test} that go red"


def _assert_green(faults: list[Fault], original: Path) -> None:
    """Every named test, on the tree as it is. Raises Wrong."""
    tests = sorted({fault.test for fault in faults})
    outcomes = _run(original, tests, "-n", "2")
    if red := sorted(test for test, green in outcomes.items() if not green):
        raise Wrong("red without any patch: " + ", ".join(red))
    if missing := [test for test in tests if not any(_is_named(ran, [test]) for ran in outcomes)]:
        raise Wrong("there is no " + ", ".join(missing))
    if unnamed := [told for fault in faults if (told := _without_cases(fault, outcomes))]:
        raise Wrong("\n".join(unnamed))
    print(f"{len(tests)} tests are green as it is")


def _copy_tree(tree: Path) -> None:
    """What git tracks or would track, as it is in the working tree, and compiled."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.split("\0"):
        source = ROOT / name
        if name and source.is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    compiled = subprocess.run([sys.executable, "-m", "compileall", "-q", tree], check=False)
    if compiled.returncode != 0:
        raise Wrong("some of the tree is no Python")
    probed = subprocess.run(
        [sys.executable, "-c", _PROBE, str(tree)],
        env=_environment(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    if probed.returncode != 0:
        raise Wrong(probed.stderr.strip().rpartition("\n")[2])


def _apply(fault: Fault, tree: Path) -> None:
    # Outside of any repository: git would else look for the paths from its top folder.
    applied = subprocess.run(
        ["git", "apply", "-p1", "--whitespace=nowarn", "-"],
        input=fault.patch,
        cwd=tree,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    if applied.returncode != 0:
        raise Wrong(f"the patch does not apply: {applied.stderr.strip()}")


def _run(tree: Path, tests: list[str], *options: str) -> dict[str, bool]:
    """Which tests are green, by name. Raises Wrong where there is no answer."""
    report = tree.with_name(f"{tree.name}.xml")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
    try:
        ran = subprocess.run(
            [*command, f"--junitxml={report}", *options, *tests],
            cwd=tree,
            env=_environment(tree),
            capture_output=True,
            text=True,
            timeout=ROW_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Wrong(f"the tests do not end within {ROW_SECONDS} s") from None
    if not report.exists():
        raise Wrong(f"pytest ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-500:]}")
    outcomes: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = _node_id(case.get("classname", ""), case.get("name", ""), tree)
        bad = any(case.find(kind) is not None for kind in ("failure", "error"))
        # A test may be told of twice: its body, and what went wrong when it was taken down.
        outcomes[name] = outcomes.get(name, True) and not bad
    if not outcomes:
        raise Wrong(f"no test was run: {(ran.stdout + ran.stderr)[-500:]}")
    return outcomes


def _node_id(classname: str, name: str, tree: Path) -> str:
    """`tests.a.test_b.TestC`, `test_d` as pytest names it on the command line."""
    parts = classname.split(".")
    for count in range(len(parts), 0, -1):
        path = "/".join(parts[:count]) + ".py"
        if (tree / path).is_file():
            return "::".join([path, *parts[count:], name])
    return f"{classname}::{name}"


def _is_named(test: str, names: Iterable[str]) -> bool:
    return test in names or test.partition("[")[0] in names


def _environment(tree: Path) -> dict[str, str]:
    """The tree's own packages go before those that are installed."""
    sources = [tree / "contracts/src", tree / "shared/src", tree / "client/src"]
    sources += sorted((tree / "services").glob("*/src"))
    path = os.pathsep.join(map(str, sources))
    environment = os.environ | {"PYTHONPATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these rows")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="rows at a time")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
