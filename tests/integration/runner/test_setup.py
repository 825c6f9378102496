"""What each worktree gets before its command begins, and what is kept for the next one."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from hive_contracts.outcome import Outcome, WorkDone
from hive_contracts.plan import Repository
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    with_repository,
)

SETUP = (
    "echo set up; mkdir -p deps/bin; echo $$ > deps/made; ln -s made deps/link; mkdir empty;"
    " chmod 755 deps"
)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Keeps every tree warm, however quickly it was set up."""
    return Workshop(tmp_path / "data", warm_seconds=0)


def with_file(source: Source, text: str) -> None:
    source.commit({".hive/repo.yaml": text, ".gitignore": "*.log\ndeps/\n.env*\n"})


def tree_of(folder: Path) -> dict[str, tuple[int, str]]:
    """Rights and contents of all that is in a tree, but for what names the attempt."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes().hex()
            if path.is_file()
            else "",
        )
        for path in folder.rglob("*")
        if path.name != ".git"
    }


# --- its output


async def test_what_the_set_up_printed_is_kept_whatever_came_of_the_work(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "setup: echo installed\n")
    worked = done(await workshop.perform(lease(source, run="touch new")))
    assert workshop.artifact(worked.setup) == b"installed\n"
    failed = failure(await workshop.perform(lease(source, run="exit 1", epoch=2)))
    assert b"is done already" in workshop.artifact(failed.setup)
    judged = await workshop.perform(lease(source, "gates", gates={"ok": "true"}))
    assert workshop.artifact(judged.setup) == b"installed\n"  # type: ignore[union-attr]


# --- copy


async def test_ignored_files_of_the_checkout_are_brought_in_and_never_committed(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "copy: [.env, 'conf/*.env.local']\n")
    (source.path / ".env").write_text("KEY=1\n")
    (source.path / ".env").chmod(0o600)
    (source.path / "conf").mkdir()
    (source.path / "conf" / ".env.local").write_text("no")
    (source.path / "conf" / "a.env.local").write_text("untracked, but not ignored")
    before = source.state()
    result = done(
        await workshop.perform(
            lease(source, run="stat -c %a .env > seen; cat .env >> seen; ls conf >> seen 2>&1;:")
        )
    )
    files = workshop.files_of(result.commit)
    assert files["seen"].splitlines()[:2] == ["600", "KEY=1"]
    assert "a.env.local" not in files["seen"]
    assert ".env" not in files
    assert source.state() == before


@pytest.mark.parametrize(
    "script",
    [
        "git add -f .env && git commit -qm mine && echo x > other",
        "printf '!.env\\n' > .gitignore && git add -A && git commit -qm mine",
        "printf '!.env\\n' > .gitignore",
        "git add -f .env && git commit -qm a && git rm -q --cached .env && git commit -qm b",
    ],
)
async def test_a_command_that_commits_a_copied_file_has_that_left_out(
    source: Source, workshop: Workshop, script: str
) -> None:
    with_file(source, "copy: [.env]\n")
    (source.path / ".env").write_text("KEY=secret\n")
    result = done(await workshop.perform(lease(source, run=f"echo y > new; {script}")))
    assert "new" in workshop.files_of(result.commit)
    added = workshop.mirror_git(
        "log", "--format=", "--name-only", f"{source.head}..{result.commit}"
    )
    assert ".env" not in added.splitlines()


async def test_what_is_not_there_to_be_copied_is_said_in_the_set_ups_output(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "copy: [.env]\n")
    result = done(await workshop.perform(lease(source, run="touch new")))
    assert b"not copied in: .env. No ignored file of " in workshop.artifact(result.setup)


async def test_nothing_is_copied_from_a_repository_without_a_checkout(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    with_file(source, "copy: [.env]\n")
    bare = tmp_path / "bare.git"
    git(tmp_path, "clone", "-q", "--bare", str(source.path), str(bare))
    asked = lease(source, run="touch new")
    repository = Repository(str(bare), source.head, "main")
    result = done(await workshop.perform(with_repository(asked, repository)))
    assert b"has no checked out files" in workshop.artifact(result.setup)


async def test_a_link_that_leads_out_of_the_checkout_is_not_followed(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    with_file(source, "copy: [.env]\n")
    (tmp_path / "passwords").write_text("secret")
    (source.path / ".env").symlink_to(tmp_path / "passwords")
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert failed.kind == "permanent"
    assert "out of the repository" in failed.detail


async def test_a_pipe_is_not_waited_for(source: Source, workshop: Workshop) -> None:
    with_file(source, "copy: [.env]\n")
    os.mkfifo(source.path / ".env")
    async with asyncio.timeout(20):
        outcome = await workshop.perform(lease(source, run="touch new"))
    # Git lists no pipes: there is nothing of that name.
    assert b"not copied in" in workshop.artifact(done(outcome).setup)


async def test_a_copied_file_is_not_written_through_a_link_of_the_commit(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    with_file(source, "copy: ['conf/.env']\n")
    (source.path / "conf").symlink_to(tmp_path / "outside")
    base = source.commit({})
    (source.path / "conf").unlink()
    (source.path / "conf").mkdir()
    (source.path / "conf" / ".env").write_text("secret")
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert base
    assert "leads out of the worktree" in failed.detail
    assert list((tmp_path / "outside").iterdir()) == []


# --- ports


async def test_attempts_at_the_same_time_have_ports_of_their_own(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "env: {set: {PORT: '${port.0}', LAST: '${port.9}'}}\n")
    script = 'echo "$PORT $LAST" > ports; sleep 0.2'
    outcomes = await asyncio.gather(
        *(workshop.perform(lease(source, run=script, name=name)) for name in ("a", "b", "c"))
    )
    seen = [
        tuple(map(int, workshop.files_of(done(outcome).commit)["ports"].split()))
        for outcome in outcomes
    ]
    assert len(set(seen)) == 3
    assert all(last == first + 9 for first, last in seen)
    blocks = [set(range(first, last + 1)) for first, last in seen]
    assert not blocks[0] & blocks[1]
    assert not blocks[1] & blocks[2]


async def test_a_port_that_somebody_uses_is_not_given_to_an_attempt(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "env: {set: {PORT: '${port.0}'}}\n")
    with workshop.place.ports.leased() as block, socket.socket() as theirs:
        used = block.first + 3
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        theirs.bind(("127.0.0.1", used))
        theirs.listen()
        with workshop.place.ports.leased():
            workshop.place.ports._leased.clear()
        result = done(await workshop.perform(lease(source, run="echo $PORT > port")))
    first = int(workshop.files_of(result.commit)["port"])
    assert used not in range(first, first + 10)


async def test_without_free_ports_the_attempt_does_not_count(
    source: Source, tmp_path: Path
) -> None:
    with_file(source, "env: {set: {PORT: '${port.0}'}}\n")
    workshop = Workshop(tmp_path / "data", ports=(20_000, 20_005))
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert failed.kind == "infrastructure"
    assert "set another `runner_ports`" in failed.detail


# --- cache


async def test_a_cache_is_shared_outlives_its_worktree_and_is_never_committed(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "cache: [.gradle]\n")
    for number in (1, 2):
        script = f"echo {number} >> .gradle/log; cp .gradle/log seen; git add -f .gradle"
        result = done(await workshop.perform(lease(source, run=script)))
        files = workshop.files_of(result.commit)
        assert files["seen"].split() == [str(each) for each in range(1, number + 1)]
        assert ".gradle" not in files
    gates = lease(source, "gates", gates={"apart": "test ! -e .gradle/log"})
    judged = await workshop.perform(gates)
    assert judged.results[0].passed  # type: ignore[union-attr]


async def test_a_cache_in_the_home_is_there_when_a_command_begins(
    source: Source, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    workshop = Workshop(tmp_path / "data", {"PATH": os.environ["PATH"], "HOME": str(home)})
    with_file(source, "cache: [~/.cache/tool]\n")
    done(await workshop.perform(lease(source, run="touch ~/.cache/tool/kept new")))
    assert (home / ".cache" / "tool" / "kept").exists()


async def test_a_cache_that_the_commit_has_is_named(source: Source, workshop: Workshop) -> None:
    with_file(source, "cache: [src]\n")
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert failed.kind == "permanent"
    assert "`cache: src` cannot be shared" in failed.detail


# --- warm worktrees


def seen_by(workshop: Workshop, outcome: Outcome) -> str:
    return workshop.files_of(done(outcome).commit)["seen"]


async def test_a_set_up_that_would_do_the_same_is_not_run_again(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    run = "cp deps/made seen; pwd >> seen"
    first = seen_by(workshop, await workshop.perform(lease(source, run=run)))
    second = seen_by(workshop, await workshop.perform(lease(source, run=run)))
    assert first == second


MESSES = [
    "echo mine > README; rm -r src; mkdir src; echo new > src/new; echo x > untracked",
    "echo x > a.log; mkdir -p more/deps; echo y > more/deps/z; touch deps/bin/new",
    "rm -r src; ln -s {outside} src; rm README; mkdir README; chmod 700 src/ || true",
    "git checkout -q -b other; git rm -q README; git commit -qm x; rm -rf .git; git init -q",
    "echo '*' > .git/info/exclude; git update-index --assume-unchanged README; echo no > README",
    "printf 'mine' > deps/.hidden; mkdir empty/full; echo x > empty/full/x; : > ' odd\nname'",
]
"""What commands leave without touching what the set-up made; `{outside}` is a folder elsewhere."""


@pytest.mark.parametrize("mess", ["; ".join(MESSES[:3]), "; ".join(MESSES[3:])])
async def test_a_tree_that_is_used_again_is_equal_to_a_fresh_one(
    source: Source, tmp_path: Path, mess: str
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    look = "find . -name .git -prune -o -print0 | sort -z > $HIVE_NO_CHANGE_FILE; cp -a . {into}"
    trees = []
    outside = tmp_path / "outside"
    outside.mkdir()
    mess = mess.replace("{outside}", str(outside))
    for name, warm in (("warm", True), ("fresh", False)):
        workshop = Workshop(tmp_path / name, warm_seconds=0, warm_trees=4 if warm else 0)
        first = await workshop.perform(lease(source, run=f"{mess}\n:"))
        assert isinstance(first, WorkDone) or first.kind == "no-change"  # type: ignore[union-attr]
        into = tmp_path / f"{name}-copy"
        seen = done(await workshop.perform(lease(source, run=look.format(into=into))))
        assert (b"is done already" in workshop.artifact(seen.setup)) is warm
        (into / "deps" / "made").write_text("the process number differs")
        trees.append(tree_of(into))
    assert trees[0] == trees[1]
    assert "deps/link" in trees[0]
    assert stat.S_ISDIR(trees[0]["empty"][0])


@pytest.mark.parametrize(
    "change",
    [
        "echo more >> deps/made",
        "rm deps/link",
        "chmod 700 deps",
        "rm -r empty",
        "cp -p deps/made x; echo same-size > x; touch -r deps/made x; cat x > deps/made",
        "cp -p deps/made t; echo evil > deps/made; cp -p t deps/made; touch -r t deps/made; rm t",
        "mv deps/made deps/other; cp -p deps/other deps/made; rm deps/other",
        "rm deps/link; ln -s made deps/link",
    ],
)
async def test_a_tree_in_which_the_set_ups_own_files_were_touched_is_not_used_again(
    source: Source, workshop: Workshop, change: str
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    done(await workshop.perform(lease(source, run=f"{change}; echo > new")))
    assert workshop.place.trees.warm() == []


async def test_a_warm_tree_that_somebody_touches_while_it_waits_is_not_used(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    await workshop.perform(lease(source, run="touch new"))
    (warm,) = workshop.place.trees.warm()
    (warm / "deps" / "made").write_text("poison")
    again = done(await workshop.perform(lease(source, run="cp deps/made seen")))
    assert "poison" not in workshop.files_of(again.commit)["seen"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("setup: touch a.log\n", "setup: touch b.log\n"),
        ("setup: touch a.log\n", "setup: touch a.log\nenv: {set: {A: b}}\n"),
        ("setup: touch a.log\n", "setup: touch a.log\nenv: {pass: [SECRET]}\n"),
        ("setup: touch a.log\n", "setup: touch a.log\ncopy: [.env]\n"),
    ],
)
async def test_another_set_up_or_environment_is_set_up_afresh(
    source: Source, workshop: Workshop, before: str, after: str
) -> None:
    (source.path / ".env").write_text("x")
    setups = []
    for text in (before, after):
        with_file(source, text.replace("setup: ", "setup: date +%s%N; "))
        setups.append(done(await workshop.perform(lease(source, run="touch new"))).setup)
    assert setups[0] != setups[1]
    assert len(workshop.place.trees.warm()) == 2


async def test_any_changed_file_means_another_set_up_unless_its_inputs_are_named(
    source: Source, workshop: Workshop
) -> None:
    for text, again in (
        ("setup: {run: touch a.log}\n", False),
        ("setup: {run: touch a.log, inputs: ['*.lock']}\n", True),
    ):
        with_file(source, text)
        source.commit({"uv.lock": "1"})
        await workshop.perform(lease(source, run="touch new"))
        source.commit({"README": f"changed {again}", "src/b.py": "b", ".gitignore": "*.log\n"})
        second = done(await workshop.perform(lease(source, run="cp README seen; ls src >> seen")))
        assert (second.setup is not None) is again
        assert "b.py" in workshop.files_of(second.commit)["seen"]
        source.commit({"uv.lock": f"{again}"})
        third = done(await workshop.perform(lease(source, run="touch new")))
        assert third.setup is None


async def test_a_commit_that_has_what_a_set_up_made_is_set_up_afresh(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "setup: {run: 'mkdir gen; echo made > gen/x', inputs: [.hive/repo.yaml]}\n")
    await workshop.perform(lease(source, run="touch new"))
    source.commit({"gen": "a file where the set-up makes a folder"})
    failed = failure(await workshop.perform(lease(source, run="touch new")))
    assert "the set-up" in failed.detail
    assert failed.set_up.startswith("ended with status ")


async def test_inputs_that_name_nothing_are_a_mistake(source: Source, workshop: Workshop) -> None:
    with_file(source, "setup: {run: touch a.log, inputs: [poetry.lock]}\n")
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert (failed.kind, "poetry.lock" in failed.detail) == ("permanent", True)


async def test_gates_never_get_a_tree_in_which_an_agent_worked(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    await workshop.perform(lease(source, run="echo > new"))
    (worked,) = workshop.place.trees.warm()
    asked = lease(source, "gates", gates={"where": "pwd"})
    judged = await workshop.perform(asked)
    assert str(worked) not in judged.results[0].tail  # type: ignore[union-attr]


async def test_no_more_trees_are_kept_than_allowed(source: Source, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", warm_seconds=0, warm_trees=2)
    with_file(source, f"setup: {SETUP}\n")
    run = "sleep 0.2; touch new"
    await asyncio.gather(
        *(workshop.perform(lease(source, run=run, name=f"n{n}")) for n in range(4))
    )
    assert len(workshop.place.trees.warm()) == 2
    assert len(list(workshop.options.folder.glob("trees/*"))) == 2


async def test_a_set_up_that_changes_tracked_files_is_run_each_time(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, "setup: echo generated >> README\n")
    for _ in range(2):
        result = done(await workshop.perform(lease(source, run="cp README seen")))
        assert workshop.files_of(result.commit)["seen"] == "hello\ngenerated"


@pytest.mark.parametrize(
    "setup",
    ["git config user.name Set-up", "echo made >> .env", "mkdir -p .git-hooks; git branch mine"],
)
async def test_a_set_up_that_changes_what_each_attempt_gets_anew_is_run_each_time(
    source: Source, workshop: Workshop, setup: str
) -> None:
    with_file(source, f"setup: {setup}; echo ran\ncopy: [.env]\n")
    (source.path / ".env").write_text("KEY=1\n")
    for _ in range(2):
        script = "cat .env > seen; git config user.name >> seen; git branch >> seen"
        result = done(await workshop.perform(lease(source, run=script)))
        assert workshop.artifact(result.setup) == b"ran\n"


async def test_the_folders_of_a_runner_before_this_one_are_not_warm(
    source: Source, workshop: Workshop
) -> None:
    with_file(source, f"setup: {SETUP}\n")
    await workshop.perform(lease(source, run="touch new"))
    next_runner = Workshop(workshop.options.data, warm_seconds=0)
    await next_runner.place.trees.clear()
    assert list(workshop.options.folder.glob("trees/*")) == []
