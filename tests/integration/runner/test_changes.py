"""What of a change waits for a person, or is shown to one."""

import pytest

from hive_contracts.outcome import FileChange, WorkDone
from tests.integration.runner.workshop import Source, Workshop, done, failure, lease

BASE = {
    ".github/workflows/ci.yml": "on: push\n",
    ".hive/repo.yaml": "agent: cat\n",
    "src/upload.py": "x = 1\n",
    "tests/test_upload.py": "def test_retry(): assert True\n",
    "tests/data.bin": "\x00\x01",
}


async def work(
    source: Source, workshop: Workshop, command: str, files: dict[str, str] | None = None
) -> WorkDone:
    source.commit(BASE | (files or {}))
    return done(await workshop.perform(lease(source, run=command)))


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("echo x >> src/upload.py", ()),
        ("echo x >> .github/workflows/ci.yml", (".github/workflows/ci.yml",)),
        ("echo 'gates: {t: \"true\"}' > .hive/repo.yaml", (".hive/repo.yaml",)),
        ("rm .hive/repo.yaml", (".hive/repo.yaml",)),
        ("git mv .github/workflows/ci.yml ci.yml", (".github/workflows/ci.yml",)),
        ("mv .github ci; ln -s ci .github", (".github", ".github/workflows/ci.yml")),
        ("ln -s .github/workflows w; echo x >> w/ci.yml", (".github/workflows/ci.yml", "w")),
        ("mkdir a; ln -s ../.hive/repo.yaml a/b", ("a/b",)),
        ("ln -s . a; ln -s src c", ()),
        (
            "ln -s /etc/passwd b; ln -s ../../up c",
            (
                "b (a link out of the repository, to /etc/passwd)",
                "c (a link out of the repository, to ../../up)",
            ),
        ),
        ("git -c core.ignorecase=true add .; mkdir .GitHub; echo x > .GitHub/x", (".GitHub/x",)),
        ("chmod +x .hive/repo.yaml", (".hive/repo.yaml",)),
        (
            ("printf '[submodule \"x\"]\\n path = .github/x\\n ignore = all\\n' > .gitmodules;"
            " git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),.github/x;"
            " mkdir .github/x; git add .gitmodules; git commit -qm a"),
            (".github/x",),
        ),
        ("rm -r .github; git add -A; git commit -qm a; git revert --no-edit HEAD; echo > y", ()),
    ],
    ids=[
        "else", "changed", "replaced", "removed", "renamed", "linked-away", "through-a-link",
        "link-to-it", "other-links", "links-out", "letter-case", "mode",
        "submodule-to-be-ignored", "taken-back",
    ],
)  # fmt: skip
async def test_protected_paths_are_found_however_they_are_touched(
    source: Source, workshop: Workshop, command: str, paths: tuple[str, ...]
) -> None:
    found = await work(source, workshop, command)
    assert (found.protected, found.protected_files) == (paths, len(paths))


async def test_what_is_protected_is_said_by_the_base_and_not_by_the_work(
    source: Source, workshop: Workshop
) -> None:
    found = await work(
        source, workshop, "echo 'protect: []' > .hive/repo.yaml; echo > src/deep/x; echo > src/y",
        {".hive/repo.yaml": "protect: [.hive, src/**, '!src/y']\n", "src/deep/z": ""},
    )  # fmt: skip
    assert found.protected == (".hive/repo.yaml", "src/deep/x")


async def test_very_many_protected_paths_are_counted(source: Source, workshop: Workshop) -> None:
    found = await work(source, workshop, "for n in $(seq 100 299); do echo > .github/$n; done")
    assert (len(found.protected), found.protected_files) == (20, 200)


async def test_a_glob_that_cannot_be_used_is_said_before_anything_is_run(
    source: Source, workshop: Workshop
) -> None:
    source.commit({".hive/repo.yaml": "protect: ['[z-a]']\n"})
    failed = failure(await workshop.perform(lease(source, run="echo never")))
    assert failed.kind == "permanent"
    assert "`protect` in .hive/repo.yaml has a glob that cannot be used" in failed.detail


async def test_changed_tests_are_shown_with_what_was_changed(
    source: Source, workshop: Workshop
) -> None:
    found = await work(
        source,
        workshop,
        "echo '# easier' > tests/test_upload.py; printf '\\0\\2' > tests/data.bin;"
        " echo > tests/test_new.py; echo > src/upload.py",
    )
    assert found.tests == (
        FileChange("tests/data.bin"), FileChange("tests/test_upload.py", 1, 1),
    )  # fmt: skip
    assert found.test_files == 2


@pytest.mark.parametrize(
    ("word", "waiting"),
    [
        ("", ("tests/test_upload.py",)),
        ("tests: wait\n", ("tests/test_upload.py",)),
        ("tests: show\n", ()),
    ],
)
async def test_work_that_changes_tests_waits_unless_the_base_says_otherwise(
    source: Source, workshop: Workshop, word: str, waiting: tuple[str, ...]
) -> None:
    found = await work(
        source,
        workshop,
        "echo '# easier' > tests/test_upload.py; echo > tests/test_new.py;"
        " echo 'tests: show' > more.yaml",
        {".hive/repo.yaml": f"agent: cat\n{word}"},
    )
    assert (found.protected, found.protected_files) == (waiting, len(waiting))
    assert found.tests == (FileChange("tests/test_upload.py", 1, 1),)


async def test_a_test_that_is_removed_or_moved_away_waits(
    source: Source, workshop: Workshop
) -> None:
    found = await work(source, workshop, "git rm -q tests/data.bin; git mv tests/test_upload.py x")
    assert found.protected == ("tests/data.bin", "tests/test_upload.py")


async def test_work_cannot_let_itself_change_tests(source: Source, workshop: Workshop) -> None:
    found = await work(
        source, workshop, "echo 'tests: show' >> .hive/repo.yaml; echo > tests/test_upload.py"
    )
    assert found.protected == (".hive/repo.yaml", "tests/test_upload.py")
