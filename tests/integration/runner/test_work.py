"""The step `work` on real repositories, with commands that behave and commands that do not."""

import asyncio
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from hive_contracts.orders import Lease
from hive_contracts.outcome import Failure, GateResult, GatesRun
from hive_contracts.plan import Repository, Timeouts, Tip
from hive_runner.agents import silences
from hive_shared.profiles import Profile
from tests.integration.runner.workshop import (
    PERSON,
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    until,
)


async def test_work_is_one_commit_on_the_tip_and_a_bundle_of_it(
    source: Source, workshop: Workshop
) -> None:
    before = source.state()
    result = done(
        await workshop.perform(
            lease(source, run="echo b > b.txt; echo c >> README; rm src/a.py; echo x > x.log")
        )
    )
    assert workshop.files_of(result.commit) == {
        ".gitignore": "*.log", "README": "hello\nc", "b.txt": "b",
    }  # fmt: skip
    assert (result.files, result.insertions, result.deletions) == (3, 2, 1)
    message = workshop.mirror_git("log", "-1", "--format=%B", result.commit)
    assert message.endswith("Hive-Attempt: fix-1/build/one/1")
    assert workshop.mirror_git("rev-parse", f"{result.commit}^") == source.head
    bundle = source.path.parent / "got.bundle"
    bundle.write_bytes(workshop.artifact(result.bundle))
    clone = source.path.parent / "clone"
    git(source.path.parent, "clone", "-q", str(source.path), str(clone))
    git(clone, "fetch", "-q", str(bundle), f"{result.commit}:refs/heads/got")
    assert git(clone, "rev-parse", "got") == result.commit
    assert source.state() == before
    assert workshop.folders_left() == []


async def test_a_commit_of_a_script_that_many_tasks_run_says_what_it_is_for(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(source, run="echo b > b\necho c > c\n", objective="Two files.\nAnd more.")
    result = done(await workshop.perform(asked))
    assert workshop.mirror_git("log", "-1", "--format=%s", result.commit) == "one: Two files."
    asked = lease(source, run="echo d > d\n", objective="Two files.", epoch=2)
    result = done(await workshop.perform(asked))
    assert workshop.mirror_git("log", "-1", "--format=%s", result.commit) == "one: echo d > d"


async def test_the_prompt_is_on_stdin_and_in_a_file_with_what_went_wrong_before(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(
        source,
        agent="cat",
        prompt="Fix the upload.",
        objective="Make it reliable.",
        feedback=GatesRun(
            "0" * 40, (GateResult("tests", False, "pytest", 1, tail="1 failed: test_retry"),)
        ),
        hints=("The clock is read twice.",),
    )
    workshop.options.profiles["cat"] = Profile(
        ("/bin/sh", "-c", 'cat > stdin; cat "$HIVE_PROMPT_FILE" > file')
    )
    result = done(await workshop.perform(asked))
    files = workshop.files_of(result.commit)
    assert files["stdin"] == files["file"]
    for part in (
        "Make it reliable.",
        "Fix the upload.",
        "test_retry",
        "A person adds:\nThe clock is read twice.",
        "HIVE_NO_CHANGE_FILE",
    ):
        assert part in files["stdin"]


async def test_a_failure_before_is_part_of_the_prompt(source: Source, workshop: Workshop) -> None:
    workshop.options.profiles["tee"] = Profile(("tee", "asked"))
    asked = lease(
        source,
        agent="tee",
        prompt="Again.",
        feedback=Failure("conflict", "conflicts with the branch", files=("src/a.py",), tail="<<<<"),
    )
    text = workshop.files_of(done(await workshop.perform(asked)).commit)["asked"]
    assert "conflicts with the branch" in text
    assert "src/a.py" in text
    assert "<<<<" in text


async def test_nothing_of_the_runners_environment_gets_in_but_what_is_allowed(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "env: {set: {PORT: '8123'}}\n"})
    result = done(
        await workshop.perform(
            lease(
                source, run="env > env.txt", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
            )
        )
    )
    lines = workshop.files_of(result.commit)["env.txt"].splitlines()
    env = dict(line.split("=", 1) for line in lines)
    assert "SECRET" not in env
    assert env["PORT"] == "8123"
    assert env["HOME"] == "/nonexistent"
    assert env["HIVE_MISSION"] == "fix-1"
    assert env["TRACEPARENT"].split("-")[1] == "a" * 32
    assert not [key for key in env if key.startswith("GIT_") and key != "GIT_CEILING_DIRECTORIES"]


async def test_an_agent_finds_the_home_and_the_name_of_its_person(
    source: Source, tmp_path: Path
) -> None:
    person = {**PERSON, "HOME": str(tmp_path), "USER": "ann", "LOGNAME": "ann"}
    workshop = Workshop(tmp_path / "data", person)
    run = 'echo "$HOME $USER $LOGNAME" > who'
    result = done(await workshop.perform(lease(source, run=run)))
    assert workshop.files_of(result.commit)["who"] == f"{tmp_path} ann ann"


@pytest.mark.parametrize(
    "does",
    [
        "git checkout -q -B other && git branch -D main; git stash",
        "git config user.name mallory && git config core.bare true",
        "git reset -q --hard HEAD~0 && git update-ref -d HEAD",
        "rm -rf .git",
    ],
    ids=["switches and deletes branches", "changes settings", "loses its head", "wipes it"],
)
async def test_what_a_command_does_to_its_git_is_not_done_to_the_persons_checkout(
    source: Source, workshop: Workshop, does: str
) -> None:
    source.commit({"src/b.py": "b = 1\n"})
    (source.path / "README").write_text("not yet committed\n")
    before = source.state()
    await workshop.perform(lease(source, run=f"echo 2 > src/b.py; {does}; true"))
    assert source.state() == before
    assert (source.path / "README").read_text() == "not yet committed\n"


async def test_a_variable_is_passed_where_the_repository_or_the_profile_names_it(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "env: {pass: [SECRET]}\n"})
    result = done(await workshop.perform(lease(source, run='echo "$SECRET" > got')))
    assert workshop.files_of(result.commit)["got"] == "not for agents"


async def test_a_command_that_fails_is_the_agents_failure_and_its_work_is_kept(
    source: Source, workshop: Workshop
) -> None:
    failed = failure(
        await workshop.perform(lease(source, run="echo half > half.txt; echo no luck; exit 3"))
    )
    assert (failed.kind, failed.tail) == ("agent", "no luck\n")
    assert "status 3" in failed.detail
    assert workshop.artifact(failed.output) == b"no luck\n"
    kept = workshop.kept()["fix-1/build_one/1"]
    assert workshop.files_of(kept)["half.txt"] == "half"
    assert workshop.folders_left() == []


async def test_a_command_that_changes_nothing_has_to_say_why(
    source: Source, workshop: Workshop
) -> None:
    silent = failure(await workshop.perform(lease(source, run="true")))
    assert silent.kind == "no-change"
    said = done(
        await workshop.perform(lease(source, run='echo "all done already" > $HIVE_NO_CHANGE_FILE'))
    )
    assert (said.commit, said.bundle, said.no_change) == ("", None, "all done already")


async def test_a_command_is_ended_at_its_time_out(source: Source, workshop: Workshop) -> None:
    failed = failure(
        await workshop.perform(
            lease(source, run="echo begun; sleep 77", timeouts=Timeouts(run=0.5))
        )
    )
    assert (failed.kind, failed.tail) == ("timeout", "begun\n")


async def test_a_command_is_ended_when_it_is_silent_for_too_long(
    source: Source, workshop: Workshop
) -> None:
    failed = failure(
        await workshop.perform(
            lease(source, run="echo begun; sleep 77", timeouts=Timeouts(silence=0.5))
        )
    )
    assert failed.kind == "timeout"
    assert "without output" in failed.detail


async def test_for_how_long_a_command_has_printed_nothing_is_told_while_it_runs(
    source: Source, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silences, "TOLD_SECONDS", 0.05)
    quiet = lease(source, run="echo begun; sleep 77", timeouts=Timeouts(silence=60))
    working = asyncio.ensure_future(workshop.perform(quiet))
    try:
        await until(lambda: bool(workshop.place.silences.told()))
        [told] = workshop.place.silences.told()
    finally:
        working.cancel()
        await asyncio.wait([working])
    assert (told.task_id, told.epoch, told.limit) == (quiet.task.task_id, quiet.epoch, 60)
    planned = quiet.task
    assert told.task == f"{planned.mission}/{planned.phase}/{planned.spec.name}"
    assert workshop.place.silences.told() == ()


async def test_what_the_set_up_made_is_not_the_commands_work(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: mkdir env; echo x > env/x; echo lock >> README\n"})
    nothing = failure(await workshop.perform(lease(source, run="test -e env/x")))
    assert nothing.kind == "no-change"
    result = done(await workshop.perform(lease(source, run="echo b > b.txt", epoch=2)))
    assert "env/x" not in workshop.files_of(result.commit)


async def test_a_set_up_that_fails_is_the_infrastructures(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "setup: echo no disk; exit 1\n"})
    failed = failure(await workshop.perform(lease(source, run="echo never > never")))
    assert (failed.kind, failed.tail) == ("infrastructure", "no disk\n")


async def test_a_broken_repository_file_is_named_with_its_line(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "gates: {}\nset-up: true\n"})
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert failed.kind == "permanent"
    assert ".hive/repo.yaml" in failed.detail


async def test_commits_that_the_command_made_by_itself_stay(
    source: Source, workshop: Workshop
) -> None:
    run = "echo 1 > one; git add one; git commit -qm mine; echo 2 > two"
    result = done(await workshop.perform(lease(source, run=run)))
    subjects = workshop.mirror_git("log", "--format=%s", f"{source.head}..{result.commit}")
    assert subjects.splitlines()[1] == "mine"
    assert {"one", "two"} <= set(workshop.files_of(result.commit))


async def test_commits_to_files_that_were_there_stay_too(
    source: Source, workshop: Workshop
) -> None:
    run = "echo 1 >> README; git rm -q src/a.py; git commit -qam mine; echo 2 >> README"
    result = done(await workshop.perform(lease(source, run=run)))
    subjects = workshop.mirror_git("log", "--format=%s", f"{source.head}..{result.commit}")
    assert subjects.splitlines()[1] == "mine"
    assert workshop.files_of(result.commit)["README"] == "hello\n1\n2"
    assert (result.files, result.insertions, result.deletions) == (2, 2, 1)


async def test_a_command_that_moves_its_head_elsewhere_hands_in_its_files(
    source: Source, workshop: Workshop
) -> None:
    source.commit({"later": "later\n"})
    run = (
        "git checkout -q HEAD~1; echo 1 > one; git add -A; git commit -qm aside;"
        " git branch mine; git checkout -q --orphan bare; echo 2 > two"
    )
    result = done(await workshop.perform(lease(source, run=run)))
    assert workshop.mirror_git("rev-parse", f"{result.commit}^") == source.head
    assert {"one", "two"} <= set(workshop.files_of(result.commit))
    aside = [commit for commit in workshop.kept().values() if commit != result.commit]
    assert [workshop.mirror_git("log", "-1", "--format=%s", one) for one in aside] == ["aside"]


@pytest.mark.parametrize(
    "damage",
    [
        "rm -rf .git",
        'rm -rf "$(git rev-parse --git-dir)"',
        "rm .git; git init -q .; git add -A; git commit -qm theirs",
        'echo broken > "$(git rev-parse --git-dir)/HEAD"',
        'rm -rf ../own.git',
        'git config core.hooksPath "$PWD"; printf "#!/bin/sh\\nexit 1\\n" > pre-commit; chmod +x *',
    ],
    ids=["no .git", "no git directory", "another repository", "a broken HEAD", "the runner's own",
         "hooks of its own"],
)  # fmt: skip
async def test_a_command_that_breaks_its_git_directory_still_hands_in_its_files(
    damage: str, source: Source, workshop: Workshop
) -> None:
    result = done(await workshop.perform(lease(source, run=f"{damage}; echo done > done.txt")))
    files = workshop.files_of(result.commit)
    assert files["done.txt"] == "done"
    assert files["README"] == "hello"
    assert workshop.mirror_git("rev-parse", f"{result.commit}^") == source.head


async def test_a_command_that_removes_its_folder_has_failed(
    source: Source, workshop: Workshop
) -> None:
    failed = failure(await workshop.perform(lease(source, run='rm -rf "$PWD"')))
    assert failed.kind == "agent"


@pytest.mark.parametrize(
    "commit",
    ["", "git -C inner add one; git -C inner -c user.name=a -c user.email=b commit -qm x"],
    ids=["without a commit", "with a commit"],
)
async def test_a_repository_made_within_the_tree_is_handed_in_as_files(
    commit: str, source: Source, workshop: Workshop
) -> None:
    run = f"git init -q inner; echo 1 > inner/one; {commit}"
    result = done(await workshop.perform(lease(source, run=run)))
    assert workshop.files_of(result.commit)["inner/one"] == "1"


async def test_a_repository_within_the_tree_that_is_said_to_be_ignored_is_handed_in_as_files(
    source: Source, workshop: Workshop
) -> None:
    run = (
        "git init -q inner; echo 1 > inner/one; cd inner; git add one;"
        " git -c user.name=a -c user.email=a@b commit -q -m 1; cd ..;"
        " printf '[submodule \"inner\"]\\n path = inner\\n ignore = all\\n' > .gitmodules"
    )
    result = done(await workshop.perform(lease(source, run=run)))
    assert workshop.files_of(result.commit)["inner/one"] == "1"


async def test_odd_files_arrive_as_they_are(source: Source, workshop: Workshop) -> None:
    run = (
        "printf 'a\\r\\nb\\r\\n' > crlf.txt; ln -s /nowhere link; echo x > 'a \"b\"\\ ü\n.txt';"
        " printf '#!/bin/sh\\n' > tool; chmod 755 tool; mkfifo pipe; mkdir empty;"
        " head -c 3000000 /dev/zero > big.bin; printf '\\001\\377' > \"$(printf 'n\\377')\";"
        " mkdir shut; echo 1 > shut/in; chmod 000 shut"
    )
    result = done(await workshop.perform(lease(source, run=run)))
    listed = workshop.mirror_git("ls-tree", "-r", "-z", result.commit).split("\0")
    modes = {path: mode for mode, path in (line.split("\t") for line in listed if line)}
    assert modes["tool"].startswith("100755")
    assert modes["link"].startswith("120000")
    assert {'a "b"\\ ü\n.txt', "big.bin", "shut/in", "n\ufffd"} <= set(modes)
    assert "pipe" not in modes
    blob = modes["crlf.txt"].split()[2]
    assert workshop.mirror_git("cat-file", "-s", blob) == "6"
    assert workshop.folders_left() == []


async def test_a_submodule_that_is_not_there_stays_what_it_is(
    source: Source, workshop: Workshop
) -> None:
    link = f"160000,{source.head},vendored"
    git(source.path, "update-index", "--add", "--cacheinfo", link)
    git(source.path, "commit", "-qm", "submodule")
    result = done(await workshop.perform(lease(source, run="echo 1 > one")))
    assert "vendored" in workshop.mirror_git("ls-tree", "--name-only", result.commit).splitlines()


async def test_files_outside_of_the_tree_are_no_part_of_the_work(
    source: Source, workshop: Workshop
) -> None:
    before = source.state()
    result = done(await workshop.perform(lease(source, run="echo 1 > one; echo 2 > ../outside")))
    assert set(workshop.files_of(result.commit)) == {".gitignore", "README", "one", "src/a.py"}
    assert source.state() == before
    assert workshop.folders_left() == []


async def test_hooks_and_settings_of_the_person_have_no_say(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    hook = source.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch /tmp/never-run\nexit 1\n")
    hook.chmod(0o755)
    git(source.path, "config", "core.autocrlf", "true")
    result = done(await workshop.perform(lease(source, run="printf 'a\\r\\n' > crlf")))
    assert workshop.mirror_git("cat-file", "-s", f"{result.commit}:crlf") == "3"


async def test_work_without_a_repository_happens_in_an_empty_folder_that_is_kept(
    workshop: Workshop,
) -> None:
    result = done(await workshop.perform(lease(None, run="ls -A; echo made > made")))
    assert (result.commit, result.bundle, result.output) == ("", None, None)
    made = workshop.place.kept / "fix-1" / "build_one" / "1" / "made"
    assert made.read_text() == "made\n"
    assert workshop.folders_left() == []


async def test_a_cancelled_attempt_ends_its_processes_and_keeps_its_work(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(source, run="echo half > half.txt; sleep 4321 & sleep 4321")
    task = asyncio.create_task(workshop.perform(asked))
    tree = workshop.place.attempts / f"{asked.task.task_id}-1" / "tree"
    await until((tree / "half.txt").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert workshop.files_of(workshop.kept()["fix-1/build_one/1"])["half.txt"] == "half"
    assert workshop.folders_left() == []


async def test_kept_work_of_another_life_is_not_replaced(
    source: Source, workshop: Workshop
) -> None:
    first = lease(source, run="echo 1 > one; exit 1")
    await workshop.perform(first)
    again = lease(source, run="echo 2 > two; exit 1")
    await workshop.perform(again)
    kept = workshop.kept()
    assert set(kept) == {"fix-1/build_one/1", "fix-1/build_one/1-2"}
    assert "one" in workshop.files_of(kept["fix-1/build_one/1"])


async def test_work_starts_from_the_tip_of_the_branch(source: Source, workshop: Workshop) -> None:
    first = done(await workshop.perform(lease(source, run="echo 1 > one")))
    second = done(
        await workshop.perform(
            lease(source, run="cat one > two", name="two", tip=Tip(first.commit))
        )
    )
    assert workshop.files_of(second.commit)["two"] == "1"


async def test_tags_are_there_for_set_ups_that_ask_git_for_a_version(
    source: Source, workshop: Workshop
) -> None:
    git(source.path, "tag", "v1.2")
    result = done(await workshop.perform(lease(source, run="git describe --tags > version")))
    assert workshop.files_of(result.commit)["version"] == "v1.2"


async def test_a_shallow_clone_can_be_worked_on(
    source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    source.commit({"later": "later\n"})
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{source.path}", str(shallow))
    asked = lease(source, run="echo 1 > one")
    asked = with_repository(asked, Repository(str(shallow), source.head))
    result = done(await workshop.perform(asked))
    assert workshop.files_of(result.commit)["one"] == "1"


def with_repository(asked: Lease, repository: Repository) -> Lease:
    task = msgspec.structs.replace(asked.task, repository=repository)
    return msgspec.structs.replace(asked, task=task)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
async def test_a_repository_of_another_user_can_be_worked_on(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(source, run="echo 1 > one")
    for folder, folders, files in os.walk(source.path):
        for name in (".", *folders, *files):
            shutil.chown(Path(folder) / name, 65534, 65534)
    assert done(await workshop.perform(asked)).commit


@pytest.mark.parametrize(
    ("repository", "says"),
    [
        (Repository("/nowhere/at/all", "1" * 40), "there is no repository /nowhere/at/all"),
        (Repository("{source}", "1" * 40), "has no commit 1111"),
        (Repository("{source}", ""), "make a first commit"),
        (Repository("{plain}", "1" * 40), "is no git repository"),
        (Repository("--upload-pack=x", "1" * 40), "is no address"),
    ],
    ids=["no folder", "an unknown commit", "no commit", "no repository", "an option"],
)
async def test_a_repository_that_cannot_serve_is_a_lasting_failure_with_a_remedy(
    repository: Repository, says: str, source: Source, workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    url = repository.url.format(source=source.path, plain=tmp_path / "plain")
    asked = with_repository(lease(source, run="true"), Repository(url, repository.base))
    tip = Tip(repository.base)
    asked = msgspec.structs.replace(asked, task=msgspec.structs.replace(asked.task, tip=tip))
    failed = failure(await workshop.perform(asked))
    assert failed.kind == "permanent"
    assert says in failed.detail


async def test_a_machine_without_git_says_so(source: Source, tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "bare")
    workshop.git._person = {"PATH": str(tmp_path)}
    failed = failure(await workshop.perform(lease(source, run="true")))
    assert failed.kind == "permanent"
    assert "install git" in failed.detail


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ("unknown", "profiles.unknown.command"),
        ("gone", "is not on the runner's PATH"),
        ("", "names no agent"),
    ],
)
async def test_an_agent_that_cannot_be_run_is_a_lasting_failure_with_a_remedy(
    agent: str, says: str, source: Source, workshop: Workshop
) -> None:
    workshop.options.profiles["gone"] = Profile(("no-such-program",))
    failed = failure(await workshop.perform(lease(source, prompt="Do it.", agent=agent)))
    assert failed.kind == "permanent"
    assert says in failed.detail


async def test_a_lease_of_the_same_epoch_keeps_what_its_earlier_life_left(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(source, run="echo half > half.txt; sleep 4322")
    task = asyncio.create_task(workshop.perform(asked))
    folder = workshop.place.attempts / f"{asked.task.task_id}-1"
    await until((folder / "tree" / "half.txt").exists)
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside, symlinks=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (aside / "tree" / "more.txt").write_text("more")
    shutil.move(aside, folder)
    again = asyncio.create_task(workshop.perform(asked))
    left = folder / "tree" / "more.txt"
    await until(lambda: not left.exists() and (folder / "work.json").exists())
    again.cancel()
    await asyncio.wait([again])
    assert [
        commit for commit in workshop.kept().values() if "more.txt" in workshop.files_of(commit)
    ]


SCOPED = "mkdir -p libs/x && echo 1 > libs/x/a.py && echo 2 > aside.py && rm -f README.md"


async def test_work_that_leaves_its_paths_fails_with_what_it_changed_there(
    source: Source, workshop: Workshop
) -> None:
    asked = lease(source, run=SCOPED, paths=("libs/x/**",))
    failed = failure(await workshop.perform(asked))
    assert failed.kind == "agent"
    assert "outside of its paths, libs/x/**" in failed.detail
    assert "aside.py" in failed.files
    assert "libs/x/a.py" not in failed.files
    [kept] = workshop.kept().values()
    assert "aside.py" in workshop.files_of(kept), "it is kept all the same"


async def test_work_within_its_paths_is_taken(source: Source, workshop: Workshop) -> None:
    asked = lease(source, run="mkdir -p libs/x && echo 1 > libs/x/a.py", paths=("docs", "libs/x"))
    assert done(await workshop.perform(asked)).files == 1


async def test_a_review_need_not_change_anything_and_lists_defects(
    source: Source, workshop: Workshop
) -> None:
    workshop.options.profiles["critic"] = Profile(
        (
            "/bin/sh",
            "-c",
            'grep -q "You judge" && echo "It reads the clock twice." > "$HIVE_DEFECTS_FILE"',
        )
    )
    asked = lease(source, prompt="Accept, or list defects.", agent="critic", review=True)
    result = done(await workshop.perform(asked))
    assert (result.commit, result.defects) == ("", "It reads the clock twice.")
    accepts = lease(source, run="true", review=True)
    result = done(await workshop.perform(accepts))
    assert (result.no_change, result.defects) == ("it is a review", "")


async def test_only_a_review_has_a_place_for_defects(source: Source, workshop: Workshop) -> None:
    asked = lease(source, run='echo "${HIVE_DEFECTS_FILE-none}" > said')
    result = done(await workshop.perform(asked))
    assert workshop.files_of(result.commit)["said"] == "none"
