"""A branch that work is based on, merged into it: by git, or by a command where it conflicts."""

from pathlib import Path

import pytest

from hive_contracts.plan import ArtifactRef, MergeOf, Tip
from tests.integration.runner.workshop import (
    Source,
    Workshop,
    done,
    failure,
    git,
    lease,
    merge_of,
    merged,
)


async def tip_of(source: Source, workshop: Workshop, run: str) -> Tip:
    """The mission's branch after a first piece of work."""
    work = done(await workshop.perform(lease(source, run=run, name="first")))
    asked = lease(source, "merge", name="merge-first", merge=merge_of(work, "build/first"))
    return merged(await workshop.perform(asked)).new


async def moved(workshop: Workshop, source: Source, files: dict[str, str]) -> MergeOf:
    """The base goes on; as the github service brings it."""
    before = source.head
    after = source.commit(files)
    file = source.path.parent / f"{after}.bundle"
    git(source.path, "update-ref", "refs/hive/base", after)
    git(source.path, "bundle", "create", "-q", str(file), "refs/hive/base", f"^{before}")
    git(source.path, "reset", "-q", "--hard", before)
    bundle: ArtifactRef = await workshop.depot.keep_file(file)
    return MergeOf("", "main", 0, after, bundle)


def parents(workshop: Workshop, commit: str) -> list[str]:
    return workshop.mirror_git("log", "-1", "--format=%P", commit).split()


async def test_what_does_not_conflict_is_merged_without_the_command(
    source: Source, workshop: Workshop
) -> None:
    tip = await tip_of(source, workshop, "echo mine > mine.txt")
    base = await moved(workshop, source, {"theirs.txt": "theirs", "more.txt": "more"})
    work = done(
        await workshop.perform(
            lease(source, run="echo never > never; exit 1", name="base", tip=tip, merge=base)
        )
    )
    assert parents(workshop, work.commit) == [tip.commit, base.commit]
    files = workshop.files_of(work.commit)
    assert files["mine.txt"] == "mine"
    assert files["theirs.txt"] == "theirs"
    assert "never" not in files
    # A runner that merges it into the branch needs nothing but the bundle.
    asked = lease(source, "merge", name="merge-base", tip=tip, merge=merge_of(work, "r/base"))
    new = merged(await workshop.perform(asked)).new.commit
    workshop.mirror_git("merge-base", "--is-ancestor", base.commit, new)


async def test_a_conflict_is_the_commands_to_mend(source: Source, workshop: Workshop) -> None:
    tip = await tip_of(source, workshop, "echo mine > README.md; echo '*.tmp' > .gitignore")
    base = await moved(workshop, source, {"README.md": "theirs\n", "forced.tmp": "kept"})
    prompt_file = '"$HIVE_PROMPT_FILE"'
    run = (
        "grep -q '<<<<<<<' README.md && grep -q mine README.md && grep -q theirs README.md"
        f" && grep -q 'main conflicts' {prompt_file} && printf 'both\\n' > README.md"
    )
    work = done(await workshop.perform(lease(source, run=run, name="base", tip=tip, merge=base)))
    assert parents(workshop, work.commit) == [tip.commit, base.commit]
    files = workshop.files_of(work.commit)
    assert files["README.md"] == "both"
    # Ignored here, and tracked there: a merge loses nothing.
    assert files["forced.tmp"] == "kept"


async def test_marks_that_are_left_fail_the_attempt(source: Source, workshop: Workshop) -> None:
    tip = await tip_of(source, workshop, "echo mine > README.md")
    base = await moved(workshop, source, {"README.md": "theirs\n"})
    asked = lease(source, run="echo more >> other", name="base", tip=tip, merge=base)
    failed = failure(await workshop.perform(asked))
    assert failed.kind == "agent"
    assert "marks of conflicts are left in README.md" in failed.detail


async def test_what_the_command_committed_by_itself_keeps_both_parents(
    source: Source, workshop: Workshop
) -> None:
    tip = await tip_of(source, workshop, "echo mine > README.md")
    base = await moved(workshop, source, {"README.md": "theirs\n", "theirs.txt": "theirs"})
    run = "echo both > README.md; git add -A; git commit -q -m mended"
    work = done(await workshop.perform(lease(source, run=run, name="base", tip=tip, merge=base)))
    assert parents(workshop, work.commit)[1] == base.commit
    assert workshop.files_of(work.commit)["theirs.txt"] == "theirs"
    assert workshop.files_of(work.commit)["README.md"] == "both"


async def test_a_base_that_is_in_the_branch_already_changes_nothing(
    source: Source, workshop: Workshop
) -> None:
    tip = await tip_of(source, workshop, "echo mine > mine.txt")
    held = MergeOf("", "main", 0, source.head, ArtifactRef("a" * 64, 1))
    work = done(
        await workshop.perform(lease(source, run="exit 1", name="base", tip=tip, merge=held))
    )
    assert work.commit == ""
    assert work.no_change == "main is in the branch already"


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        pytest.param("echo both > README.md", (), id="what came with the base is shown to nobody"),
        pytest.param(
            "echo both > README.md; git checkout -q HEAD -- .github/ci.yml",
            (".github/ci.yml",),
            id="taking a protected change of the base back is shown to a person",
        ),
    ],
)
async def test_protected_paths_in_a_merge(
    source: Source, workshop: Workshop, tmp_path: Path, run: str, shown: tuple[str, ...]
) -> None:
    source.commit({".hive/repo.yaml": 'protect: [".github/**"]\n', ".github/ci.yml": "old"})
    tip = await tip_of(source, workshop, "echo mine > README.md")
    base = await moved(workshop, source, {"README.md": "theirs\n", ".github/ci.yml": "new"})
    work = done(await workshop.perform(lease(source, run=run, name="base", tip=tip, merge=base)))
    assert work.protected == shown
