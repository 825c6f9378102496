"""How attempts are called."""

import subprocess

import pytest

from hive_runner.repositories.names import AttemptName


@pytest.mark.parametrize(
    ("name", "ref", "trailer"),
    [
        (AttemptName("t", "fix-1", "build", "one", 2), "fix-1/build_one/2", "fix-1/build/one/2"),
        (AttemptName("t", "fix-1", "", "base", 1), "fix-1/base/1", "fix-1/base/1"),
        (AttemptName("t", "a.lock", "..", "x y", 1), "a-lock/--_x-y/1", "a.lock/../x y/1"),
    ],
)
def test_an_attempt_has_refs_that_git_allows(name: AttemptName, ref: str, trailer: str) -> None:
    assert (name.attempt_ref, name.kept_ref) == (
        f"refs/hive/attempts/{ref}",
        f"refs/hive/kept/{ref}",
    )
    assert name.trailer == trailer
    subprocess.run(["git", "check-ref-format", name.kept_ref], check=True)


def test_tasks_of_different_phases_never_share_a_ref() -> None:
    names = [
        AttemptName("1", "m", "a", "b", 1),
        AttemptName("2", "m", "", "a", 1),
        AttemptName("3", "m", "a-b", "c", 1),
        AttemptName("4", "m", "a", "b-c", 1),
    ]
    refs = [name.kept_ref for name in names]
    assert len(set(refs)) == len(refs)
    assert not [one for one in refs for other in refs if other.startswith(f"{one}/")]


def test_a_folder_never_leaves_that_of_the_attempts() -> None:
    assert "/" not in AttemptName("../../x", "m", "a", "b", 1).key
