"""Agents that cheat, on a real runner, with a sandbox and without: named, or they gain nothing."""

import asyncio
import sys
from pathlib import Path

import pytest

from hive_cli.outcome import remarkable
from hive_contracts.outcome import Failure, GatesRun, Outcome, WorkDone
from hive_contracts.plan import Timeouts
from hive_contracts.v1 import plan_pb2
from hive_contracts.wire import to_proto
from hive_runner.processes import sandbox
from hive_runner.processes.bounds import Limits
from hive_runner.processes.confinement import Confinement
from hive_runner.processes.sandbox import Sandbox
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    nothing_left_behind,
)
from tests.suites.cheats import CHEATS, STATEMENTS, TAMPERING, Statement
from tests.suites.cheats.cheat import REPOSITORY, Cheat

SECURITY = Path(__file__).parents[3] / "docs" / "security.md"
SECONDS = 40
"""For one attempt: what makes a runner wait for ever is a cheat, too."""


@pytest.fixture
def ground(tmp_path: Path) -> Source:
    source = Source(tmp_path / "their" / "app")
    source.commit(REPOSITORY)
    return source


def person(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return PERSON | {"HOME": str(home)}


async def confined(tmp_path: Path, limits: Limits | None = None) -> Workshop:
    """A runner with a sandbox, and with secrets in its data folder."""
    data = tmp_path / "data"
    (data / "secrets").mkdir(parents=True)
    (data / "secrets" / "admin.token").write_text("s3cret")
    found = await sandbox.find("auto", data, person(tmp_path))
    if not isinstance(found, Sandbox):
        pytest.skip(f"no sandbox: {found}")
    confinement = Confinement(limits=limits or Limits(), sandbox=found)
    return Workshop(data, person(tmp_path), confinement, kill_grace=0.2)


@pytest.fixture
async def boxed(tmp_path: Path) -> Workshop:
    return await confined(tmp_path)


@pytest.fixture(params=["alone", "in the sandbox"])
async def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Workshop:
    if request.param == "alone":
        return Workshop(tmp_path / "data", person(tmp_path), kill_grace=0.2)
    return await confined(tmp_path)


async def outcome(workshop: Workshop, source: Source, run: str, **fields: object) -> Outcome:
    async with asyncio.timeout(SECONDS):
        return await workshop.perform(lease(source, run=run, **fields))  # type: ignore[arg-type]


def seen(outcome: Outcome) -> str:
    """What a person sees of it: why it failed, or what the end of the mission points at."""
    if isinstance(outcome, Failure):
        return f"{outcome.detail} {', '.join(outcome.files)}"
    return "\n".join(remarkable([to_proto(done(outcome), plan_pb2.WorkDone)]))


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
async def test_who_cheats_is_named_or_gains_nothing(
    tmp_path: Path, ground: Source, cheat: Cheat
) -> None:
    await assert_named_or_in_vain(
        Workshop(tmp_path / "data", person(tmp_path), kill_grace=0.2), ground, cheat
    )


@pytest.mark.parametrize("cheat", TAMPERING, ids=lambda cheat: cheat.name)
async def test_who_cheats_in_the_sandbox_is_named_or_gains_nothing(
    boxed: Workshop, ground: Source, cheat: Cheat
) -> None:
    await assert_named_or_in_vain(boxed, ground, cheat)


async def assert_named_or_in_vain(runner: Workshop, ground: Source, cheat: Cheat) -> None:
    before = ground.state()
    found = await outcome(runner, ground, cheat.run)
    assert ground.state() == before, "the person's own repository"
    if cheat.fails:
        assert failure(found).kind in cheat.fails.split("|")
        assert any(word in seen(found) for word in cheat.words), seen(found)
        return
    result = done(found)
    for word in cheat.words:
        assert word in seen(result)
    assert set(cheat.waits) <= set(result.protected)
    held = runner.mirror_git("ls-tree", "-r", "--name-only", "-z", result.commit).split("\0")
    for path, content in cheat.files.items():
        assert path in held
        assert runner.mirror_git("cat-file", "blob", f"{result.commit}:{path}") == content
    assert not set(cheat.never) & set(held)
    assert runner.folders_left() == []


# --- what the runner may read, and a command may not


@pytest.mark.parametrize(
    "script",
    [
        "cp {secret} got; cat {secret}",
        "ln -s {secret} $HIVE_NO_CHANGE_FILE",
        "rm -f ../output.log; ln -s {secret} ../output.log; exit 1",
        "d=$(dirname $HIVE_NO_CHANGE_FILE); rm -rf $d; ln -s $(dirname {secret}) $d; exit 1",
        "echo x > {data}/x && echo written",
        "ls {data}/runner/attempts/*/work.json && echo written",
        "cd ..; rm -rf tree; ln -s {data}/secrets tree; exit 1",
    ],
    ids=["itself", "by its reason", "by its log", "by its notes", "a file", "notes of the runner",
         "by its tree"],
)  # fmt: skip
async def test_no_secret_of_the_hives_is_read_by_way_of_the_runner(
    boxed: Workshop, ground: Source, script: str
) -> None:
    data = boxed.options.data
    found = await outcome(
        boxed, ground, script.format(secret=data / "secrets" / "admin.token", data=data)
    )
    assert "s3cret" not in str(found)
    assert "written" not in getattr(found, "tail", "")
    blobs = [path for path in boxed.options.folder.rglob("*") if path.is_file()]
    assert not [path for path in blobs if b"s3cret" in path.read_bytes()]


PROMISED = """\
printf '#!/bin/sh\\ntouch {proof}\\n' > program; chmod +x program; P=$PWD/program
git config core.repositoryformatversion 1; git config extensions.partialClone x
git config remote.x.promisor true; git config remote.x.url /tmp; git config remote.x.uploadpack $P
G=$(git rev-parse --absolute-git-dir); mkdir -p $G/refs/heads
echo {missing} > $G/refs/heads/z; echo 'ref: refs/heads/z' > $G/HEAD
"""
"""A git directory that fetches what it lacks, by a program of the command's choice."""
WATCHED = """\
cd lib; rm -f .git; git init -q .; git fetch -q {origin} HEAD; git reset -q --hard FETCH_HEAD
printf '#!/bin/sh\\ntouch {proof}\\n' > ../program; chmod +x ../program
git config core.fsmonitor $PWD/../program; echo dirty >> part; cd ..; rm -f {proof}
"""
"""A submodule whose configuration names a program that says what has changed."""


@pytest.mark.parametrize("script", [PROMISED, WATCHED], ids=["a remote", "a submodule"])
async def test_no_git_of_the_runners_starts_what_a_commands_configuration_names(
    runner: Workshop, ground: Source, tmp_path: Path, script: str
) -> None:
    library = Source(tmp_path / "their" / "lib")
    library.commit({"part": "p\n"})
    allowed = ("-c", "protocol.file.allow=always")
    git(ground.path, *allowed, "submodule", "add", "-q", str(library.path), "lib")
    git(ground.path, "commit", "-q", "-m", "a library")
    proof = tmp_path / "home" / "started"
    run = script.format(proof=proof, missing="1" * 40, origin=library.path)
    assert isinstance(await outcome(runner, ground, run), WorkDone)
    assert not proof.exists()


async def test_a_false_note_of_the_runners_reaches_no_other_repository(
    ground: Source, tmp_path: Path
) -> None:
    """Without a sandbox: the note of an attempt that a killed runner left names the mirror."""
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    other = Source(tmp_path / "other")
    other.commit({"x": "y"})
    before = other.state()
    change = f's,"mirror":"[^"]*","mirror":"{other.path}/.git",'
    await outcome(workshop, ground, f"echo z > new; sed -i '{change}' ../work.json; exit 1")
    assert other.state() == before
    assert workshop.folders_left() != [], "work is never thrown away"


async def test_a_stand_in_for_the_commit_that_it_began_from_hides_no_change(
    ground: Source, tmp_path: Path
) -> None:
    """Without a sandbox: `git replace` in the runner's own git directory."""
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    script = (
        "echo 'gates: {}' > .hive/repo.yaml; git commit -qam x; s=$(git rev-parse HEAD~1);"
        " cp -r $(git rev-parse --git-dir)/objects/?? ../own.git/objects/;"
        " mkdir -p ../own.git/refs/replace; git rev-parse HEAD > ../own.git/refs/replace/$s"
    )
    assert ".hive/repo.yaml" in seen(await outcome(workshop, ground, script))


@pytest.mark.parametrize(
    "script",
    [
        "cd ..; rm -rf tree; ln -s {home} tree",
        "cd ..; rm -rf tree",
        "cd ..; rm -rf tree; echo > tree",
    ],
    ids=["a link", "nothing", "a file"],
)
async def test_a_working_folder_that_is_gone_is_named_and_nothing_else_is_taken_for_it(
    ground: Source, tmp_path: Path, script: str
) -> None:
    """Without a sandbox: in one the folder cannot be removed."""
    workshop = Workshop(tmp_path / "data", person(tmp_path), kill_grace=0.2)
    (tmp_path / "home" / "diary").write_text("s3cret")
    found = failure(await outcome(workshop, ground, script.format(home=tmp_path / "home")))
    assert found.detail == "the command removed its working folder"
    assert workshop.kept() == {}


@pytest.mark.parametrize("made", ["mkfifo ../output.log", "ln -s /dev/zero ../output.log"])
async def test_a_log_that_was_replaced_does_not_hold_up_the_runner(
    ground: Source, tmp_path: Path, made: str
) -> None:
    """Without a sandbox: what the command printed is still what people get."""
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    found = failure(await outcome(workshop, ground, f"echo said; rm ../output.log; {made}; exit 3"))
    assert found.tail == "said\n"
    assert workshop.artifact(found.output) == b"said\n"


# --- pushing


async def test_a_push_by_name_finds_no_remote(runner: Workshop, ground: Source) -> None:
    pushed = await outcome(
        runner, ground, "git remote > r; git push origin HEAD:main && exit 5; git push && exit 5; :"
    )
    assert done(pushed).files == 1


async def test_a_push_by_path_is_refused_in_the_sandbox(boxed: Workshop, ground: Source) -> None:
    before = ground.state()
    script = (
        f"echo 2 > src/retry.py; git commit -qam mine; git push {ground.path} HEAD:refs/heads/x"
        " && exit 5; M=$(dirname $(cat $(git rev-parse --git-dir)/objects/info/alternates));"
        " git push $M HEAD:refs/heads/hive/other-1 && exit 6; git push $M :refs/heads/main; :"
    )
    assert done(await outcome(boxed, ground, script)).files == 1
    assert ground.state() == before
    assert boxed.mirror_git("for-each-ref", "refs/heads") == ""


# --- never ending, and too much of it


ENDLESS = [
    ("sleep 600", Timeouts(run=0.6), "s, its time-out"),
    (
        "trap '' TERM INT HUP; while :; do sleep 1; done",
        Timeouts(run=0.6),
        "its time-out; it did not end when told to, and was killed",
    ),
    ("sleep 600", Timeouts(silence=0.6), "its time-out without output"),
    ("while :; do echo I am nearly done; done", Timeouts(run=1.0), "its time-out"),
]


@pytest.mark.parametrize(
    ("script", "timeouts", "said"),
    ENDLESS,
    ids=["runs for ever", "ignores TERM", "is silent for ever", "talks for ever"],
)
async def test_who_does_not_end_is_ended_and_told_of(
    runner: Workshop, ground: Source, script: str, timeouts: Timeouts, said: str
) -> None:
    found = failure(await outcome(runner, ground, script, timeouts=timeouts))
    assert found.kind == "timeout"
    assert said in found.detail


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are looked at in /proc")
@pytest.mark.parametrize(
    ("script", "limits", "said"),
    [
        ("for i in $(seq 60); do (sleep 30 &); done; sleep 30",
         Limits(processes=30), "it had more than 30 processes"),
        ("exec head -c 200M /dev/zero > big",
         Limits(file_size=64 << 20), "it wrote a file of more than 64 MiB"),
        ("for i in $(seq 40); do head -c 4M /dev/zero > f$i; done; sleep 30",
         Limits(disk=64 << 20), "its files took more than 64 MiB"),
    ],
    ids=["forks and forks", "one endless file", "many files"],
)  # fmt: skip
async def test_who_takes_too_much_is_ended_and_told_of(
    tmp_path: Path, ground: Source, script: str, limits: Limits, said: str
) -> None:
    workshop = Workshop(
        tmp_path / "data", person(tmp_path), Confinement(limits=limits), kill_grace=0.1
    )
    found = failure(await outcome(workshop, ground, script))
    assert (found.kind, found.detail) == ("agent", f"the command was ended: {said}")


async def test_a_flood_of_output_is_cut_and_says_so(ground: Source, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", kill_grace=0.2, output_bytes=1 << 20)
    found = failure(await outcome(workshop, ground, "yes flood | head -c 9M; echo; exit 4"))
    kept = workshop.artifact(found.output)
    assert len(kept) < 2 << 20
    assert b"bytes are left out here]" in kept


@pytest.mark.parametrize(
    "script",
    [
        "nohup {nap} > /dev/null 2>&1 &",
        "setsid {nap} > /dev/null 2>&1 < /dev/null &",
        "(setsid sh -c '({nap}) &' &) > /dev/null 2>&1;",
        "trap '' HUP TERM; (trap '' HUP TERM INT; {nap}) &",
    ],
    ids=["nohup", "a session of its own", "two forks", "deaf to signals"],
)
async def test_who_leaves_the_group_ends_with_the_attempt_and_is_named(
    runner: Workshop, ground: Source, nap: str, script: str
) -> None:
    with nothing_left_behind(nap):
        work = f"echo 2 > src/retry.py; {script.format(nap=nap)} :"
        found = done(await outcome(runner, ground, work))
        alone = runner.place.confinement.sandbox is None
        # In the sandbox they end with it, and nobody has counted them.
        assert ("left over, and w" in seen(found)) == alone


async def test_who_leaves_processes_over_and_fails_is_told_of_them(
    ground: Source, tmp_path: Path, nap: str
) -> None:
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    with nothing_left_behind(nap):
        found = failure(await outcome(workshop, ground, f"setsid {nap} & exit 3"))
    said = "the command ended with status 3; 1 process was left over, and was ended"
    assert (found.kind, found.detail) == ("agent", said)


@pytest.mark.parametrize("step", ["the set-up", "a gate"])
async def test_what_a_set_up_or_a_gate_leaves_over_is_named_in_its_output(
    ground: Source, tmp_path: Path, nap: str, step: str
) -> None:
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    daemon = f"setsid {nap} > /dev/null 2>&1 &"
    if step == "the set-up":
        ground.commit({".hive/repo.yaml": f"setup: {daemon}\n"})
    asked = lease(ground, "gates", gates={"t": daemon if step == "a gate" else "true"})
    with nothing_left_behind(nap):
        found = await workshop.perform(asked)
    assert isinstance(found, GatesRun)
    output = found.results[0].output if step == "a gate" else found.setup
    assert b"1 process was left over, and was ended]" in workshop.artifact(output)


async def test_who_ends_what_it_began_leaves_nothing_over(ground: Source, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", kill_grace=0.2)
    script = "echo 2 > src/retry.py; sleep 60 & a=$!; sleep 60 & kill $a $!; wait; yes | head -1"
    assert seen(await outcome(workshop, ground, script)) == ""


# --- what is not contained


async def test_names_and_dates_of_its_own_commits_are_what_it_likes(
    runner: Workshop, ground: Source
) -> None:
    script = (
        "echo 2 > src/retry.py; GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' git commit -qam 'x'"
        " --author 'Ada <ada@example.org>' --date 2001-01-01T00:00:00Z"
    )
    result = done(await outcome(runner, ground, script))
    assert runner.mirror_git("log", "-1", "--format=%an %as", result.commit) == "Ada 2001-01-01"


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_what_is_not_contained_is_said(statement: Statement) -> None:
    text = " ".join(SECURITY.read_text("utf-8").split())
    assert statement.words in text


def test_the_words_of_a_cheat_are_said_where_it_fails() -> None:
    assert all(cheat.words for cheat in CHEATS if cheat.fails)
    assert len({cheat.name for cheat in CHEATS}) == len(CHEATS)
